package loadtest_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"tend.example/tend/internal/loadtest"
)

// closesAfterwards is a handler that answers well and closes the connection without having said so.
func closesAfterwards() http.HandlerFunc {
	return raw(func(conn *rawConn, r *http.Request) {
		body := "hello " + r.URL.RawQuery
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: "+strconv.Itoa(len(body))+"\r\n\r\n"+body)
	})
}

// It has written its next request before it could know.
func TestIdleConnectionClosedUnderAClientThatWritesIsALoss(t *testing.T) {
	result := loadtest.Load{
		Addr: addrOf(start(t, closesAfterwards())), Kinds: []loadtest.Kind{loadtest.KeepAlive, loadtest.NewConn},
		Clients: 1, Requests: 10,
	}.Run(t.Context())
	if got := result.Of(loadtest.KeepAlive); got.OK != 5 || got.Cut != 5 || got.Failures[0].Nth != 2 {
		t.Errorf("want every second request of a connection cut:\n%s", result)
	}
	if got := result.Of(loadtest.NewConn); got.OK != 10 {
		t.Errorf("want all well of a client that does not come back:\n%s", result)
	}
}

func TestIdleConnectionClosedUnderAClientThatPausesIsNoLoss(t *testing.T) {
	secured, config := startTLS(t, goodHandler(), func(s *http.Server) { s.IdleTimeout = time.Millisecond })
	plain := unstarted(goodHandler())
	plain.Config.IdleTimeout = time.Millisecond
	plain.Start()
	t.Cleanup(plain.Close)

	load := loadtest.Load{Addr: addrOf(plain), Clients: 4, Requests: 8, Pause: 500 * time.Millisecond}
	overTLS := load
	overTLS.Addr, overTLS.TLS = addrOf(secured), config
	for _, load := range []loadtest.Load{load, overTLS} {
		result := load.Run(t.Context())
		if got := result.Total(); got.OK != 8 || got.Stale == 0 {
			t.Errorf("want all well, and some connections seen to be closed:\n%s", result)
		}
	}
}

func TestIdleConnectionOfAPausingClientIsKept(t *testing.T) {
	result := loadtest.Load{
		Addr: addrOf(start(t, goodHandler())), Kinds: []loadtest.Kind{loadtest.KeepAlive, loadtest.Post, loadtest.H2},
		Clients: 2, Requests: 10, Pause: 5 * time.Millisecond,
	}.Run(t.Context())
	if got := result.Total(); got.OK != 30 || got.Stale != 0 || got.Conns != 2+2+1 {
		t.Errorf("want all well on 5 connections:\n%s", result)
	}
}

// It is why this package exists: http.Server.Shutdown loses requests. One stop may be lucky.
func TestShutdownIsFoundOut(t *testing.T) {
	for _, kind := range []loadtest.Kind{loadtest.KeepAlive, loadtest.NewConn, loadtest.Post, loadtest.Halves} {
		t.Run(kind.String(), func(t *testing.T) {
			for range 30 {
				if result := shutdownUnderLoad(t, kind); result.Lost() > 0 {
					return
				}
			}
			t.Error("got 30 stops without a loss, which nobody believes")
		})
	}
}

func shutdownUnderLoad(t *testing.T, kind loadtest.Kind) loadtest.Result {
	t.Helper()
	server := start(t, goodHandler())
	var progress loadtest.Progress
	load := loadtest.Load{Addr: addrOf(server), Kinds: []loadtest.Kind{kind}, Clients: 32, Progress: &progress}
	return runWhile(t, load, func() {
		eventually(t, "load", func() bool { return progress.AtLeast(300, kind) })
		if err := server.Config.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A hijacked connection dies with its process, whatever Shutdown says.
func TestWebSocketKilledByItsServerIsFoundOut(t *testing.T) {
	hijacked := make(chan net.Conn, 3)
	server := unstarted(goodHandler())
	server.Config.ConnState = func(conn net.Conn, state http.ConnState) {
		if state == http.StateHijacked {
			hijacked <- conn
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	load := loadtest.Load{
		Addr: addrOf(server), Kinds: []loadtest.Kind{loadtest.WebSocket}, Clients: 3, Requests: 3, Hold: 30 * time.Second,
	}
	results := make(chan loadtest.Result)
	go func() { results <- load.Run(t.Context()) }() // awaited at the end
	for range 3 {
		(<-hijacked).Close()
	}
	if result := <-results; result.Total().Cut != 3 {
		t.Errorf("want all cut:\n%s", result)
	}
}

func TestRequestsUnderWayAreFinishedWhenTheRunEnds(t *testing.T) {
	handler := goodHandler()
	var begun atomic.Int64
	release := make(chan struct{})
	server := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun.Add(1)
		<-release
		handler.ServeHTTP(w, r)
	}))
	ctx, cancel := context.WithCancel(t.Context())
	load := loadtest.Load{Addr: addrOf(server), Kinds: loadtest.Kinds(), Clients: 2, Hold: time.Millisecond}
	results := make(chan loadtest.Result)
	go func() { results <- load.Run(ctx) }() // awaited at the end
	all := int64(2 * len(loadtest.Kinds()))
	eventually(t, "all at it", func() bool { return begun.Load() == all })
	cancel()
	close(release)
	if result := <-results; result.Total().OK != int(all) || result.Total().Sent() != int(all) {
		t.Errorf("want the %d that were under way, all well:\n%s", all, result)
	}
}

func TestForBoundsARun(t *testing.T) {
	addr := addrOf(start(t, goodHandler()))
	result := loadtest.Load{Addr: addr, Clients: 1, Requests: 1 << 40, For: 10 * time.Millisecond}.Run(context.Background())
	if result.Lost() > 0 {
		t.Errorf("want none lost:\n%s", result)
	}
}

func TestRunRefusesOtherMachines(t *testing.T) {
	for _, load := range []loadtest.Load{
		{},
		{Addr: ":80"},
		{Addr: "192.0.2.1:80"},
		{Addr: "tend.example:80"},
		{Backends: []loadtest.Backend{{Addr: "127.0.0.1:80"}, {Addr: "192.0.2.1:80"}}},
		{Backends: []loadtest.Backend{{Addr: "127.0.0.1:80", ReadyAddr: "192.0.2.1:80"}}},
		{Backends: []loadtest.Backend{{Addr: "192.0.2.1:80", ReadyAddr: "127.0.0.1:80"}}},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%+v: want a panic", load)
				}
			}()
			load.For = time.Millisecond
			load.Run(t.Context())
		}()
	}
}
