package services_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

// The promise: one allocation for eight requests more than a bare http.Server with the same limits, on a connection of
// HTTP/1 that is kept. bench/ measures the same with gin, and what it costs in time.
func TestEightRequestsCostOneAllocationMoreThanOfBareNetHTTP(t *testing.T) {
	if racing {
		t.Skip("the detector allocates, too")
	}
	body := strings.Repeat("x", 100)
	for name, handler := range map[string]http.HandlerFunc{
		"nothing": func(http.ResponseWriter, *http.Request) {},
		"Write":   func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(body)) },
		"WriteString": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, body)
		},
		"Flush": func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush() },
		"ReadFrom": func(w http.ResponseWriter, _ *http.Request) {
			w.(io.ReaderFrom).ReadFrom(strings.NewReader(body))
		},
		"context": func(_ http.ResponseWriter, r *http.Request) {
			services.Draining(r.Context())
			supervise.Path(r.Context())
		},
	} {
		bare := allocations(t, serveBare(t, handler))
		h := &services.HTTP{Addr: "127.0.0.1:0", Handler: handler, Log: slog.New(slog.DiscardHandler)}
		tr := running(t, h, supervise.Policy{})
		ours := allocations(t, h.BoundAddr())
		if err := tr.stop(); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: stop: %v", name, err)
		}
		if ours > bare+0.13 {
			t.Errorf("a handler that does %s: got %v allocations a request, want no more than one in eight above those of a bare server, %v", name, ours, bare)
		}
	}
}

// serveBare serves with the limits that HTTP has by default, until the test ends.
func serveBare(t *testing.T, handler http.Handler) net.Addr {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Close()
		<-ended
	})
	return l.Addr()
}

// allocations are those of a request in the whole process, of which the client makes none.
func allocations(t *testing.T, addr net.Addr) float64 {
	t.Helper()
	c := dialAddr(t, addr)
	defer c.Close()
	request := []byte("GET /users/7 HTTP/1.1\r\nHost: test\r\n\r\n")
	var first bytes.Buffer
	c.from.Reset(io.TeeReader(c.Conn, &first))
	c.send(string(request))
	c.answer()
	answer := make([]byte, first.Len()) // every one is as long
	ask := func() {
		if _, err := c.Write(request); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c.Conn, answer); err != nil {
			t.Fatal(err)
		}
	}
	// A collection would empty the pools that net/http takes from.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	least := math.Inf(1)
	for range 10 { // whatever else the process does meanwhile counts, too
		least = min(least, perRun(200, ask))
	}
	return least
}

// perRun is testing.AllocsPerRun without its rounding down.
func perRun(n int, f func()) float64 {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	f()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		f()
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / float64(n)
}
