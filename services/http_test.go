package services_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

// newHTTP listens on a free port and logs into the void.
func newHTTP(handler http.HandlerFunc) *services.HTTP {
	return &services.HTTP{Addr: "127.0.0.1:0", Handler: handler, Log: slog.New(slog.DiscardHandler), KeepIdle: 20 * time.Millisecond}
}

func awaitRunning(t *testing.T, tr *tree) {
	t.Helper()
	eventually(t, "the child is running", func() bool { return tr.child().State == supervise.Running })
}

// request gets / and answers with the body, or the error, as text.
func request(t *testing.T, h *services.HTTP) <-chan string {
	t.Helper()
	url := "http://" + h.BoundAddr().String()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer := make(chan string, 1)
	go func() {
		resp, err := client.Get(url)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			answer <- err.Error()
			return
		}
		answer <- string(body)
	}()
	return answer
}

func TestHTTPAnswersOnceItIsRunning(t *testing.T) {
	h := newHTTP(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "hello from "+supervise.Path(r.Context()))
	})
	tr := serve(t, supervise.Child{Name: "web", Service: h})
	awaitRunning(t, tr)
	if got, want := <-request(t, h), "hello from test/web"; got != want {
		t.Errorf("answer: got %q, want %q", got, want)
	}
	if err := tr.stop(); err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
	if addr := h.BoundAddr(); addr != nil {
		t.Errorf("BoundAddr after the end: got %v, want nil", addr)
	}
}

func TestHTTPCanBeServedAgain(t *testing.T) {
	h := newHTTP(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") })
	tr := serve(t, supervise.Child{Name: "web", Service: h})
	for range 3 {
		awaitRunning(t, tr)
		if got := <-request(t, h); got != "hello" {
			t.Errorf("answer: got %q, want %q", got, "hello")
		}
		if err := tr.Restart(t.Context(), "test/web"); err != nil {
			t.Errorf("Restart: got %v, want nil", err)
		}
	}
	if err := tr.stop(); err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
}

func TestHTTPWithoutHandlerAnswers404(t *testing.T) {
	h := newHTTP(nil)
	h.Handler = nil
	tr := serve(t, supervise.Child{Name: "web", Service: h})
	awaitRunning(t, tr)
	if got, want := <-request(t, h), "404 page not found\n"; got != want {
		t.Errorf("answer: got %q, want %q", got, want)
	}
	tr.stop()
}

func TestHTTPFinishesRequestsInFlight(t *testing.T) {
	began, finish := make(chan struct{}), make(chan struct{})
	h := newHTTP(func(w http.ResponseWriter, r *http.Request) {
		close(began)
		<-finish
		if err := r.Context().Err(); err != nil {
			t.Errorf("context of a request in flight: got %v, want nil", err)
		}
		io.WriteString(w, "finished")
	})
	tr := serve(t, supervise.Child{Name: "web", Service: h})
	awaitRunning(t, tr)
	answer, addr := request(t, h), h.BoundAddr().String()
	<-began
	tr.cancel()
	eventually(t, "the socket is closed", func() bool { return h.BoundAddr() == nil })
	if conn, err := net.Dial("tcp", addr); err == nil {
		conn.Close()
		t.Error("a newcomer got in, though the door was closed")
	}
	close(finish)
	if got := <-answer; got != "finished" {
		t.Errorf("answer: got %q, want %q", got, "finished")
	}
	if err := <-tr.ended; err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
}

func TestHTTPCutsWhatIsNotFinishedInTimeAndSaysSo(t *testing.T) {
	began := make(chan struct{}, 2)
	h := newHTTP(func(_ http.ResponseWriter, r *http.Request) {
		began <- struct{}{}
		<-r.Context().Done()
	})
	tr := serve(t, supervise.Child{Name: "web", Service: h, Policy: supervise.Policy{StopTimeout: 3 * time.Second}}) // a fifth of it is for the answers
	awaitRunning(t, tr)
	first, second := request(t, h), request(t, h)
	<-began
	<-began
	err := tr.stop()
	want := regexp.MustCompile(`^did not stop cleanly: test/web: stop serving on 127\.0\.0\.1:0: out of time; ` +
		`requests cut off: 2: GET / after [0-9.]+m?s, GET / after [0-9.]+m?s$`)
	if err == nil || !want.MatchString(err.Error()) {
		t.Errorf("Serve: got %v, want %s", err, want)
	}
	if errors.Is(err, supervise.ErrStuck) {
		t.Errorf("Serve: got %v, want an end in time", err)
	}
	for _, answer := range []<-chan string{first, second} {
		if got := <-answer; got != "stopping\n" { // it gave up in time
			t.Errorf("answer of a request cut off: got %q, want stopping", got)
		}
	}
}

func TestOfManyRequestsThatAreCutSomeAreNamed(t *testing.T) {
	began := make(chan struct{}, 7)
	h := newHTTP(func(_ http.ResponseWriter, r *http.Request) {
		began <- struct{}{}
		<-r.Context().Done()
	})
	tr := serve(t, supervise.Child{Name: "web", Service: h, Policy: supervise.Policy{StopTimeout: 3 * time.Second}})
	awaitRunning(t, tr)
	for range 7 {
		c := dial(t, h)
		defer c.Close()
		c.send("GET /" + strings.Repeat("x", 200) + " HTTP/1.1\r\nHost: test\r\n\r\n")
		<-began
	}
	err := tr.stop()
	if err == nil || !strings.Contains(err.Error(), "requests cut off: 7: GET /xxx") || !strings.HasSuffix(err.Error(), " and 2 more") || len(err.Error()) > 1000 {
		t.Errorf("Serve: got %v, want five requests named, by the beginning of their paths", err)
	}
}

func TestHandlerDeafToItsContextIsStuckAndShown(t *testing.T) {
	began, finish := make(chan struct{}), make(chan struct{})
	h := newHTTP(func(http.ResponseWriter, *http.Request) {
		close(began)
		deafHandler(finish)
	})
	tr := serve(t, supervise.Child{Name: "web", Service: h, Policy: supervise.Policy{StopTimeout: 10 * time.Millisecond}})
	awaitRunning(t, tr)
	answer := request(t, h)
	<-began
	err := tr.stop()
	var stuck *supervise.StuckError
	if !errors.As(err, &stuck) {
		t.Fatalf("Serve: got %v, want a StuckError", err)
	}
	if !bytes.Contains(stuck.Stacks, []byte("deafHandler")) {
		t.Errorf("stacks: got\n%s\nwant deafHandler in them", stuck.Stacks)
	}
	close(finish)
	<-answer
}

func deafHandler(finish <-chan struct{}) { <-finish }

func TestHTTPNamesTheAddressThatItCannotHave(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	h := newHTTP(nil)
	h.Addr = taken.Addr().String()
	err = h.Serve(t.Context())
	if want := "listen on " + h.Addr + ": bind: address already in use"; err == nil || err.Error() != want {
		t.Errorf("Serve: got %v, want %s", err, want)
	}
	var refused *services.ListenError
	if !errors.As(err, &refused) || !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("Serve: got %#v, want a ListenError that wraps EADDRINUSE", err)
	}
}

func TestHTTPLogsAddressAndPanicsOfTheHandler(t *testing.T) {
	var log safeBuffer
	h := newHTTP(func(http.ResponseWriter, *http.Request) { panic("oh dear") })
	h.Log = slog.New(slog.NewTextHandler(&log, nil))
	tr := serve(t, supervise.Child{Name: "web", Service: h})
	awaitRunning(t, tr)
	if want := "msg=listening service=test/web addr=" + h.BoundAddr().String(); !strings.Contains(log.String(), want) {
		t.Errorf("log: got %s, want %s in it", log.String(), want)
	}
	<-request(t, h)
	eventually(t, "the panic is logged", func() bool { return strings.Contains(log.String(), "oh dear") })
	if got := tr.child(); got.State != supervise.Running || got.Run != 1 {
		t.Errorf("after a panic of the handler: got %s in run %d, want running in run 1", got.State, got.Run)
	}
	tr.stop()
}

func TestHTTPToldToStopBeforeItBeganEndsCleanly(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := newHTTP(nil).Serve(ctx); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("Serve: got %v, want nil or context canceled", err)
	}
}

func TestHTTPPrintsAsItsAddress(t *testing.T) {
	h := newHTTP(nil)
	if got, want := h.String(), "http 127.0.0.1:0"; got != want {
		t.Errorf("String: got %q, want %q", got, want)
	}
}

// safeBuffer may be written and read at a time.
type safeBuffer struct{ text atomic.Value }

func (b *safeBuffer) Write(p []byte) (int, error) { // one writer at a time: slog's handler sees to that
	b.text.Store(b.String() + string(p))
	return len(p), nil
}

func (b *safeBuffer) String() string {
	s, _ := b.text.Load().(string)
	return s
}
