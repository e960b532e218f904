package admin_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tend.example/tend/services/admin"
	"tend.example/tend/services/admin/journal"
	"tend.example/tend/services/admin/logring"
	"tend.example/tend/supervise"
)

const (
	token     = "full-0123456789abcdef0123456789abcdef"
	readToken = "read-0123456789abcdef0123456789abcdef"
)

// side is an admin side of a tree.
type side struct {
	view    admin.View
	handler http.Handler
	log     *buffer
	drained chan struct{}
	events  *journal.Journal
}

// buffer is a log that may be read while it is written.
type buffer struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.String()
}

// newSide has all that a view can have, but for tokens.
func newSide(change func(*admin.View), children ...supervise.Child) *side {
	s := &side{log: &buffer{}, drained: make(chan struct{}), events: &journal.Journal{}}
	var ring logring.Ring
	var level slog.LevelVar
	s.view = admin.View{
		Tree:    &supervise.Group{Name: "tend", Children: children, OnEvent: s.events.Observe},
		Journal: s.events, Logs: &ring, LogLevel: &level, Version: "v1.2.3",
		Log:      slog.New(ring.Tee(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: &level}))),
		Draining: func(context.Context) <-chan struct{} { return s.drained },
		Overlap:  errOverlap,
	}
	if change != nil {
		change(&s.view)
	}
	s.handler = s.view.Handler()
	return s
}

// inBubble serves the tree of a side in a bubble of synctest.
func inBubble(t *testing.T, change func(*admin.View), test func(t *testing.T, s *side), children ...supervise.Child) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := newSide(change, children...)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.view.Tree.Serve(ctx) }()
		synctest.Wait()
		test(t, s)
		cancel()
		<-ended
	})
}

// onSocket serves the handler of a side on a socket, and the tree with it.
func onSocket(t *testing.T, s *side, listener net.Listener) (addr string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	woken, stop := s.events.Watch()
	defer stop()
	go func() { ended <- s.view.Tree.Serve(ctx) }()
	for s.view.Tree.Status().State != supervise.Running {
		<-woken
	}
	server := &http.Server{Handler: s.handler, ConnContext: admin.ConnContext, ReadHeaderTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
		cancel()
		<-ended
	})
	return listener.Addr().String()
}

func listen(t *testing.T, network, addr string) net.Listener {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), network, addr)
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// onTCP is onSocket on a free port of the loopback.
func onTCP(t *testing.T, s *side) (addr string) {
	t.Helper()
	return onSocket(t, s, listen(t, "tcp", "127.0.0.1:0"))
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// raw sends a request as it stands, with CRLF for each newline. ADDR stands for the address.
func raw(t *testing.T, addr, request string) answer {
	t.Helper()
	var dialer net.Dialer
	network := "tcp"
	if strings.HasPrefix(addr, "/") {
		network = "unix"
	}
	conn, err := dialer.DialContext(t.Context(), network, addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	request = strings.ReplaceAll(strings.ReplaceAll(request, "ADDR", addr), "\n", "\r\n")
	fmt.Fprint(conn, request)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("%q: %v", request, err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body) // of a server that has closed on us
	return answer{resp.StatusCode, resp.Header, string(body)}
}

// isProblem finds fault with a problem document.
func isProblem(a answer) error {
	var p struct {
		Type, Title, Detail, Instance string
		Status                        int
	}
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		return fmt.Errorf("%w: %s", err, a.body)
	}
	if a.header.Get("Content-Type") != "application/problem+json" || p.Status != a.status || p.Title != http.StatusText(a.status) ||
		p.Type != "about:blank" || p.Detail == "" || !strings.HasPrefix(p.Instance, "/") {
		return fmt.Errorf("status %d, %s: %s", a.status, a.header.Get("Content-Type"), a.body)
	}
	return nil
}

func uid() int { return os.Getuid() }
func pid() int { return os.Getpid() }

var (
	errOverlap = errors.New("a run is under way")
	errBoom    = errors.New("boom")
)
