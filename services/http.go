package services

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"tend.example/tend/supervise"
)

const (
	defaultReadHeaderTimeout = 5 * time.Second
	defaultIdleTimeout       = time.Minute
	defaultMaxHeaderBytes    = 16 << 10
)

// HTTP serves a handler on a TCP address. It is ready when it listens, so the next sibling starts
// only then. A pointer to it is a supervise.Service; it may be served again after it has returned,
// but not twice at a time.
//
// When its ctx is done it stops listening, finishes the requests in flight, and returns nil. What
// is not finished within supervise.StopContext is cut off, and counted in the error it returns.
type HTTP struct {
	// Addr is where to listen, as for net.Listen: "host:port", or ":port" for every address of the
	// machine. Port 0 takes a free one, which BoundAddr tells. Empty: ":http", as in net/http.
	Addr string

	// Handler answers the requests. The context of a request has the values of the run's, so the
	// functions of package supervise work on it; it is not done when the run is told to stop, but
	// when the request must have ended: after supervise.StopContext, or when its client is gone.
	// A handler that goes on after that keeps the run from ending, until it is Stuck; one that has
	// hijacked its connection is not waited for.
	// nil: every request is answered 404.
	Handler http.Handler

	// Log is told the address when it is bound, and the faults that net/http reports: panics of
	// the handler, failures to accept. nil: slog.Default().
	Log *slog.Logger

	// ReadHeaderTimeout bounds reading the header of a request. 0: 5s; <0: none.
	ReadHeaderTimeout time.Duration

	// IdleTimeout bounds the wait for the next request on a connection. 0: 1m; <0: none.
	IdleTimeout time.Duration

	// MaxHeaderBytes bounds the header of a request. 0: 16 KiB.
	MaxHeaderBytes int

	bound atomic.Pointer[net.Addr]
}

// ListenError says that HTTP could not have its address. It is a type so that a program can treat
// it unlike the other ways in which a run fails.
type ListenError struct {
	Addr string // as configured
	Err  error  // wraps a syscall.Errno such as EADDRINUSE or EACCES where that is the cause
}

func (e *ListenError) Error() string {
	cause := e.Err
	if op := (*net.OpError)(nil); errors.As(cause, &op) {
		cause = op.Err // it repeats the address
	}
	return fmt.Sprintf("listen on %s: %v", e.Addr, cause)
}

// Unwrap returns Err.
func (e *ListenError) Unwrap() error { return e.Err }

// NotifiesReady says that Serve calls supervise.Ready, so Child.WaitReady need not be set.
func (h *HTTP) NotifiesReady() {}

// String is "http" and the address.
func (h *HTTP) String() string { return "http " + h.Addr }

// BoundAddr is the address it listens on, from when it is ready until the end of the run; nil
// otherwise.
func (h *HTTP) BoundAddr() net.Addr {
	if addr := h.bound.Load(); addr != nil {
		return *addr
	}
	return nil
}

// Serve listens, calls supervise.Ready, and answers requests until ctx is done. It returns nil
// when every request in flight then was finished. An address that it cannot have is a
// [*ListenError].
func (h *HTTP) Serve(ctx context.Context) error {
	listener, err := h.listen(ctx)
	if err != nil {
		return err
	}
	addr := listener.Addr()
	h.bound.Store(&addr)
	defer h.bound.Store(nil)

	r := h.start(ctx, listener)
	h.log().LogAttrs(ctx, slog.LevelInfo, "listening",
		slog.String("service", supervise.Path(ctx)), slog.String("addr", addr.String()))
	supervise.Ready(ctx)

	select {
	case <-r.ended: // though nobody told it to stop
		return fmt.Errorf("serve on %s: %w; requests cut off: %d", h.Addr, r.err, r.cut())
	case <-ctx.Done():
		return r.stop(ctx)
	}
}

func (h *HTTP) log() *slog.Logger {
	if h.Log == nil {
		return slog.Default()
	}
	return h.Log
}

func (h *HTTP) listen(ctx context.Context) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", cmp.Or(h.Addr, ":http"))
	switch {
	case err == nil:
		return listener, nil
	case ctx.Err() != nil: // told to stop during a look-up of the host
		return nil, ctx.Err()
	default:
		return nil, &ListenError{Addr: h.Addr, Err: err}
	}
}

// httpRun is what one run has under way.
type httpRun struct {
	addr   string
	server *http.Server
	end    context.CancelFunc // of the contexts of all requests
	ended  chan struct{}      // closed when the accept loop has ended
	err    error              // how it did, once ended is closed
	open   sync.WaitGroup     // connections that net/http has a goroutine with
	active atomic.Int64       // requests that the handler is at, hijacked ones too
}

// start serves listener until stop or cut, which wait for all that begins here.
func (h *HTTP) start(ctx context.Context, listener net.Listener) *httpRun {
	// Detached: requests in flight are to be finished when ctx is done.
	base, end := context.WithCancel(context.WithoutCancel(ctx))
	r := &httpRun{addr: h.Addr, end: end, ended: make(chan struct{})}
	handler := h.Handler
	if handler == nil {
		handler = http.NotFoundHandler()
	}
	r.server = &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			r.active.Add(1)
			defer r.active.Add(-1)
			handler.ServeHTTP(w, req)
		}),
		ReadHeaderTimeout: cmp.Or(h.ReadHeaderTimeout, defaultReadHeaderTimeout),
		IdleTimeout:       cmp.Or(h.IdleTimeout, defaultIdleTimeout),
		MaxHeaderBytes:    cmp.Or(h.MaxHeaderBytes, defaultMaxHeaderBytes),
		ErrorLog:          slog.NewLogLogger(h.log().With("service", supervise.Path(ctx)).Handler(), slog.LevelError),
		BaseContext:       func(net.Listener) context.Context { return base },
		ConnState:         r.count,
	}
	go func() {
		defer close(r.ended)
		r.err = r.server.Serve(listener)
	}()
	return r
}

// count is told of StateNew by the accept loop, so open never grows once that has ended.
func (r *httpRun) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		r.open.Add(1)
	case http.StateClosed, http.StateHijacked:
		r.open.Done()
	case http.StateActive, http.StateIdle:
	}
}

// stop finishes the requests in flight, as far as the time of the run allows.
func (r *httpRun) stop(ctx context.Context) error {
	stop, cancel := supervise.StopContext(ctx)
	defer cancel()
	late := r.server.Shutdown(stop)
	<-r.ended
	cut := r.cut()
	if late == nil || cut == 0 {
		return nil
	}
	// Not wrapping late: that would read as a clean answer to being told to stop.
	return fmt.Errorf("stop serving on %s: out of time; requests cut off: %d", r.addr, cut)
}

// cut closes every connection, waits until their handlers are back, and tells how many requests
// were in flight. The accept loop must have ended.
func (r *httpRun) cut() (requests int64) {
	requests = r.active.Load()
	r.server.Close()
	r.end()
	r.open.Wait()
	return requests
}
