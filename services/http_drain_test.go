package services_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

func hello(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }

func TestLameDuckGoesOnServingAndSaysClose(t *testing.T) {
	h := newHTTP(hello)
	h.DrainDelay = time.Minute // of which half of the StopTimeout is left
	tr := running(t, h, supervise.Policy{StopTimeout: 4 * time.Second})
	old := dial(t, h)
	if got := old.get("/"); got.Close {
		t.Error("an answer before the stop says Connection: close")
	}
	tr.cancel()
	eventually(t, "the lame duck", func() bool { return tr.child().State == supervise.Stopping })
	got := old.get("/")
	if got.body != "hello" || !got.Close {
		t.Errorf("answer: got %q, close %v, want hello and close", got.body, got.Close)
	}
	old.wantClosed()
	if got := dial(t, h).get("/"); got.body != "hello" || !got.Close {
		t.Errorf("answer to a newcomer: got %q, close %v, want hello and close", got.body, got.Close)
	}
	if err := <-tr.ended; err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
}

// The kernel completes handshakes by itself: who is in the queue has been let in, as far as he can see.
func TestWhoIsInTheQueueIsAnswered(t *testing.T) {
	h := newHTTP(hello)
	h.MaxConns = 1
	tr := running(t, h, supervise.Policy{})
	first := dial(t, h)
	first.get("/")
	var queue []*client
	for range 20 {
		c := dial(t, h)
		c.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
		queue = append(queue, c)
	}
	tr.cancel()
	eventually(t, "stopping", func() bool { return tr.child().State == supervise.Stopping })
	first.get("/") // the place is free after it
	for i, c := range queue {
		if got := c.answer(); got.body != "hello" {
			t.Errorf("client %d in the queue: got %q, want hello", i, got.body)
		}
	}
	if err := <-tr.ended; err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
}

func TestIdleConnectionHasAnotherChance(t *testing.T) {
	h := newHTTP(hello)
	h.KeepIdle = 3 * time.Second
	tr := running(t, h, supervise.Policy{})
	c := dial(t, h)
	c.get("/")
	tr.cancel()
	eventually(t, "the door is closed", func() bool { return h.BoundAddr() == nil })
	if got := c.get("/"); got.body != "hello" || !got.Close {
		t.Errorf("request on an idle connection: got %q, close %v, want hello and close", got.body, got.Close)
	}
	if err := <-tr.ended; err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
}

func TestAThousandIdleConnectionsDoNotHoldUpTheStop(t *testing.T) {
	h := newHTTP(hello)
	h.KeepIdle = time.Millisecond
	tr := running(t, h, supervise.Policy{})
	clients := make([]*client, 1000)
	for i := range clients {
		clients[i] = dial(t, h)
		clients[i].get("/")
	}
	if got := h.Stats().Conns; got != len(clients) {
		t.Errorf("Stats: %d connections, want %d", got, len(clients))
	}
	if err := tr.stop(); err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
	for _, c := range clients {
		c.wantClosed()
	}
	if got := h.Stats(); got != (services.HTTPStats{}) {
		t.Errorf("Stats after the end: got %+v, want none", got)
	}
}

// gate is a handler whose requests wait until the test lets them go on.
type gate struct {
	began chan struct{}
	open  chan struct{}
}

func newGate() *gate { return &gate{make(chan struct{}, 100), make(chan struct{})} }

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.began <- struct{}{}
	<-g.open
	hello(w, r)
}

func TestWhatIsInFlightAtAFailureIsFinishedBesideTheNextRun(t *testing.T) {
	for name, how := range map[string]func() error{
		"error": fault,
		"panic": func() error { panic("a fault") },
	} {
		t.Run(name, func(t *testing.T) {
			g := newGate()
			mux := http.NewServeMux()
			mux.Handle("/slow", g)
			mux.HandleFunc("/", hello)
			f := newFailing(newHTTP(mux.ServeHTTP))
			tr := serve(t, supervise.Child{Name: "web", Service: f, Policy: atOnce})
			awaitRunning(t, tr)
			addr := f.BoundAddr()
			slow := dial(t, f.HTTP)
			slow.send("GET /slow HTTP/1.1\r\nHost: test\r\n\r\n")
			<-g.began
			f.fail <- how
			awaitRun(t, tr, 2)
			if got := f.BoundAddr(); got == nil || got.String() != addr.String() {
				t.Errorf("BoundAddr of the next run: got %v, want %v", got, addr)
			}
			if got := dial(t, f.HTTP).get("/"); got.body != "hello" {
				t.Errorf("the next run: got %q, want hello", got.body)
			}
			if got := f.Stats().Leftover; got != 1 {
				t.Errorf("Stats: %d left over, want 1", got)
			}
			close(g.open)
			if got := slow.answer(); got.body != "hello" || !got.Close {
				t.Errorf("what was in flight: got %q, close %v, want hello and close", got.body, got.Close)
			}
			if err := tr.stop(); err != nil {
				t.Errorf("Serve: got %v, want nil", err)
			}
		})
	}
}

func TestTheLastRunWaitsForWhatEarlierRunsLeft(t *testing.T) {
	for name, end := range map[string]func(tr *tree) error{
		"told to stop": func(tr *tree) error { return tr.stop() },
		"in backoff":   func(tr *tree) error { return tr.Stop(t.Context(), "test/web") },
	} {
		t.Run(name, func(t *testing.T) {
			g := newGate()
			f := newFailing(newHTTP(g.ServeHTTP))
			policy := atOnce
			if name == "in backoff" {
				policy = supervise.Policy{MinBackoff: time.Hour, MaxBackoff: time.Hour}
			}
			tr := serve(t, supervise.Child{Name: "web", Service: f, Policy: policy})
			awaitRunning(t, tr)
			slow := dial(t, f.HTTP)
			slow.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
			<-g.began
			f.fail <- fault
			if name == "in backoff" {
				eventually(t, "the backoff", func() bool { return tr.child().State == supervise.Backoff })
			} else {
				awaitRun(t, tr, 2)
			}
			ended := make(chan error, 1)
			go func() { ended <- end(tr) }()
			eventually(t, "the socket is closed", func() bool { return f.BoundAddr() == nil })
			close(g.open)
			if got := slow.answer(); got.body != "hello" {
				t.Errorf("what was in flight: got %q, want hello", got.body)
			}
			if err := <-ended; err != nil {
				t.Errorf("the end: got %v, want nil", err)
			}
			if name == "in backoff" {
				tr.stop()
			}
		})
	}
}

func TestWhatIsNeverFinishedIsCutAndCounted(t *testing.T) {
	for name, p := range map[string]supervise.Policy{
		"told to stop": {StopTimeout: 300 * time.Millisecond},
		"in backoff":   {StopTimeout: 300 * time.Millisecond, MinBackoff: time.Hour, MaxBackoff: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			began := make(chan struct{})
			h := newHTTP(func(_ http.ResponseWriter, r *http.Request) {
				close(began)
				io.Copy(io.Discard, r.Body) // a body that never ends; net/http closes it at the cut
			})
			f := newFailing(h)
			tr := serve(t, supervise.Child{Name: "web", Service: f, Policy: p})
			awaitRunning(t, tr)
			c := dial(t, h)
			c.send("POST /up%20load?key=secret HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\nsome")
			<-began
			if p.MinBackoff > 0 {
				f.fail <- fault
				eventually(t, "the backoff", func() bool { return tr.child().State == supervise.Backoff })
			}
			err := tr.stop()
			if err == nil || !strings.Contains(err.Error(), "out of time; requests cut off: 1: POST /up%20load after ") || errors.Is(err, supervise.ErrStuck) {
				t.Errorf("Serve: got %v, want one request cut off", err)
			}
			if got := h.Stats().Cut; got != 1 {
				t.Errorf("Stats: %d cut, want 1", got)
			}
			if _, err := c.read(); err == nil {
				t.Error("a request that was cut off has an answer")
			}
		})
	}
}

func TestSocketIsHeldForTheNextRunAndNotForEver(t *testing.T) {
	h := newHTTP(hello)
	h.HoldSocket = 200 * time.Millisecond
	f := newFailing(h)
	tr := serve(t, supervise.Child{Name: "web", Service: f, Policy: supervise.Policy{MinBackoff: time.Hour, MaxBackoff: time.Hour}})
	awaitRunning(t, tr)
	addr := h.BoundAddr()
	f.fail <- fault
	eventually(t, "the backoff", func() bool { return tr.child().State == supervise.Backoff })
	waits := dialAddr(t, addr) // in the queue
	waits.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	eventually(t, "the socket is closed", func() bool { return h.BoundAddr() == nil })
	if got := waits.answer(); got.StatusCode != http.StatusServiceUnavailable || !got.Close {
		t.Errorf("who waited: got %s, close %v, want 503 and close", got.Status, got.Close)
	}
	if _, err := net.Dial("tcp", addr.String()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dial: got %v, want connection refused", err)
	}
	if err := tr.Restart(t.Context(), "test/web"); err != nil {
		t.Error(err)
	}
	awaitRun(t, tr, 2)
	if got := dial(t, h).get("/"); got.body != "hello" {
		t.Errorf("after another run: got %q, want hello", got.body)
	}
	tr.stop()
}

func TestWhoWaitsForTheNextRunIsAnsweredByIt(t *testing.T) {
	h := newHTTP(hello)
	f := newFailing(h)
	tr := serve(t, supervise.Child{Name: "web", Service: f, Policy: supervise.Policy{MinBackoff: 300 * time.Millisecond}})
	awaitRunning(t, tr)
	addr := h.BoundAddr()
	f.fail <- fault
	eventually(t, "the backoff", func() bool { return tr.child().State == supervise.Backoff })
	var waits sync.WaitGroup
	for range 20 {
		c := dialAddr(t, addr)
		waits.Go(func() {
			c.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
			if got, err := c.read(); err != nil || got.body != "hello" {
				t.Errorf("who waited: got %v, %v, want hello", got, err)
			}
		})
	}
	waits.Wait()
	tr.stop()
}

func TestSocketThatIsNotHeldIsRefused(t *testing.T) {
	h := newHTTP(hello)
	h.HoldSocket = -1
	f := newFailing(h)
	tr := serve(t, supervise.Child{Name: "web", Service: f, Policy: supervise.Policy{MinBackoff: time.Hour, MaxBackoff: time.Hour}})
	awaitRunning(t, tr)
	addr := h.BoundAddr().String()
	f.fail <- fault
	eventually(t, "the backoff", func() bool { return tr.child().State == supervise.Backoff })
	if _, err := net.Dial("tcp", addr); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dial: got %v, want connection refused", err)
	}
	tr.stop()
}

// A MaxConns that is reached has somebody wait in the queue when the run fails.
func TestWhoWaitsForASocketThatIsNotHeldIsAnswered(t *testing.T) {
	g := newGate()
	h := newHTTP(g.ServeHTTP)
	h.HoldSocket, h.MaxConns = -1, 1
	f := newFailing(h)
	tr := serve(t, supervise.Child{Name: "web", Service: f, Policy: supervise.Policy{MinBackoff: time.Hour, MaxBackoff: time.Hour}})
	awaitRunning(t, tr)
	inside, waits := dial(t, h), dial(t, h)
	inside.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	<-g.began
	waits.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	f.fail <- fault
	if got := waits.answer(); got.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("who waited: got %s, want 503", got.Status)
	}
	close(g.open)
	if got := inside.answer(); got.body != "hello" {
		t.Errorf("who was inside: got %q, want hello", got.body)
	}
	tr.stop()
}

func TestSocketIsClosedWhenNoRunFollows(t *testing.T) {
	for name, p := range map[string]supervise.Policy{
		"failed":   {Restart: supervise.Never},
		"given up": {MaxRestarts: -1},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHTTP(hello)
			f := newFailing(h)
			tr := serve(t, supervise.Child{Name: "web", Service: f, Policy: p})
			awaitRunning(t, tr)
			addr := h.BoundAddr().String()
			f.fail <- fault
			eventually(t, "the failure", func() bool { return tr.child().State == supervise.Failed })
			if _, err := net.Dial("tcp", addr); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("dial: got %v, want connection refused", err)
			}
			tr.stop()
		})
	}
}

func TestStreamIsToldOfTheDrainBeforeItsContextEnds(t *testing.T) {
	h := newHTTP(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "first")
		w.(http.Flusher).Flush()
		<-services.Draining(r.Context())
		if err := r.Context().Err(); err != nil {
			t.Errorf("context while draining: got %v, want nil", err)
		}
		io.WriteString(w, " last")
	})
	tr := running(t, h, supervise.Policy{})
	c := dial(t, h)
	c.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	resp, err := http.ReadResponse(c.from, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	tr.cancel()
	body, err := io.ReadAll(resp.Body)
	if string(body) != "first last" || err != nil {
		t.Errorf("stream: got %q, %v, want first last", body, err)
	}
	if err := <-tr.ended; err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
	if services.Draining(t.Context()) != nil {
		t.Error("Draining of a foreign context: want nil")
	}
}

func TestHijackedConnectionIsWaitedForAndCut(t *testing.T) {
	for name, ends := range map[string]bool{"ends": true, "does not end": false} {
		t.Run(name, func(t *testing.T) {
			release := make(chan struct{})
			h := newHTTP(func(w http.ResponseWriter, r *http.Request) {
				nc, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Errorf("hijack: %v", err)
					return
				}
				draining := services.Draining(r.Context())
				go func() { // release ends it
					io.WriteString(nc, "mine")
					if <-draining; !ends {
						<-release
					}
					io.WriteString(nc, "bye")
					nc.Close()
				}()
			})
			tr := running(t, h, supervise.Policy{StopTimeout: time.Second})
			c := dial(t, h)
			c.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
			if _, err := io.ReadFull(c.from, make([]byte, 4)); err != nil {
				t.Fatal(err)
			}
			tr.cancel()
			rest, _ := io.ReadAll(c.from)
			err := <-tr.ended
			close(release)
			if ends && (string(rest) != "bye" || err != nil) {
				t.Errorf("got %q, Serve %v, want bye and nil", rest, err)
			}
			if !ends && (string(rest) != "" || err == nil || !strings.Contains(err.Error(), "cut off: 1")) {
				t.Errorf("got %q, Serve %v, want a connection that was cut off", rest, err)
			}
		})
	}
}
