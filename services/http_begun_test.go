package services_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	frames "golang.org/x/net/http2"

	"tend.example/tend/supervise"
)

// A request counts from its first byte: net/http has its connection down as idle until the whole header has come.
func TestRequestWhoseHeaderHasBegunIsWaitedFor(t *testing.T) {
	for name, before := range map[string]string{
		"on a new connection":              "",
		"on one that has been used before": "GET / HTTP/1.1\r\nHost: test\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			h := newHTTP(hello)
			tr := running(t, h, supervise.Policy{})
			c := dial(t, h)
			if before != "" {
				c.send(before)
				c.answer()
			}
			c.send("GET / HTTP")
			tr.cancel()
			eventually(t, "the door is closed", func() bool { return h.BoundAddr() == nil })
			time.Sleep(10 * h.KeepIdle) // so long has an idle one
			c.send("/1.1\r\nHost: test\r\n\r\n")
			if got := c.answer(); got.body != "hello" || !got.Close {
				t.Errorf("got %q, close %v, want hello and close", got.body, got.Close)
			}
			if err := <-tr.ended; err != nil {
				t.Errorf("Serve: got %v, want nil", err)
			}
		})
	}
}

func TestRequestWhoseHeaderHasBegunInTLSIsWaitedFor(t *testing.T) {
	folder := t.TempDir()
	pool := newCertificate(t, folder, "test")
	h := newHTTP(hello)
	h.CertFile, h.KeyFile = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	tr := running(t, h, supervise.Policy{})
	c := dial(t, h)
	secure := tls.Client(c.Conn, &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"})
	c.Conn = secure
	c.from.Reset(secure)
	c.get("/")
	c.send("GET / HTTP")
	tr.cancel()
	eventually(t, "the door is closed", func() bool { return h.BoundAddr() == nil })
	time.Sleep(10 * h.KeepIdle)
	c.send("/1.1\r\nHost: test\r\n\r\n")
	if got := c.answer(); got.body != "hello" {
		t.Errorf("got %q, want hello", got.body)
	}
	<-tr.ended
}

// A client of HTTP/2 says a lot without asking for anything.
func TestWhatIsSaidInHTTP2IsNoRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		doors := newPipes()
		h := newHTTP(hello)
		h.H2C, h.Listener = true, doors
		tr := running(t, h, supervise.Policy{})
		nc := doors.dial()
		defer nc.Close()
		go io.Copy(io.Discard, nc) // until the server closes it
		io.WriteString(nc, frames.ClientPreface)
		framer := frames.NewFramer(nc, nil)
		framer.WriteSettings()
		synctest.Wait()
		framer.WritePing(false, [8]byte{})
		began := time.Now()
		tr.stop()
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("the stop took %s of virtual time, want it to be that of an idle connection", took)
		}
	})
}

func TestRestOfABodyIsNoRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		doors := newPipes()
		h := newHTTP(hello) // which does not read it
		h.Listener = doors
		tr := running(t, h, supervise.Policy{})
		nc := doors.dial()
		defer nc.Close()
		io.WriteString(nc, "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\n")
		synctest.Wait()
		io.WriteString(nc, "rest")
		resp, err := http.ReadResponse(bufio.NewReader(nc), nil)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		began := time.Now()
		tr.stop()
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("the stop took %s of virtual time, want it to be that of an idle connection", took)
		}
	})
}

// pipes is a listener without a network, for virtual time.
type pipes struct {
	come   chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{come: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) dial() net.Conn {
	ours, theirs := net.Pipe()
	p.come <- theirs
	return ours
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case nc := <-p.come:
		return nc, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }

// Its first request may be on its way, as the next one of an idle connection.
func TestNewConnectionThatHasBeenSilentForLongHasAnotherChance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		doors := newPipes()
		h := newHTTP(hello)
		h.Listener, h.ReadHeaderTimeout, h.KeepIdle = doors, time.Hour, 500*time.Millisecond
		tr := running(t, h, supervise.Policy{})
		nc := doors.dial()
		defer nc.Close()
		time.Sleep(time.Minute)
		tr.cancel()
		time.Sleep(300 * time.Millisecond) // the door is closed after 50ms
		if _, err := io.WriteString(nc, "GET / HTTP/1.1\r\nHost: test\r\n\r\n"); err != nil {
			t.Errorf("send: %v", err)
		}
		if resp, err := http.ReadResponse(bufio.NewReader(nc), nil); err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("got %v, %v, want 200", resp, err)
		}
		<-tr.ended
	})
}
