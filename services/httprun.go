package services

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"tend.example/tend/supervise"
)

// httpRun is what one run of an HTTP has under way.
type httpRun struct {
	http   *HTTP
	log    *slog.Logger
	server *http.Server
	begun  time.Time // times of requests count from here: to read both clocks for each would cost twice as much
	door   *door
	conns  conns

	handler http.Handler
	end     func()        // of the contexts of all requests
	ended   chan struct{} // closed when the accept loop has ended
	err     error         // how it did, once ended is closed

	lame     atomic.Bool   // every response says `Connection: close`
	draining chan struct{} // closed when requests that last for long are to end
	active   atomic.Int64  // requests that a handler is at
	late     atomic.Bool   // the contexts of all requests have been ended
	gaveUp   atomic.Int64  // requests that had no answer then
	closing  atomic.Bool   // what is still in flight is cut off
	lost     casualties    // the requests that were, or had given up
}

type (
	runKey  struct{} // of the drainer, in the context of a request or a job's run
	connKey struct{} // of the *track
)

// Draining is closed when the HTTP service that serves the request wants handlers to end that would go
// on by themselves, such as streams and WebSockets: no new connections are accepted any more, or another
// run has taken over. The context of the request goes on for as long as it can. In a run of a Job it is closed
// when the service is told to stop. ctx is the context of the request, or of the run; for another one
// Draining returns nil, which is never closed.
func Draining(ctx context.Context) <-chan struct{} {
	if d, ok := ctx.Value(runKey{}).(drainer); ok {
		return d.drains()
	}
	return nil
}

// drainer is what has requests, or a run.
type drainer interface{ drains() <-chan struct{} }

func (r *httpRun) drains() <-chan struct{} { return r.draining }

// start accepts from door until that is closed. leave, drain or cut wait for all that begins here.
func (h *HTTP) start(ctx context.Context, door *door, config *tls.Config, handler http.Handler) *httpRun {
	r := &httpRun{
		http:     h,
		log:      h.log().With(slog.String("service", supervise.Path(ctx))),
		begun:    time.Now(),
		door:     door,
		handler:  handler,
		ended:    make(chan struct{}),
		draining: make(chan struct{}),
	}
	if r.handler == nil {
		r.handler = http.NotFoundHandler()
	}
	// Detached: requests in flight are to be finished when ctx is done.
	base, end := context.WithCancel(context.WithValue(context.WithoutCancel(ctx), runKey{}, r))
	r.end = func() {
		r.late.Store(true)
		end()
	}
	r.server = &http.Server{
		Handler:           http.HandlerFunc(r.serve),
		TLSConfig:         config,
		ReadHeaderTimeout: cmp.Or(h.ReadHeaderTimeout, defaultReadHeaderTimeout),
		IdleTimeout:       cmp.Or(h.IdleTimeout, defaultIdleTimeout),
		MaxHeaderBytes:    cmp.Or(h.MaxHeaderBytes, defaultMaxHeaderBytes),
		ErrorLog:          slog.NewLogLogger(quiet{r.log.Handler()}, slog.LevelWarn),
		BaseContext:       func(net.Listener) context.Context { return base },
		ConnContext: func(ctx context.Context, nc net.Conn) context.Context {
			return r.connContext(context.WithValue(ctx, connKey{}, trackOf(nc)), nc)
		},
		ConnState: r.conns.note,
		Protocols: h.protocols(config != nil),
	}
	go func() { // whoever ends the run waits for ended
		defer close(r.ended)
		if config != nil {
			r.err = r.server.ServeTLS(door, "", "")
		} else {
			r.err = r.server.Serve(door)
		}
	}()
	return r
}

// connContext closes a connection whose context cannot be made: net/http then finds that nobody is there.
func (r *httpRun) connContext(base context.Context, nc net.Conn) (ctx context.Context) {
	if r.http.ConnContext == nil {
		return base
	}
	defer func() {
		if value := recover(); value != nil {
			r.http.counts.panics.Add(1)
			r.log.LogAttrs(base, slog.LevelError, "ConnContext panicked",
				slog.String("err", fmt.Sprint(value)), slog.String("stack", string(debug.Stack())))
			_ = nc.Close() // nothing was said on it
			ctx = base
		}
	}()
	return r.http.ConnContext(base, nc)
}

func (h *HTTP) protocols(tls bool) *http.Protocols {
	p := &http.Protocols{}
	p.SetHTTP1(true)
	p.SetHTTP2(tls)
	p.SetUnencryptedHTTP2(h.H2C)
	return p
}

// quiet leaves out what has been logged in another way.
type quiet struct{ slog.Handler }

func (q quiet) Handle(ctx context.Context, record slog.Record) error {
	if strings.HasPrefix(record.Message, "http: Accept error") {
		return nil
	}
	return q.Handler.Handle(ctx, record)
}

// serve calls the handler.
func (r *httpRun) serve(w http.ResponseWriter, req *http.Request) {
	r.active.Add(1)
	r.http.counts.requests.Add(1)
	since := time.Since(r.begun)
	var answer *reply
	defer func() {
		answer.answered()
		if r.closing.Load() {
			r.lost.note(req, time.Since(r.begun)-since)
		}
		r.active.Add(-1)
		r.http.counts.requests.Add(-1)
	}()
	t, _ := req.Context().Value(connKey{}).(*track)
	if t == nil || req.ProtoMajor != 1 {
		w2 := &writer2{reply{ResponseWriter: w, run: r, since: since}}
		answer = &w2.reply
		defer r.recovered(&w2.reply, req)
		r.handler.ServeHTTP(w2, req)
		r.handled(&w2.reply, req)
		return
	}
	t.stage.Store(atHandler)
	defer t.returned(req)
	w1 := t.nextReply()
	*w1 = writer1{reply{ResponseWriter: w, run: r, since: since}}
	answer = &w1.reply
	defer r.recovered(&w1.reply, req)
	r.handler.ServeHTTP(w1, req)
	r.handled(&w1.reply, req)
}

// handled sees to it that a handler which wrote nothing is not taken for one that succeeded, when it was
// its context that made it return; and that the rest of a body that was refused is not waited for.
func (r *httpRun) handled(w *reply, req *http.Request) {
	switch {
	case w.begun:
		if w.fault && isBeyondBound(req.Body) {
			w.refuseRest()
		}
	case r.late.Load():
		r.gaveUp.Add(1)
		r.lost.note(req, time.Since(r.begun)-w.since)
		http.Error(w, "stopping", http.StatusServiceUnavailable)
	default:
		w.begin(http.StatusOK)
	}
}

// recovered answers for a handler that panicked, if nothing is answered yet; else the client is to see
// that the answer is not whole.
func (r *httpRun) recovered(w *reply, req *http.Request) {
	value := recover()
	if value == nil {
		return
	}
	if w.hijacked != nil {
		_ = w.hijacked.Close() // nobody else does
	}
	if value == http.ErrAbortHandler { //nolint:errorlint // as net/http does
		panic(value)
	}
	r.http.counts.panics.Add(1)
	r.log.LogAttrs(req.Context(), slog.LevelError, "handler panicked",
		slog.String("method", req.Method), slog.String("route", cmp.Or(req.Pattern, req.URL.Path)),
		slog.String("err", fmt.Sprint(value)), slog.String("stack", string(debug.Stack())))
	if w.begun {
		panic(http.ErrAbortHandler)
	}
	clear(w.Header())
	http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
}

// --- the end of a run ------------------------------------------------------------------------------

// settleFor is how long handshakes that have begun may take: several round trips on a network, and on
// this machine more than enough.
const settleFor = 50 * time.Millisecond

// drain ends the run without losing a request, as far as the time for stopping allows, and those that
// earlier runs left.
func (h *HTTP) drain(ctx context.Context, r *httpRun) error {
	stop, cancel := supervise.StopContext(ctx)
	defer cancel()
	defer whenRunningOut(stop, func() {
		r.end()
		h.leftover.end()
	})()
	r.lame.Store(true)
	pause(stop, h.drainDelay(stop))
	h.leftover.hurry()
	return errors.Join(r.empty(stop), h.leftover.finish(stop))
}

// empty closes the door, and the socket behind it, answers whoever is inside, and closes every connection.
func (r *httpRun) empty(stop context.Context) error {
	close(r.draining) // before the door: who waits there may need the place of a stream
	fault := r.closeDoor(stop)
	r.settle(stop)
	return errors.Join(r.shutdown(stop), fault)
}

// settle waits until no handler is at work, no connection has a request under way, and each has been idle for so
// long that a client that was about to send one has done so; or until ctx is done.
func (r *httpRun) settle(ctx context.Context) {
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	idle := map[*track]time.Time{}
	for r.conns.busy(idle, time.Now(), r.http.keepIdle()) || r.active.Load() > 0 {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// drainDelay is at most half of the time for stopping.
func (h *HTTP) drainDelay(stop context.Context) time.Duration {
	deadline, ok := stop.Deadline()
	if !ok {
		return h.DrainDelay
	}
	return min(h.DrainDelay, time.Until(deadline)/2)
}

// leave ends the run's part in accepting. Its connections end by themselves.
func (r *httpRun) leave() {
	r.lame.Store(true)
	_ = r.door.Close() // what it would say, ended says
	<-r.ended
	close(r.draining)
}
