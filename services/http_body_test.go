package services_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"tend.example/tend/supervise"
)

// The writer that a handler has is not net/http's own, which http.MaxBytesReader tells that nobody wants the rest.
func TestBodyBeyondItsBoundIsRefusedBeforeItsEnd(t *testing.T) {
	for name, refuse := range map[string]http.HandlerFunc{
		"as the body of the request": func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, 10)
			if _, err := io.ReadAll(r.Body); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
			}
		},
		"beside it, by its status": func(w http.ResponseWriter, r *http.Request) {
			_, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 10))
			if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
				http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHTTP(refuse)
			tr := running(t, h, supervise.Policy{})
			c := dial(t, h)
			c.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\n" + strings.Repeat("x", 100))
			if got := c.answer(); got.body != "http: request body too large\n" || !got.Close {
				t.Errorf("got %q, close %v, want to be refused on a connection that ends", got.body, got.Close)
			}
			c.Close()
			tr.stop()
		})
	}
}

// Who does not go beyond its bound keeps the connection.
func TestBodyWithinItsBoundCostsNoConnection(t *testing.T) {
	h := newHTTP(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 10)
		io.Copy(w, r.Body)
	})
	tr := running(t, h, supervise.Policy{})
	c := dial(t, h)
	for range 2 {
		c.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello")
		if got := c.answer(); got.body != "hello" || got.Close {
			t.Errorf("got %q, close %v, want hello on a connection that is kept", got.body, got.Close)
		}
	}
	tr.stop()
}
