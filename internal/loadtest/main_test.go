package loadtest_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tend.example/tend/internal/loadtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	overHTTP1 = []loadtest.Kind{
		loadtest.KeepAlive, loadtest.NewConn, loadtest.Post, loadtest.NewConnPost, loadtest.Halves,
		loadtest.Long, loadtest.Stream, loadtest.SSE, loadtest.WebSocket,
	}
	overHTTP2 = []loadtest.Kind{
		loadtest.H2, loadtest.H2Post, loadtest.H2Long, loadtest.H2Stream, loadtest.H2SSE,
	}
)

func goodHandler() http.Handler { return loadtest.Handler(nil) }

// start serves a handler by net/http, HTTP/1 and h2c, until the test ends.
func start(t *testing.T, handler http.Handler) *httptest.Server {
	t.Helper()
	server := unstarted(handler)
	server.Start()
	t.Cleanup(server.Close)
	return server
}

func unstarted(handler http.Handler) *httptest.Server {
	server := httptest.NewUnstartedServer(handler)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	return server
}

func startTLS(t *testing.T, handler http.Handler, configure ...func(*http.Server)) (*httptest.Server, *tls.Config) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	for _, f := range configure {
		f(server.Config)
	}
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	trusted := x509.NewCertPool()
	trusted.AddCert(server.Certificate())
	return server, &tls.Config{RootCAs: trusted}
}

func startUnix(t *testing.T, handler http.Handler) (addr string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := unstarted(handler)
	server.Listener.Close()
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	return "unix:" + path
}

func addrOf(server *httptest.Server) string { return server.Listener.Addr().String() }

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("still waiting: %s", what)
			return
		}
	}
}

// runUntil lets a load run until a condition holds.
func runUntil(t *testing.T, load loadtest.Load, what string, holds func() bool) loadtest.Result {
	t.Helper()
	return runWhile(t, load, func() { eventually(t, what, holds) })
}

// runWhile lets a load run until a function returns.
func runWhile(t *testing.T, load loadtest.Load, during func()) loadtest.Result {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	results := make(chan loadtest.Result)
	go func() { results <- load.Run(ctx) }() // awaited at the end
	during()
	cancel()
	return <-results
}
