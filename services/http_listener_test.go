package services_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"tend.example/tend/supervise"
)

// measured is a listener as programs make them: its connections are of a type of their own.
type measured struct{ *net.TCPListener }

type measuredConn struct{ *net.TCPConn }

func (m measured) Accept() (net.Conn, error) {
	nc, err := m.AcceptTCP()
	if err != nil {
		return nil, err
	}
	return measuredConn{nc}, nil
}

func TestConnectionOfAnotherTypeCanBeHalfClosed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := newHTTP(hello)
	h.Listener = measured{l.(*net.TCPListener)}
	tr := running(t, h, supervise.Policy{})
	c := dial(t, h)
	c.send("GET / HTTP/1.1\r\nHost: test\r\nLong: " + strings.Repeat("x", 64<<10) + "\r\n\r\n")
	if got := c.answer(); got.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("got %d, want 431", got.StatusCode)
	}
	c.wantClosed()
	tr.stop()
}

// Its connections would be those of plain HTTP to net/http: no HTTP/2, and no Request.TLS, by which a handler may
// know who asks.
func TestListenerThatSpeaksTLSByItselfIsRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	h := newHTTP(hello)
	h.Listener = tls.NewListener(l, &tls.Config{})
	tr := serve(t, supervise.Child{Name: "web", Service: h, Policy: supervise.Policy{MaxRestarts: -1}})
	err = tr.wait()
	if err == nil || !strings.Contains(err.Error(), "a Listener of TLS: give the one below it, and its configuration as TLS") {
		t.Errorf("Serve: got %v, want to be told what to give", err)
	}
}

func TestTLSWithoutACertificateIsRefused(t *testing.T) {
	h := newHTTP(hello)
	h.TLS = &tls.Config{}
	tr := serve(t, supervise.Child{Name: "web", Service: h, Policy: supervise.Policy{MaxRestarts: -1}})
	if err := tr.wait(); err == nil || !strings.Contains(err.Error(), "TLS has no certificate, and there is no CertFile") {
		t.Errorf("Serve: got %v, want to be told that there is no certificate", err)
	}
}

// It is called by the loop that accepts, where nobody else would catch a panic.
func TestPanicOfConnContextCutsItsConnectionOnly(t *testing.T) {
	var log records
	h := newHTTP(hello)
	h.Log = log.logger()
	var told atomic.Int32
	h.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		if told.Add(1) == 1 {
			panic("oh dear")
		}
		return ctx
	}
	tr := running(t, h, supervise.Policy{})
	first := dial(t, h)
	first.wantClosed()
	if got := dial(t, h).get("/"); got.body != "hello" {
		t.Errorf("the next connection: got %q, want hello", got.body)
	}
	if got := h.Stats(); got.Panics != 1 || log.count("oh dear") != 1 || log.count("http_listener_test.go") != 1 {
		t.Errorf("got %+v and the log %s, want one panic, with its stack", got, &log)
	}
	tr.stop()
}
