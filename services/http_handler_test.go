package services_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
	"tend.example/tend/supervise/supervisetest"
)

func TestHTTPKeepsTheContractOfServe(t *testing.T) {
	supervisetest.TestService(t, func() supervise.Service { return newHTTP(hello) })
}

func TestPanicOfAHandlerIsAnsweredAndTold(t *testing.T) {
	var log records
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Secret", "half an answer")
		panic("oh dear")
	})
	h := newHTTP(mux.ServeHTTP)
	h.Log = log.logger()
	tr := running(t, h, supervise.Policy{})
	c := dial(t, h)
	got := c.get("/users/7?token=secret")
	if got.StatusCode != http.StatusInternalServerError || got.Header.Get("X-Secret") != "" {
		t.Errorf("answer: got %s with %v, want 500 and nothing of the handler's", got.Status, got.Header)
	}
	if got := c.get("/users/8"); got.StatusCode != http.StatusInternalServerError {
		t.Errorf("the same connection: got %s, want 500", got.Status)
	}
	for _, want := range []string{
		`level=ERROR msg="handler panicked" service=test/web method=GET route="GET /users/{id}" err="oh dear" stack=`,
		"TestPanicOfAHandlerIsAnsweredAndTold.func1",
	} {
		if log.count(want) == 0 {
			t.Errorf("log: got %s, want %s in it", log.String(), want)
		}
	}
	if log.count("secret") > 0 {
		t.Errorf("the log has the query: %s", log.String())
	}
	if got := h.Stats().Panics; got != 2 {
		t.Errorf("Stats: %d panics, want 2", got)
	}
	if err := tr.stop(); err != nil {
		t.Errorf("Serve: got %v, want nil: a panic of a handler is no failure of the run", err)
	}
}

// A client must not take half an answer for a whole one.
func TestPanicAfterAHandlerHasWrittenCutsTheConnection(t *testing.T) {
	for name, value := range map[string]any{"panic": "oh dear", "abort": http.ErrAbortHandler} {
		t.Run(name, func(t *testing.T) {
			var log records
			h := newHTTP(func(w http.ResponseWriter, _ *http.Request) {
				io.WriteString(w, "half")
				w.(http.Flusher).Flush()
				panic(value)
			})
			h.Log = log.logger()
			tr := running(t, h, supervise.Policy{})
			c := dial(t, h)
			c.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
			if got, err := c.read(); err == nil || got != nil && got.body != "half" {
				t.Errorf("got %v, %v, want half an answer and an error", got, err)
			}
			want := 1
			if name == "abort" {
				want = 0
			}
			if got := h.Stats().Panics; got != want || log.count("panicked") != want {
				t.Errorf("%d panics counted, %d logged, want %d", got, log.count("panicked"), want)
			}
			tr.stop()
		})
	}
}

func TestAbortBeforeAHandlerHasWrittenCutsTheConnection(t *testing.T) {
	h := newHTTP(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	tr := running(t, h, supervise.Policy{})
	c := dial(t, h)
	c.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	if got, err := c.read(); err == nil {
		t.Errorf("got %s, want a cut connection", got.Status)
	}
	tr.stop()
}

func TestGoInAHandlerIsPartOfTheRun(t *testing.T) {
	done := make(chan struct{})
	h := newHTTP(func(w http.ResponseWriter, r *http.Request) {
		if got := supervise.Path(r.Context()); got != "test/web" {
			t.Errorf("Path: got %q, want test/web", got)
		}
		supervise.Go(context.WithoutCancel(r.Context()), func(context.Context) error {
			<-done
			return errFault
		})
		hello(w, r)
	})
	tr := running(t, h, atOnce)
	dial(t, h).get("/")
	close(done)
	awaitRun(t, tr, 2)
	if err := tr.child().Err; !errors.Is(err, errFault) {
		t.Errorf("why the first run ended: got %v, want a fault", err)
	}
	tr.stop()
}

func TestContextOfARequestEndsWhenTheTimeForStoppingRunsOut(t *testing.T) {
	began := make(chan struct{})
	var left atomic.Int64
	h := newHTTP(func(w http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
		stop, cancel := supervise.StopContext(r.Context())
		defer cancel()
		deadline, _ := stop.Deadline()
		left.Store(int64(time.Until(deadline)))
		w.WriteHeader(http.StatusTeapot)
	})
	tr := running(t, h, supervise.Policy{StopTimeout: time.Second})
	c := dial(t, h)
	c.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	<-began
	tr.cancel()
	if got := c.answer(); got.StatusCode != http.StatusTeapot {
		t.Errorf("answer: got %s, want that of the handler", got.Status)
	}
	if got := time.Duration(left.Load()); got <= 0 || got > 200*time.Millisecond {
		t.Errorf("left of a second when the context ended: %v, want a fifth", got)
	}
	if err := <-tr.ended; err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
}

// A connection type that hides CloseWrite has the client's last bytes reset the connection, and the answer
// with it.
func TestHeaderTooLargeIsAnsweredAndNotReset(t *testing.T) {
	h := newHTTP(hello)
	tr := running(t, h, supervise.Policy{})
	c := dial(t, h)
	c.send("GET / HTTP/1.1\r\nHost: test\r\nX-Large: " + strings.Repeat("x", 2<<20))
	got := c.answer()
	if got.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("answer: got %s, want 431", got.Status)
	}
	tr.stop()
}

func TestHeaderWithinTheBoundIsTaken(t *testing.T) {
	h := newHTTP(hello)
	tr := running(t, h, supervise.Policy{})
	c := dial(t, h)
	c.send("GET / HTTP/1.1\r\nHost: test\r\nX-Large: " + strings.Repeat("x", 15<<10) + "\r\n\r\n")
	if got := c.answer(); got.body != "hello" {
		t.Errorf("answer: got %s, want hello", got.Status)
	}
	tr.stop()
}

func TestUnfinishedHeaderIsNotWaitedForForEver(t *testing.T) {
	h := newHTTP(hello)
	h.ReadHeaderTimeout = 50 * time.Millisecond
	tr := running(t, h, supervise.Policy{})
	c := dial(t, h)
	c.send("GET / HTTP/1.1\r\nHost:")
	c.wantClosed()
	tr.stop()
}

func TestUnfinishedHeaderDoesNotHoldUpTheStop(t *testing.T) {
	h := newHTTP(hello)
	h.ReadHeaderTimeout = 300 * time.Millisecond
	tr := running(t, h, supervise.Policy{})
	dial(t, h).send("GET / HTTP/1.1\r\nHost:")
	if err := tr.stop(); err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
}

func TestIdleConnectionIsClosedAfterItsTime(t *testing.T) {
	h := newHTTP(hello)
	h.IdleTimeout = 50 * time.Millisecond
	tr := running(t, h, supervise.Policy{})
	c := dial(t, h)
	c.get("/")
	c.wantClosed()
	tr.stop()
}

func TestMoreThanMaxConnsWaitInTheQueue(t *testing.T) {
	g := newGate()
	h := newHTTP(g.ServeHTTP)
	h.MaxConns = 2
	tr := running(t, h, supervise.Policy{})
	clients := make([]*client, 5)
	for i := range clients {
		clients[i] = dial(t, h)
		clients[i].send("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
	}
	<-g.began
	<-g.began
	if got := h.Stats(); got.Conns != 2 || got.Requests != 2 {
		t.Errorf("Stats: got %+v, want 2 connections with a request each", got)
	}
	select {
	case <-g.began:
		t.Error("a third request is at the handler")
	default:
	}
	close(g.open)
	for i, c := range clients {
		if got := c.answer(); got.body != "hello" {
			t.Errorf("client %d: got %q, want hello", i, got.body)
		}
	}
	tr.stop()
}

// scarce is a listener without file descriptors, for a while.
type scarce struct {
	net.Listener
	fails atomic.Int64
	err   error
}

func (s *scarce) Accept() (net.Conn, error) {
	if s.fails.Add(-1) >= 0 {
		return nil, s.err
	}
	return s.Listener.Accept()
}

func TestOutOfFileDescriptorsIsSurvivedAndToldOnce(t *testing.T) {
	var log records
	l := listen(t)
	h := newHTTP(hello)
	h.Log = log.logger()
	h.Listener = &scarce{Listener: l, err: &net.OpError{Op: "accept", Err: emfile}}
	h.Listener.(*scarce).fails.Store(4)
	tr := running(t, h, supervise.Policy{})
	if got := dial(t, h).get("/"); got.body != "hello" {
		t.Errorf("answer: got %q, want hello", got.body)
	}
	if got := h.Stats().AcceptFaults; got != 4 {
		t.Errorf("Stats: %d, want 4 failures to accept", got)
	}
	if got := log.count("out of file descriptors"); got != 1 || log.count("Accept error") != 0 {
		t.Errorf("logged %d times, want once: %s", got, log.String())
	}
	if err := tr.stop(); err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
}

func TestBrokenListenerFailsTheRun(t *testing.T) {
	h := newHTTP(hello)
	h.Listener = &scarce{Listener: listen(t), err: errFault}
	h.Listener.(*scarce).fails.Store(1)
	tr := serve(t, supervise.Child{Name: "web", Service: h, Policy: supervise.Policy{Restart: supervise.Never}})
	eventually(t, "the failure", func() bool { return tr.child().State == supervise.Failed })
	if err := tr.child().Err; !errors.Is(err, errFault) || !strings.HasPrefix(err.Error(), "accept on http 127.0.0.1:") {
		t.Errorf("got %v, want what was tried, and a fault", err)
	}
	tr.stop()
}

func TestMalformedRequestsAreRefused(t *testing.T) {
	h := newHTTP(hello)
	tr := running(t, h, supervise.Policy{})
	for name, request := range map[string]string{
		"no host":               "GET / HTTP/1.1\r\n\r\n",
		"two hosts":             "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
		"two lengths":           "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
		"space before colon":    "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
		"NUL":                   "GET / HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n",
		"no HTTP":               "hello\r\n\r\n",
		"TLS":                   "\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n",
		"unknown encoding":      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: zip\r\n\r\n",
		"line folding in field": "GET / HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, h)
			c.send(request)
			if got := c.answer(); got.StatusCode < 400 || got.StatusCode >= 600 || got.body == "hello" {
				t.Errorf("answer: got %s, want a refusal", got.Status)
			}
			c.wantClosed()
		})
	}
	if err := tr.stop(); err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
}

func TestWhatAHandlerMayAskOfItsWriter(t *testing.T) {
	h := newHTTP(func(w http.ResponseWriter, _ *http.Request) {
		if _, ok := w.(io.ReaderFrom); !ok {
			t.Error("no ReadFrom, so no sendfile")
		}
		if _, ok := w.(http.Hijacker); !ok {
			t.Error("no Hijack")
		}
		rc := http.NewResponseController(w)
		if err := errors.Join(rc.SetReadDeadline(time.Now().Add(time.Minute)), rc.SetWriteDeadline(time.Now().Add(time.Minute)), rc.EnableFullDuplex()); err != nil {
			t.Errorf("ResponseController: %v", err)
		}
		w.WriteHeader(http.StatusEarlyHints) // is no answer yet
		w.(io.ReaderFrom).ReadFrom(strings.NewReader("read "))
		io.WriteString(w, "written")
		if err := rc.Flush(); err != nil {
			t.Errorf("Flush: %v", err)
		}
	})
	tr := running(t, h, supervise.Policy{})
	c := dial(t, h)
	c.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	if early := c.answer(); early.StatusCode != http.StatusEarlyHints {
		t.Errorf("first: got %s, want 103", early.Status)
	}
	if got := c.answer(); got.body != "read written" || got.StatusCode != http.StatusOK {
		t.Errorf("answer: got %s %q, want 200 read written", got.Status, got.body)
	}
	tr.stop()
}

func TestStatsCountWhatIsUnderWay(t *testing.T) {
	g := newGate()
	h := newHTTP(g.ServeHTTP)
	tr := running(t, h, supervise.Policy{})
	c := dial(t, h)
	c.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	<-g.began
	if got := h.Stats(); got != (services.HTTPStats{Conns: 1, Requests: 1, Active: 1}) {
		t.Errorf("Stats: got %+v, want a connection and a request", got)
	}
	silent := dial(t, h)
	eventually(t, "a connection that is silent", func() bool { return h.Stats() == services.HTTPStats{Conns: 2, Requests: 1, Active: 1} })
	silent.Close()
	close(g.open)
	c.answer()
	eventually(t, "an idle connection", func() bool { return h.Stats() == services.HTTPStats{Conns: 1, Idle: 1} })
	if got, _ := h.Detail().(services.HTTPDetail); got.HTTPStats != (services.HTTPStats{Conns: 1, Idle: 1}) || got.Served != 1 {
		t.Errorf("Detail: got %+v, want the Stats, and one request served", got)
	}
	c.Close()
	eventually(t, "the connection is gone", func() bool { return h.Stats() == services.HTTPStats{} })
	tr.stop()
}

func TestStatsCountConnectionsThatAHandlerHasTakenOver(t *testing.T) {
	taken := make(chan net.Conn)
	h := newHTTP(func(w http.ResponseWriter, _ *http.Request) {
		nc, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Errorf("Hijack: %v", err)
		}
		taken <- nc
	})
	tr := running(t, h, supervise.Policy{})
	dial(t, h).send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	nc := <-taken
	eventually(t, "the handler is back", func() bool { return h.Stats() == services.HTTPStats{Conns: 1, Hijacked: 1} })
	nc.Close()
	eventually(t, "the connection is gone", func() bool { return h.Stats() == services.HTTPStats{} })
	tr.stop()
}

// A handler that goes on writing after it has returned is at fault, but what it writes must not become part of the
// next answer, which behind a balancer is somebody else's.
func TestLateWriteIsNotPartOfTheNextAnswer(t *testing.T) {
	var late http.ResponseWriter
	h := newHTTP(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/first" {
			late = w
			return
		}
		late.Header().Set("X-Secret", "of the first")
		io.WriteString(late, "secret of the first ")
		io.WriteString(w, "second")
	})
	tr := running(t, h, supervise.Policy{})
	c := dial(t, h)
	c.get("/first")
	if got := c.get("/second"); got.body != "second" || got.Header.Get("X-Secret") != "" {
		t.Errorf("the second answer: got %q with %v, want nothing of the first", got.body, got.Header)
	}
	tr.stop()
}

func TestPanicAfterHijackClosesTheConnection(t *testing.T) {
	h := newHTTP(func(w http.ResponseWriter, _ *http.Request) {
		if _, _, err := http.NewResponseController(w).Hijack(); err != nil {
			t.Error(err)
		}
		panic("oh dear")
	})
	tr := running(t, h, supervise.Policy{})
	c := dial(t, h)
	c.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	c.wantClosed()
	if err := tr.stop(); err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
}

// A stream that has the only place ends when the drain begins, so that who waits in the queue gets it.
func TestStreamGivesItsPlaceToTheQueueAtAStop(t *testing.T) {
	began := make(chan struct{})
	h := newHTTP(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/stream" {
			close(began)
			<-services.Draining(r.Context())
		}
		hello(w, r)
	})
	h.MaxConns = 1
	tr := running(t, h, supervise.Policy{})
	stream, queued := dial(t, h), dial(t, h)
	stream.send("GET /stream HTTP/1.1\r\nHost: test\r\n\r\n")
	<-began
	queued.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	tr.cancel()
	for _, c := range []*client{stream, queued} {
		if got := c.answer(); got.body != "hello" {
			t.Errorf("got %q, want hello", got.body)
		}
	}
	if err := <-tr.ended; err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
}
