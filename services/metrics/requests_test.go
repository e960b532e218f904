package metrics_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"tend.example/tend/services"
	"tend.example/tend/services/metrics"
	"tend.example/tend/supervise"
)

// ask sends requests straight to a handler, and gives the counts of requests.
func ask(t *testing.T, m *metrics.Tree, h http.Handler, targets ...string) map[string]float64 {
	t.Helper()
	for _, target := range targets {
		method, path, _ := strings.Cut(target, " ")
		func() {
			defer func() { _ = recover() }() // as a server does
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, path, http.NoBody))
		}()
	}
	registry := prometheus.NewRegistry()
	if err := m.Register(registry); err != nil {
		t.Fatal(err)
	}
	got := gather(t, registry)
	for name := range got {
		if !strings.HasPrefix(name, "tend_http_requests_total") {
			delete(got, name)
		}
	}
	return got
}

// The targets, and what is to be counted of them.
var (
	targets = []string{"GET /users/7", "GET /users/8", "GET /missing", "GET /no/such", "MADE-UP /users/7", "GET /panic", "GET /half"}
	counted = map[string]float64{
		`tend_http_requests_total{code="200",route="GET /users/{id}",service=""}`: 2,
		`tend_http_requests_total{code="404",route="GET /missing",service=""}`:    1,
		`tend_http_requests_total{code="404",route="none",service=""}`:            1,
		`tend_http_requests_total{code="405",route="none",service=""}`:            1,
		`tend_http_requests_total{code="500",route="GET /panic",service=""}`:      1,
		`tend_http_requests_total{code="200",route="GET /half",service=""}`:       1,
	}
)

func TestRequestsOfAServeMuxByRouteAndStatus(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "user") })
	mux.HandleFunc("GET /missing", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	mux.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) { panic("oh dear") })
	mux.HandleFunc("GET /half", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "half"); panic("oh dear") })
	m := &metrics.Tree{}
	got := ask(t, m, m.Handler(mux), targets...)
	if diff := cmp.Diff(counted, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// A program that makes patterns of paths must not fill the memory, here and in Prometheus.
func TestThereIsABoundForRoutes(t *testing.T) {
	m := &metrics.Tree{}
	h := m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { r.Pattern = r.URL.Path }))
	var paths []string
	for i := range 2100 {
		paths = append(paths, fmt.Sprint("GET /", i))
	}
	got := ask(t, m, h, paths...)
	if n := got[`tend_http_requests_total{code="200",route="other",service=""}`]; n != 100 || len(got) != 2001 {
		t.Errorf("%d routes and %v requests of others, want 2,001 and 100", len(got), n)
	}
}

func TestRoutesMayHaveAnyBytes(t *testing.T) {
	m := &metrics.Tree{}
	h := m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { r.Pattern = "GET /\xff" }))
	got := ask(t, m, h, "GET /")
	if got["tend_http_requests_total{code=\"200\",route=\"GET /\uFFFD\",service=\"\"}"] != 1 {
		t.Errorf("got %v, want the route with a replacement", got)
	}
}

// The promise: no allocation for a request, nor for an event.
func TestObservingAllocatesNothing(t *testing.T) {
	m := &metrics.Tree{}
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	if n := testing.AllocsPerRun(1000, func() { m.OnRequest(r, http.StatusOK, time.Millisecond) }); n > 0 {
		t.Errorf("a request: %v allocations, want 0", n)
	}
	h := m.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	w := &discard{http.Header{}}
	if n := testing.AllocsPerRun(1000, func() { h.ServeHTTP(w, r) }); n > 0 && !racing {
		t.Errorf("a request with Handler: %v allocations, want 0 but for one in sixteen", n)
	}
	now, run := time.Unix(0, 0), 0
	states := []supervise.State{supervise.Starting, supervise.Running, supervise.Backoff}
	if n := testing.AllocsPerRun(1000, func() {
		for _, state := range states {
			now = now.Add(time.Second)
			m.Observe(supervise.Event{Time: now, Path: "tend/a", State: state, Run: run, Err: io.EOF})
		}
		run++
	}); n > 3 && !racing { // errors.As has a variable each
		t.Errorf("three events: %v allocations, want 2 at most", n)
	}
}

// web is an HTTP service in a tree.
func web(t *testing.T, p supervise.Policy, handler func(m *metrics.Tree) http.Handler) (m *measured, dial func() net.Conn) {
	t.Helper()
	h := &services.HTTP{Addr: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler), KeepIdle: -1}
	h.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler(m.Tree).ServeHTTP(w, r) })
	m = begin(t, &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "web", Service: h, Policy: p}}})
	eventually(t, func() bool { return h.BoundAddr() != nil })
	return m, func() net.Conn {
		nc, err := net.Dial("tcp", h.BoundAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { nc.Close() })
		return nc
	}
}

// eventually waits for something that has no other way to be waited for.
func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	for range 2000 {
		if holds() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("it does not come to pass")
}

// send sends the header of a request.
func send(t *testing.T, nc net.Conn, path string) {
	t.Helper()
	if _, err := fmt.Fprintf(nc, "GET %s HTTP/1.1\r\nHost: test\r\n\r\n", path); err != nil {
		t.Fatal(err)
	}
}

func TestServiceOfARequestIsItsPath(t *testing.T) {
	m, dial := web(t, supervise.Policy{}, func(m *metrics.Tree) http.Handler {
		return m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { r.Pattern = "GET /" }))
	})
	nc := dial()
	send(t, nc, "/")
	answer, err := http.ReadResponse(bufio.NewReader(nc), nil)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("answer: %v, %v", answer, err)
	}
	nc.Close()
	m.want(map[string]float64{
		`tend_http_requests_total{code="200",route="GET /",service="tend/web"}`:      1,
		`tend_http_request_duration_seconds_count{route="GET /",service="tend/web"}`: 1,
	}, "tend_http_requests_total", "tend_http_request_duration_seconds_count")
	if err := m.stop(); err != nil {
		t.Error(err)
	}
}

func TestConnectionsByStateAndRequestsThatWereCut(t *testing.T) {
	at := make(chan string)
	m, dial := web(t, supervise.Policy{StopTimeout: time.Second}, func(*metrics.Tree) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/taken":
				nc, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
				}
				go func() { // until the client is gone
					io.Copy(io.Discard, nc)
					nc.Close()
				}()
			case "/slow":
				at <- r.URL.Path
				for err := error(nil); err == nil; { // deaf to its context
					io.WriteString(w, "more")
					err = http.NewResponseController(w).Flush()
					time.Sleep(10 * time.Millisecond)
				}
			case "/panic":
				panic("oh dear")
			}
		})
	})
	taken, idle, fresh, slow, broken := dial(), dial(), dial(), dial(), dial()
	defer fresh.Close()
	send(t, taken, "/taken")
	send(t, idle, "/")
	send(t, broken, "/panic")
	send(t, slow, "/slow")
	<-at
	state := func(name string) string {
		return fmt.Sprintf("tend_http_connections{service=%q,state=%q}", "tend/web", name)
	}
	eventually(t, func() bool {
		got := m.values()
		return got[state("hijacked")] == 1 && got[state("idle")] == 2 && got[state("new")] == 1 && got[state("active")] == 1
	})
	m.want(map[string]float64{
		`tend_http_requests_in_flight{service="tend/web"}`:    1,
		`tend_http_handler_panics_total{service="tend/web"}`:  1,
		`tend_http_requests_cut_total{service="tend/web"}`:    0,
		`tend_http_accept_failures_total{service="tend/web"}`: 0,
		`tend_http_connections_leftover{service="tend/web"}`:  0,
	}, "tend_http_requests_in", "tend_http_handler", "tend_http_requests_cut", "tend_http_accept", "tend_http_connections_left")
	taken.Close()
	if err := m.stop(); err == nil { // what it says depends on how fast the handler is back
		t.Error("stop: got no error, want one about the request")
	}
	m.want(map[string]float64{`tend_http_requests_cut_total{service="tend/web"}`: 1}, "tend_http_requests_cut")
}

func TestHandlerThatGaveUpWithTheStopIsCountedAs503(t *testing.T) {
	m := &metrics.Tree{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	m.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", http.NoBody).WithContext(ctx))
	if got := ask(t, m, nil); got[`tend_http_requests_total{code="503",route="none",service=""}`] != 1 {
		t.Errorf("got %v, want a 503, as services.HTTP answers", got)
	}
}
