package services

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// reply stands between a handler and net/http: it says `Connection: close` once the run is lame, and
// knows whether a panic can still be answered. It has no part in writing a body.
type reply struct {
	http.ResponseWriter
	run   *httpRun
	begun bool // the header is out, or the connection is the handler's
	fault bool // the status is that of an error

	since time.Duration // when the request came, from the beginning of the run
	timed bool          // how long it took is counted

	hijacked net.Conn // nil: the connection is net/http's
}

// begin is called before anything is written.
func (r *reply) begin(status int) {
	if r.begun || status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		return
	}
	r.begun, r.fault = true, status >= http.StatusBadRequest
	if status == http.StatusRequestEntityTooLarge {
		r.refuseRest()
	}
	if r.run.lame.Load() && status != http.StatusSwitchingProtocols {
		r.Header().Set("Connection", "close")
	}
}

// answered counts how long the answer took, once. Of a connection that is the handler's nobody knows.
func (r *reply) answered() {
	if r.timed || r.hijacked != nil {
		return
	}
	r.timed = true
	r.run.http.latencies.add(time.Since(r.run.begun) - r.since)
}

// WriteHeader is http.ResponseWriter's.
func (r *reply) WriteHeader(status int) {
	r.begin(status)
	r.ResponseWriter.WriteHeader(status)
}

// Write is http.ResponseWriter's.
func (r *reply) Write(p []byte) (int, error) {
	r.begin(http.StatusOK)
	return r.ResponseWriter.Write(p)
}

// WriteString is io.StringWriter's.
func (r *reply) WriteString(s string) (int, error) {
	r.begin(http.StatusOK)
	return io.WriteString(r.ResponseWriter, s)
}

// Flush is http.Flusher's.
func (r *reply) Flush() { _ = r.FlushError() } // Flush has no way to say

// FlushError is what http.ResponseController asks for.
func (r *reply) FlushError() error {
	r.begin(http.StatusOK)
	r.answered() // the rest is a stream, which takes as long as it likes
	switch w := r.ResponseWriter.(type) {
	case interface{ FlushError() error }:
		return w.FlushError()
	case http.Flusher:
		w.Flush()
		return nil
	default:
		return errors.ErrUnsupported
	}
}

// CloseNotify is for handlers from before contexts, and for gin, which expects it.
func (r *reply) CloseNotify() <-chan bool {
	if w, ok := r.ResponseWriter.(interface{ CloseNotify() <-chan bool }); ok {
		return w.CloseNotify()
	}
	return make(chan bool)
}

// Unwrap is for http.ResponseController.
func (r *reply) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// writer1 is the reply of HTTP/1.
type writer1 struct{ reply }

// ReadFrom is io.ReaderFrom's, for sendfile.
func (w *writer1) ReadFrom(src io.Reader) (int64, error) {
	w.begin(http.StatusOK)
	if to, ok := w.ResponseWriter.(io.ReaderFrom); ok {
		return to.ReadFrom(src)
	}
	return io.Copy(struct{ io.Writer }{w.ResponseWriter}, src)
}

// Hijack is http.Hijacker's.
func (w *writer1) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	hijacker, ok := w.ResponseWriter.(http.Hijacker)
	if !ok {
		return nil, nil, errors.ErrUnsupported
	}
	nc, buffered, err := hijacker.Hijack()
	if err == nil {
		w.begun, w.hijacked = true, nc
	}
	return nc, buffered, err
}

// writer2 is the reply of HTTP/2, which has many requests at a time on a connection.
type writer2 struct{ reply }

// Push is http.Pusher's.
func (w *writer2) Push(target string, options *http.PushOptions) error {
	if pusher, ok := w.ResponseWriter.(http.Pusher); ok {
		return pusher.Push(target, options)
	}
	return http.ErrNotSupported
}
