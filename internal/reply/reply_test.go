package reply_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tend.example/tend/internal/reply"
)

// answer serves one request over a real connection, and gives what was answered and seen.
func answer(t *testing.T, handler http.HandlerFunc) (body string, seen int) {
	t.Helper()
	var writers reply.Writers
	status := make(chan int, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		watched, panicked := writers.Watch(w), true
		defer func() { status <- watched.Status(r.Context(), panicked) }()
		handler(watched, r)
		panicked = false
	}))
	defer server.Close()
	server.Config.ErrorLog = nil
	nc, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := io.WriteString(nc, "GET / HTTP/1.1\r\nHost: test\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if r, err := http.ReadResponse(bufio.NewReader(nc), nil); err == nil {
		text, _ := io.ReadAll(r.Body)
		r.Body.Close()
		body = string(text)
	}
	return body, <-status
}

func TestStatusIsThatOfTheAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		status  int
		body    string
	}{
		"nothing":     {func(http.ResponseWriter, *http.Request) {}, 200, ""},
		"Write":       {func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("hello")) }, 200, "hello"},
		"WriteString": {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }, 200, "hello"},
		"ReadFrom":    {func(w http.ResponseWriter, _ *http.Request) { w.(io.ReaderFrom).ReadFrom(strings.NewReader("hello")) }, 200, "hello"},
		"Flush": {func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			w.WriteHeader(http.StatusTeapot) // too late
		}, 200, ""},
		"WriteHeader": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTeapot)
			io.WriteString(w, "tea")
		}, 418, "tea"},
		"early hints": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusNotFound)
		}, 404, ""},
		"controller": {func(w http.ResponseWriter, _ *http.Request) {
			if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
		}, 200, ""},
		"Hijack": {func(w http.ResponseWriter, _ *http.Request) {
			nc, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				return
			}
			io.WriteString(nc, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
			nc.Close()
		}, 101, ""},
		"Push": {func(w http.ResponseWriter, _ *http.Request) { panicUnless(w.(http.Pusher).Push("/x", nil)) }, 200, ""},
		"CloseNotify": {func(w http.ResponseWriter, _ *http.Request) {
			if w.(interface{ CloseNotify() <-chan bool }).CloseNotify() == nil {
				w.WriteHeader(http.StatusInternalServerError)
			}
		}, 200, ""},
		"panic":          {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 500, ""},
		"panic, halfway": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204); panic(http.ErrAbortHandler) }, 204, ""},
	} {
		body, status := answer(t, c.handler)
		if status != c.status || c.body != "" && body != c.body {
			t.Errorf("%s: got %d %q, want %d %q", name, status, body, c.status, c.body)
		}
	}
}

// panicUnless wants HTTP/1 to push nothing.
func panicUnless(err error) {
	if !errors.Is(err, http.ErrNotSupported) {
		panic(err)
	}
}

func TestHandlerThatWroteNothingBecauseItsTimeWasOver(t *testing.T) {
	var writers reply.Writers
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := writers.Watch(httptest.NewRecorder()).Status(ctx, false); got != http.StatusServiceUnavailable {
		t.Errorf("got %d, want 503", got)
	}
}

// A handler that goes on writing after it has returned must not write into the answer of somebody else.
func TestWriterIsUsedOnce(t *testing.T) {
	var writers reply.Writers
	seen := map[http.ResponseWriter]bool{}
	for range 100 {
		w := writers.Watch(httptest.NewRecorder())
		if seen[w] {
			t.Fatal("a writer is used again")
		}
		seen[w] = true
	}
}
