package services_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

// client is a raw connection, on which nothing is retried.
type client struct {
	net.Conn
	t    *testing.T
	from *bufio.Reader
}

// dial connects to h.
func dial(t *testing.T, h *services.HTTP) *client {
	t.Helper()
	addr := h.BoundAddr()
	if addr == nil {
		t.Fatal("dial: it does not listen")
	}
	return dialAddr(t, addr)
}

func dialAddr(t *testing.T, addr net.Addr) *client {
	t.Helper()
	nc, err := net.Dial(addr.Network(), addr.String())
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(20 * time.Second)) // so that a fault ends the test, and not its patience
	return &client{Conn: nc, t: t, from: bufio.NewReader(nc)}
}

// send writes as it is.
func (c *client) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatalf("send %.40q: %v", text, err)
	}
}

// get sends a request for a path, and reads the whole answer.
func (c *client) get(path string) *reply {
	c.t.Helper()
	c.send("GET " + path + " HTTP/1.1\r\nHost: test\r\n\r\n")
	return c.answer()
}

// reply is an answer read to its end.
type reply struct {
	*http.Response
	body string
}

// answer reads a whole one.
func (c *client) answer() *reply {
	c.t.Helper()
	r, err := c.read()
	if err != nil {
		c.t.Fatalf("answer: %v", err)
	}
	return r
}

func (c *client) read() (*reply, error) {
	resp, err := http.ReadResponse(c.from, nil)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	return &reply{resp, string(body)}, err
}

// wantClosed wants the server to have closed the connection, without a further byte.
func (c *client) wantClosed() {
	c.t.Helper()
	if n, err := c.from.Read(make([]byte, 1)); n > 0 || !errors.Is(err, io.EOF) {
		c.t.Errorf("read after the end: %d bytes, %v, want EOF", n, err)
	}
}

// running serves h as the only child, and waits until it is Running.
func running(t *testing.T, h *services.HTTP, p supervise.Policy) *tree {
	t.Helper()
	tr := serve(t, supervise.Child{Name: "web", Service: h, Policy: p})
	awaitRunning(t, tr)
	return tr
}

// awaitRun waits until the run of this number is Running.
func awaitRun(t *testing.T, tr *tree, run int) {
	t.Helper()
	eventually(t, "the next run", func() bool {
		c := tr.child()
		return c.Run == run && c.State == supervise.Running
	})
}

// failing fails its run when it is told to, with the service inside told why.
type failing struct {
	*services.HTTP
	fail chan func() error
}

func newFailing(h *services.HTTP) *failing { return &failing{h, make(chan func() error)} }

func (f *failing) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	served := make(chan error, 1)
	go func() { served <- f.HTTP.Serve(ctx) }()
	select {
	case how := <-f.fail:
		cancel(errFault)
		<-served
		return how()
	case err := <-served:
		return err
	}
}

var errFault = errors.New("a fault")

func fault() error { return errFault }

// records collects what is logged.
type records struct{ safeBuffer }

func (r *records) logger() *slog.Logger { return slog.New(slog.NewTextHandler(r, nil)) }

func (r *records) count(text string) int { return strings.Count(r.String(), text) }

func tempFile(t *testing.T, name, text string) string {
	t.Helper()
	path := t.TempDir() + "/" + name
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var atOnce = supervise.Policy{MinBackoff: -1}
