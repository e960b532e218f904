package services_test

import (
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"tend.example/tend/internal/loadtest"
	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

// Clients that think between two requests have idle connections, which a restart is in no hurry to close.
func TestRestartLosesNoRequestOfAClientThatPauses(t *testing.T) {
	h := newHTTP(nil)
	l := underLoad(t, h, loadtest.Load{
		Kinds: []loadtest.Kind{loadtest.KeepAlive, loadtest.Post}, Clients: 100, Pause: 40 * time.Millisecond,
	}, func(h *services.HTTP) { h.KeepIdle = 40 * time.Millisecond })
	l.goOn()
	for run := range 10 {
		l.fail <- fault
		awaitRun(t, l.tree, run+2)
		l.goOn()
	}
	l.end() // a stop would close them all at once, which is another matter
	if result := <-l.result; result.Lost() > 0 {
		t.Errorf("requests were lost:\n%s", result)
	}
	if err := l.stop(); err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
}

func TestIdleConnectionsOfAnEarlierRunDoNotHoldUpTheStop(t *testing.T) {
	f := newFailing(newHTTP(hello))
	tr := serve(t, supervise.Child{Name: "web", Service: f, Policy: atOnce})
	awaitRunning(t, tr)
	c := dial(t, f.HTTP)
	c.get("/")
	f.fail <- fault
	awaitRun(t, tr, 2)
	if got := c.get("/"); got.body != "hello" || !got.Close {
		t.Errorf("an idle connection after the restart: got %q, close %v, want hello and close", got.body, got.Close)
	}
	idle := dial(t, f.HTTP)
	idle.get("/")
	f.fail <- fault
	awaitRun(t, tr, 3)
	if got := f.Stats().Leftover; got != 1 {
		t.Errorf("Stats: %d left over, want 1", got)
	}
	if err := tr.stop(); err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
	idle.wantClosed()
}

func TestListenerThatWasGivenIsNotClosedBetweenTwoRuns(t *testing.T) {
	l := listen(t)
	h := newHTTP(hello)
	h.Listener, h.HoldSocket = l, time.Millisecond
	f := newFailing(h)
	tr := serve(t, supervise.Child{Name: "web", Service: f, Policy: supervise.Policy{MinBackoff: 300 * time.Millisecond}})
	awaitRunning(t, tr)
	f.fail <- fault
	awaitRun(t, tr, 2)
	if got := dialAddr(t, l.Addr()).get("/"); got.body != "hello" {
		t.Errorf("answer: got %q, want hello", got.body)
	}
	tr.stop()
}

func TestIdleConnectionsGiveTheirPlacesToTheQueueAtAStop(t *testing.T) {
	h := newHTTP(hello)
	h.MaxConns = 2
	tr := running(t, h, supervise.Policy{})
	for range 2 {
		dial(t, h).get("/")
	}
	queued := dial(t, h)
	queued.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	tr.cancel()
	if got := queued.answer(); got.body != "hello" {
		t.Errorf("the one in the queue: got %q, want hello", got.body)
	}
	if err := <-tr.ended; err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
}

// shop is a group with h and another child, which gives up when it is told to.
func shop(h *services.HTTP) (group *supervise.Group, giveUp chan<- struct{}) {
	broken := make(chan struct{})
	stock := supervise.Func(func(ctx context.Context) error {
		select {
		case <-broken:
			return errFault
		case <-ctx.Done():
			return nil
		}
	})
	return &supervise.Group{Children: []supervise.Child{
		{Name: "web", Service: h},
		{Name: "stock", Service: stock, Policy: supervise.Policy{MaxRestarts: -1}},
	}}, broken
}

func TestGroupThatGivesUpLosesNobodyWhenItIsRunAgain(t *testing.T) {
	h := newHTTP(hello)
	group, giveUp := shop(h)
	tr := serve(t, supervise.Child{Name: "shop", Service: group, Policy: supervise.Policy{MinBackoff: 200 * time.Millisecond}})
	awaitRunning(t, tr)
	addr := h.BoundAddr()
	giveUp <- struct{}{}
	eventually(t, "the backoff of the group", func() bool { return tr.child().State == supervise.Backoff })
	if got := dialAddr(t, addr).get("/"); got.body != "hello" {
		t.Errorf("who came meanwhile: got %q, want hello", got.body)
	}
	tr.stop()
}

func TestGroupThatGivesUpForGoodAnswersWhatIsInFlight(t *testing.T) {
	g := newGate()
	h := newHTTP(g.ServeHTTP)
	group, giveUp := shop(h)
	tr := serve(t, supervise.Child{Name: "shop", Service: group, Policy: supervise.Policy{Restart: supervise.Never}})
	awaitRunning(t, tr)
	c := dial(t, h)
	c.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	<-g.began
	giveUp <- struct{}{}
	eventually(t, "the socket is closed", func() bool { return h.BoundAddr() == nil })
	close(g.open)
	if got := c.answer(); got.body != "hello" || !got.Close {
		t.Errorf("got %q, close %v, want hello and close", got.body, got.Close)
	}
	eventually(t, "the end of the group", func() bool { return tr.child().State == supervise.Failed })
	tr.stop()
}

func TestWhoWaitsForARunThatWillNotComeIsAnswered(t *testing.T) {
	f := newFailing(newHTTP(hello))
	tr := serve(t, supervise.Child{Name: "web", Service: f, Policy: supervise.Policy{MinBackoff: time.Hour, MaxBackoff: time.Hour}})
	awaitRunning(t, tr)
	addr := f.BoundAddr()
	f.fail <- fault
	eventually(t, "the backoff", func() bool { return tr.child().State == supervise.Backoff })
	clients := make([]*client, 20)
	for i := range clients {
		clients[i] = dialAddr(t, addr)
		clients[i].send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	}
	if err := tr.stop(); err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
	for _, c := range clients {
		if got := c.answer(); got.StatusCode != http.StatusServiceUnavailable || !got.Close {
			t.Errorf("who waited: got %s, close %v, want 503 and close", got.Status, got.Close)
		}
	}
}

// h2c asks by HTTP/2, and gives the answer's body or the error.
func h2c(ctx context.Context, h *services.HTTP) <-chan string {
	transport := &http.Transport{Protocols: &http.Protocols{}}
	transport.Protocols.SetUnencryptedHTTP2(true)
	url := "http://" + h.BoundAddr().String()
	answer := make(chan string, 1)
	go func() { // received from
		defer transport.CloseIdleConnections()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			answer <- err.Error()
			return
		}
		resp, err := transport.RoundTrip(r)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		answer <- string(body)
	}()
	return answer
}

func TestHandlerOfHTTP2IsWaitedForThoughItsClientIsGone(t *testing.T) {
	began := make(chan struct{})
	var ended atomic.Bool
	h := newHTTP(func(http.ResponseWriter, *http.Request) {
		close(began)
		time.Sleep(300 * time.Millisecond)
		ended.Store(true)
	})
	h.H2C = true
	tr := running(t, h, supervise.Policy{})
	ctx, cancel := context.WithCancel(t.Context())
	answer := h2c(ctx, h)
	<-began
	cancel()
	<-answer
	if err := tr.stop(); err != nil || !ended.Load() {
		t.Errorf("Serve: got %v, the handler has ended: %v, want nil and true", err, ended.Load())
	}
}

func TestHandlerOfHTTP2ThatIsDeafIsStuck(t *testing.T) {
	began, finish := make(chan struct{}), make(chan struct{})
	h := newHTTP(func(http.ResponseWriter, *http.Request) {
		close(began)
		deafHandler(finish)
	})
	h.H2C = true
	tr := running(t, h, supervise.Policy{StopTimeout: 100 * time.Millisecond})
	answer := h2c(t.Context(), h)
	<-began
	err := tr.stop()
	if got := tr.child().State; got != supervise.Stuck {
		t.Errorf("state: got %v (%v), want stuck", got, err)
	}
	close(finish)
	<-answer
}

// As handlers of WebSockets do: close, and then clean up.
func TestHandlerThatHijackedIsWaitedForAfterItsConnection(t *testing.T) {
	var ended atomic.Bool
	h := newHTTP(func(w http.ResponseWriter, r *http.Request) {
		nc, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		io.WriteString(nc, "mine")
		<-services.Draining(r.Context())
		nc.Close()
		time.Sleep(300 * time.Millisecond)
		ended.Store(true)
	})
	tr := running(t, h, supervise.Policy{})
	c := dial(t, h)
	c.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	if _, err := io.ReadFull(c.from, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	if err := tr.stop(); err != nil || !ended.Load() {
		t.Errorf("Serve: got %v, the handler has ended: %v, want nil and true", err, ended.Load())
	}
}
