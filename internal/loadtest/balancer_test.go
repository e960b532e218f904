package loadtest_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"tend.example/tend/internal/loadtest"
)

// backend is a server that says whether it is ready, and knows what it was asked.
type backend struct {
	notReady atomic.Bool
	asked    atomic.Int64
	polled   atomic.Int64
}

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/readyz" {
		b.asked.Add(1)
		goodHandler().ServeHTTP(w, r)
		return
	}
	b.polled.Add(1)
	if b.notReady.Load() {
		http.Error(w, "no", http.StatusServiceUnavailable)
	}
}

// quiet reports whether b is asked nothing while other is asked some more.
func (b *backend) quietBeside(t *testing.T, other *backend) bool {
	before, others := b.asked.Load(), other.asked.Load()
	eventually(t, "the other backend is asked", func() bool { return other.asked.Load() > others+60 })
	return b.asked.Load() == before
}

func TestBalancerGoesByReadiness(t *testing.T) {
	var a, b backend
	load := loadtest.Load{
		Backends: []loadtest.Backend{{Addr: addrOf(start(t, &a))}, {Addr: addrOf(start(t, &b))}},
		Poll:     time.Millisecond,
		Kinds:    loadtest.Kinds(), Clients: 2, Hold: 5 * time.Millisecond,
	}
	result := runWhile(t, load, func() {
		eventually(t, "both asked", func() bool { return a.asked.Load() > 50 && b.asked.Load() > 50 })
		for range 3 {
			a.notReady.Store(true)
			eventually(t, "a left alone", func() bool { return a.quietBeside(t, &b) })
			before := a.asked.Load()
			if !a.quietBeside(t, &b) {
				t.Errorf("a was asked %d times though it is not ready", a.asked.Load()-before)
			}
			a.notReady.Store(false)
			eventually(t, "a asked again", func() bool { return a.asked.Load() > before })
		}
	})
	if got := result.Total(); got.OK != got.Sent() || got.Refused > 0 {
		t.Errorf("want all well:\n%s", result)
	}
}

func TestNobodyReadyIsRefusedWithoutBeingSent(t *testing.T) {
	var a backend
	a.notReady.Store(true)
	load := loadtest.Load{
		Backends: []loadtest.Backend{{Addr: addrOf(start(t, &a))}}, Poll: time.Millisecond, Kinds: loadtest.Kinds(), Clients: 1,
	}
	result := runUntil(t, load, "some polls", func() bool { return a.polled.Load() > 10 })
	if got := result.Total(); got.Sent() > 0 || got.Refused == 0 || got.Conns > 0 || a.asked.Load() > 0 {
		t.Errorf("want nothing sent:\n%s", result)
	}
}

func TestReadinessMayHaveAnAddressOfItsOwn(t *testing.T) {
	server, config := startTLS(t, goodHandler())
	admin := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	load := loadtest.Load{
		Backends: []loadtest.Backend{{Addr: addrOf(server), ReadyAddr: addrOf(admin), ReadyPath: "/healthz"}},
		TLS:      config, Requests: 20, Clients: 2, Kinds: loadtest.Kinds(), Hold: time.Millisecond,
	}
	if result := load.Run(t.Context()); result.Total().OK != 20*len(load.Kinds) {
		t.Errorf("want all well:\n%s", result)
	}
}

func TestBalancerAsksByTLSWhatIsServedByTLS(t *testing.T) {
	var a backend
	server, config := startTLS(t, &a)
	load := loadtest.Load{Backends: []loadtest.Backend{{Addr: addrOf(server)}}, TLS: config, Requests: 20, Clients: 2}
	if result := load.Run(t.Context()); result.Total().OK != 20 {
		t.Errorf("want all well:\n%s", result)
	}
}

func TestBackendThatCannotBeAskedIsNotReady(t *testing.T) {
	var b backend
	load := loadtest.Load{
		Backends: []loadtest.Backend{{Addr: startRaw(t, func(*rawConn) {})}, {Addr: addrOf(start(t, &b))}},
		Clients:  2, Requests: 20,
	}
	if result := load.Run(t.Context()); result.Total().OK != 20 {
		t.Errorf("want all well on the other:\n%s", result)
	}
}
