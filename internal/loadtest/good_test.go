package loadtest_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tend.example/tend/internal/loadtest"
)

func TestGoodServerLosesNothing(t *testing.T) {
	plain := start(t, goodHandler())
	secured, config := startTLS(t, goodHandler())
	for _, server := range []struct {
		name, addr string
		tls        *tls.Config
	}{
		{name: "plain", addr: addrOf(plain)},
		{name: "tls", addr: addrOf(secured), tls: config},
		{name: "unix", addr: startUnix(t, goodHandler())},
	} {
		t.Run(server.name, func(t *testing.T) {
			var progress loadtest.Progress
			load := loadtest.Load{
				Addr: server.addr, TLS: server.tls, Kinds: loadtest.Kinds(), Clients: 5,
				Hold: 40 * time.Millisecond, Progress: &progress,
			}
			result := runUntil(t, load, "all kinds answered", func() bool {
				return progress.AtLeast(20, loadtest.Kinds()...)
			})
			for _, got := range result.Kinds {
				if got.OK != got.Sent() || got.OK != progress.Of(got.Kind) || got.Refused+got.Local > 0 {
					t.Errorf("%s: want all well:\n%s", got.Kind, result)
				}
				if got.Drained > 0 {
					t.Errorf("%s: %d drained by a server that does not:\n%s", got.Kind, got.Drained, result)
				}
			}
			checkConns(t, result, load.Clients)
		})
	}
}

// checkConns holds the connections made against what each kind is there to test.
func checkConns(t *testing.T, result loadtest.Result, clients int) {
	t.Helper()
	for _, got := range result.Kinds {
		want := clients
		switch got.Kind {
		case loadtest.NewConn, loadtest.NewConnPost, loadtest.WebSocket:
			want = got.Sent()
		case loadtest.H2, loadtest.H2Post, loadtest.H2Long, loadtest.H2Stream, loadtest.H2SSE:
			want = (clients + 3) / 4
		default:
		}
		if got.Conns != want {
			t.Errorf("%s: got %d connections, want %d", got.Kind, got.Conns, want)
		}
	}
}

func TestConnectionCloseIsObeyed(t *testing.T) {
	handler := goodHandler()
	server := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close") // HTTP/2: GOAWAY
		handler.ServeHTTP(w, r)
	}))
	result := loadtest.Load{
		Addr: addrOf(server), Kinds: loadtest.Kinds(), Clients: 3, Requests: 30, Hold: 10 * time.Millisecond,
	}.Run(t.Context())
	for _, got := range result.Kinds {
		// With GOAWAY the requests of other clients on the connection may still be finished, or given back.
		wellOrGivenBack := got.OK+got.Unprocessed == 30
		if got.OK == 0 || !wellOrGivenBack || got.Conns < 10 {
			t.Errorf("%s: want 30 requests, none lost, on connections of their own:\n%s", got.Kind, result)
		}
	}
	for _, kind := range []loadtest.Kind{loadtest.KeepAlive, loadtest.Post, loadtest.Long, loadtest.Stream} {
		if got := result.Of(kind); got.Conns != 30 || got.OK != 30 {
			t.Errorf("%s: want 30 connections:\n%s", kind, result)
		}
	}
}

func TestDrainEndsWhatIsEndlessInTheProperWay(t *testing.T) {
	kinds := []loadtest.Kind{loadtest.SSE, loadtest.WebSocket, loadtest.H2SSE, loadtest.KeepAlive}
	drain := make(chan struct{})
	server := start(t, loadtest.Handler(func(*http.Request) <-chan struct{} { return drain }))
	var progress loadtest.Progress
	endless := loadtest.Load{
		Addr: addrOf(server), Kinds: kinds, Clients: 3, Hold: 30 * time.Second, Progress: &progress,
	}
	var once sync.Once
	result := runUntil(t, endless, "all kinds answered", func() bool {
		if progress.AtLeast(20, loadtest.KeepAlive) { // so others are under way, or will meet the drain at once
			once.Do(func() { close(drain) })
		}
		return progress.AtLeast(6, kinds...)
	})
	for _, got := range result.Kinds {
		// Those at the end of the run the client may have ended itself.
		if got.OK != got.Sent() || got.Kind != loadtest.KeepAlive && got.Drained < got.OK-endless.Clients {
			t.Errorf("%s: want all ended by the drain, and well:\n%s", got.Kind, result)
		}
	}
}

// The requests that a server has read are those that the clients say they have sent, whatever
// becomes of them.
func TestNothingIsSentTwice(t *testing.T) {
	handler := goodHandler()
	var read atomic.Int64
	server := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if read.Add(1)%3 == 0 {
			panic(http.ErrAbortHandler)
		}
		handler.ServeHTTP(w, r)
	}))
	for _, kind := range loadtest.Kinds() {
		read.Store(0)
		result := loadtest.Load{
			Addr: addrOf(server), Kinds: []loadtest.Kind{kind}, Clients: 4, Requests: 60, Hold: time.Millisecond,
		}.Run(t.Context())
		if got := result.Of(kind); got.OK != 40 || got.Cut != 20 || read.Load() != 60 {
			t.Errorf("%s: the server has read %d requests and cut every third, want 60, 40 ok, 20 cut:\n%s", kind, read.Load(), result)
		}
	}
}

func TestHalvesComeInPieces(t *testing.T) {
	addr := addrOf(start(t, goodHandler()))
	for kind, want := range map[loadtest.Kind]int64{loadtest.Halves: 3, loadtest.Post: 1} {
		var writes atomic.Int64
		result := loadtest.Load{
			Addr: addr, Kinds: []loadtest.Kind{kind}, Clients: 1, Requests: 1,
			Dial: func(ctx context.Context, addr string) (net.Conn, error) {
				var dialer net.Dialer
				conn, err := dialer.DialContext(ctx, "tcp", addr)
				return countingConn{conn, &writes}, err
			},
		}.Run(t.Context())
		if result.Total().OK != 1 || writes.Load() != want {
			t.Errorf("%s: want a request in %d writes, got %d:\n%s", kind, want, writes.Load(), result)
		}
	}
}

type countingConn struct {
	net.Conn

	writes *atomic.Int64
}

func (c countingConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}

// What could not be dialed because the run was over is nobody's loss, though the dialer notices first.
func TestDialThatTheEndOfTheRunCutsShortIsNoLoss(t *testing.T) {
	load := loadtest.Load{
		Addr: "anywhere:80", Clients: 50, For: 20 * time.Millisecond, Kinds: []loadtest.Kind{loadtest.NewConn},
		Dial: func(ctx context.Context, _ string) (net.Conn, error) {
			end, _ := ctx.Deadline()
			for time.Now().Before(end) { // a sleep could come back after ctx knows
			}
			return nil, os.ErrDeadlineExceeded
		},
	}
	for range 5 {
		if r := load.Run(t.Context()); r.Lost() > 0 {
			t.Fatalf("want none lost:\n%s", r)
		}
	}
}
