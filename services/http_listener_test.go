package services_test

import (
	"net"
	"net/http"
	"strings"
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
