package services_test

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"tend.example/tend/internal/loadtest"
	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

// loaded is an HTTP service under load, whose every request is counted.
type loaded struct {
	*failing
	*tree
	t      *testing.T
	sent   loadtest.Progress
	load   loadtest.Load
	end    func() // of the load
	result chan loadtest.Result
}

// answers is the handler for the clients of a load.
func answers() http.Handler {
	return loadtest.Handler(func(r *http.Request) <-chan struct{} { return services.Draining(r.Context()) })
}

// underLoad serves h and puts it under load, until the service has ended.
func underLoad(t *testing.T, h *services.HTTP, load loadtest.Load, change ...func(*services.HTTP)) *loaded {
	t.Helper()
	h.Handler, h.KeepIdle = answers(), 0
	for _, f := range change {
		f(h)
	}
	l := &loaded{failing: newFailing(h), t: t, load: load, result: make(chan loadtest.Result, 1)}
	brief := supervise.Policy{MinBackoff: 20 * time.Millisecond, MaxBackoff: 20 * time.Millisecond}
	l.tree = serve(t, supervise.Child{Name: "web", Service: l.failing, Policy: brief})
	awaitRunning(t, l.tree)
	l.load.Addr = h.BoundAddr().String()
	if h.BoundAddr().Network() == "unix" {
		l.load.Addr = "unix:" + l.load.Addr
	}
	l.load.Progress = &l.sent
	if l.load.Clients == 0 {
		l.load.Clients = 8 // of each of many kinds
	}
	l.load.Hold = 100 * time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	l.end = cancel
	go func() { l.result <- l.load.Run(ctx) }() // wantNoneLost waits for it
	return l
}

// goOn waits for some more answers of every kind.
func (l *loaded) goOn() {
	l.t.Helper()
	least := map[loadtest.Kind]int{}
	for _, kind := range l.load.Kinds {
		least[kind] = l.sent.Of(kind) + l.load.Clients
	}
	eventually(l.t, "more answers", func() bool {
		for kind, n := range least {
			if l.sent.Of(kind) < n {
				return false
			}
		}
		return true
	})
}

// wantNoneLost stops the service under load, and wants every request to have been answered.
func (l *loaded) wantNoneLost(restarts int) {
	l.t.Helper()
	eventually(l.t, "the restarts", func() bool { return l.child().Restarts >= restarts })
	l.goOn()
	if err := l.stop(); err != nil {
		l.t.Errorf("Serve: got %v, want nil", err)
	}
	l.end()
	result := <-l.result
	total := result.Total()
	if total.Lost() > 0 || total.Unavailable > 0 || total.Local > 0 {
		l.t.Errorf("requests were lost:\n%s", result)
	}
	if total.OK == 0 {
		l.t.Errorf("nothing was sent:\n%s", result)
	}
	if got := l.Stats(); got.Cut > 0 || got.Conns > 0 || got.Leftover > 0 {
		l.t.Errorf("Stats: got %+v, want nothing left or cut off", got)
	}
	if testing.Verbose() {
		l.t.Logf("\n%s", result)
	}
}

var http1 = []loadtest.Kind{
	loadtest.KeepAlive, loadtest.NewConn, loadtest.Post, loadtest.NewConnPost, loadtest.Halves,
	loadtest.Long, loadtest.Stream, loadtest.SSE, loadtest.WebSocket,
}

var http2 = []loadtest.Kind{loadtest.H2, loadtest.H2Post, loadtest.H2Long, loadtest.H2Stream, loadtest.H2SSE}

func TestNoRequestIsLost(t *testing.T) {
	for name, c := range map[string]struct {
		restarts int
		happens  func(l *loaded)
	}{
		"stop":             {0, func(*loaded) {}},
		"restart by error": {1, func(l *loaded) { l.fail <- fault }},
		"restart by panic": {1, func(l *loaded) { l.fail <- func() error { panic("a fault") } }},
		"restart by hand": {0, func(l *loaded) {
			if err := l.Restart(l.t.Context(), "test/web"); err != nil {
				l.t.Errorf("Restart: %v", err)
			}
		}},
		"20 restarts in a row": {20, func(l *loaded) {
			for run := range 20 {
				l.fail <- fault
				awaitRun(l.t, l.tree, run+2)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, kinds := range [][]loadtest.Kind{http1, http2} {
				h := newHTTP(nil)
				h.H2C = true
				l := underLoad(t, h, loadtest.Load{Kinds: kinds})
				l.goOn()
				c.happens(l)
				l.wantNoneLost(c.restarts)
			}
		})
	}
}

// Somebody else may hold it, too, so newcomers are ignored for a moment only. A socket of MPTCP, which net.Listen
// makes where it can, takes no filter.
func TestNoRequestIsLostOnAListenerThatWasGiven(t *testing.T) {
	h := newHTTP(nil)
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	var err error
	if h.Listener, err = config.Listen(t.Context(), "tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	l := underLoad(t, h, loadtest.Load{Kinds: []loadtest.Kind{loadtest.KeepAlive, loadtest.NewConn, loadtest.NewConnPost}, Clients: 32})
	l.goOn()
	l.fail <- fault
	l.wantNoneLost(1)
}

func TestNoRequestIsLostInTLS(t *testing.T) {
	folder := t.TempDir()
	pool := newCertificate(t, folder, "test")
	h := newHTTP(nil)
	h.CertFile, h.KeyFile = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	l := underLoad(t, h, loadtest.Load{
		Kinds: []loadtest.Kind{loadtest.KeepAlive, loadtest.Post, loadtest.Stream, loadtest.H2, loadtest.H2Post, loadtest.H2Stream},
		TLS:   &tls.Config{RootCAs: pool},
	})
	l.goOn()
	l.fail <- fault
	l.wantNoneLost(1)
}

// A balancer asks for readiness and sends nobody to a server that says no: with a DrainDelay longer than it
// takes to ask, clients do not even see that one stops.
func TestBehindABalancerNobodyIsRefused(t *testing.T) {
	var trees [2]*tree
	var backends [2]loadtest.Backend
	for i := range trees {
		h := &services.HTTP{Addr: "127.0.0.1:0", Handler: answers(), DrainDelay: 500 * time.Millisecond, Log: slog.New(slog.DiscardHandler)}
		trees[i] = running(t, h, supervise.Policy{})
		ready := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if trees[i].Status().State != supervise.Running {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		}))
		t.Cleanup(ready.Close)
		backends[i] = loadtest.Backend{Addr: h.BoundAddr().String(), ReadyAddr: ready.Listener.Addr().String()}
	}
	var sent loadtest.Progress
	kinds := []loadtest.Kind{loadtest.KeepAlive, loadtest.NewConn, loadtest.Post, loadtest.Stream, loadtest.SSE, loadtest.WebSocket}
	load := loadtest.Load{
		Backends: backends[:], Poll: 20 * time.Millisecond, Kinds: kinds, Clients: 8, Hold: 100 * time.Millisecond, Progress: &sent,
	}
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan loadtest.Result, 1)
	go func() { result <- load.Run(ctx) }() // received from below
	eventually(t, "the load", func() bool { return sent.AtLeast(16, kinds...) })
	if err := trees[0].stop(); err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
	before := sent.Of(loadtest.KeepAlive)
	eventually(t, "the other one has it all", func() bool { return sent.Of(loadtest.KeepAlive) > before+16 })
	cancel()
	r := <-result
	if total := r.Total(); total.Lost() > 0 || total.Refused > 0 || total.Unavailable > 0 {
		t.Errorf("want none lost, none refused:\n%s", r)
	}
	trees[1].stop()
}

func TestNoRequestIsLostOnAUnixSocket(t *testing.T) {
	h := newHTTP(nil)
	h.Addr = "unix:" + filepath.Join(t.TempDir(), "s")
	l := underLoad(t, h, loadtest.Load{Kinds: http1})
	l.goOn()
	l.fail <- fault
	l.wantNoneLost(1)
}
