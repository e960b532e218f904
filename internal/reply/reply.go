// Package reply lets a wrapper around an http.Handler see with which status that answers, without taking away
// what net/http's writers can do besides.
package reply

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
)

// Writers makes a Writer for each request. The zero value is ready.
//
// A Writer is never used again: a handler that goes on writing after it has returned would write into the answer of
// somebody else. They are made by sixteen, so that a request costs a sixteenth of an allocation.
type Writers struct {
	rest sync.Pool // of *[]Writer, those that are unused
}

// Watch is a writer that answers by w.
func (s *Writers) Watch(w http.ResponseWriter) *Writer {
	rest, _ := s.rest.Get().(*[]Writer)
	if rest == nil {
		made := make([]Writer, 16)
		rest = &made
	}
	next := &(*rest)[0]
	if *rest = (*rest)[1:]; len(*rest) > 0 {
		s.rest.Put(rest)
	}
	next.ResponseWriter = w
	return next
}

// Writer is an http.ResponseWriter that remembers the status.
type Writer struct {
	http.ResponseWriter
	status int // 0: none yet
}

// Status is that of the answer when the handler has returned, or has panicked. Where it has written nothing it is what
// services.HTTP answers: 500 after a panic, and 503 when the ctx of the request is done. Of a connection that was taken
// over it is 101.
func (w *Writer) Status(ctx context.Context, panicked bool) int {
	switch {
	case w.status != 0:
		return w.status
	case panicked:
		return http.StatusInternalServerError
	case ctx.Err() != nil:
		return http.StatusServiceUnavailable
	default:
		return http.StatusOK
	}
}

func (w *Writer) note(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
}

// WriteHeader is http.ResponseWriter's.
func (w *Writer) WriteHeader(status int) {
	w.note(status)
	w.ResponseWriter.WriteHeader(status)
}

// Write is http.ResponseWriter's.
func (w *Writer) Write(p []byte) (int, error) {
	w.note(http.StatusOK)
	return w.ResponseWriter.Write(p)
}

// WriteString is io.StringWriter's.
func (w *Writer) WriteString(s string) (int, error) {
	w.note(http.StatusOK)
	return io.WriteString(w.ResponseWriter, s)
}

// ReadFrom is io.ReaderFrom's, for sendfile.
func (w *Writer) ReadFrom(src io.Reader) (int64, error) {
	w.note(http.StatusOK)
	if to, ok := w.ResponseWriter.(io.ReaderFrom); ok {
		return to.ReadFrom(src)
	}
	return io.Copy(struct{ io.Writer }{w.ResponseWriter}, src)
}

// Flush is http.Flusher's.
func (w *Writer) Flush() { _ = w.FlushError() } // Flush has no way to say

// FlushError is what http.ResponseController asks for.
func (w *Writer) FlushError() error {
	w.note(http.StatusOK)
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Hijack is http.Hijacker's.
func (w *Writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	nc, buffered, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.note(http.StatusSwitchingProtocols)
	}
	return nc, buffered, err
}

// Push is http.Pusher's.
func (w *Writer) Push(target string, options *http.PushOptions) error {
	if pusher, ok := w.ResponseWriter.(http.Pusher); ok {
		return pusher.Push(target, options)
	}
	return http.ErrNotSupported
}

// CloseNotify is for handlers from before contexts, and for gin, which expects it.
func (w *Writer) CloseNotify() <-chan bool {
	if notifier, ok := w.ResponseWriter.(interface{ CloseNotify() <-chan bool }); ok {
		return notifier.CloseNotify()
	}
	return make(chan bool)
}

// Unwrap is for http.ResponseController.
func (w *Writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
