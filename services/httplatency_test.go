package services_test

import (
	"io"
	"math"
	"net/http"
	"sync"
	"testing"
	"time"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

func TestALatencyIsInABucketThatIsNarrowAroundIt(t *testing.T) {
	for _, took := range []time.Duration{
		-1, 0, time.Microsecond, 3999, 4000, 4999, 5 * time.Microsecond, 7999, 8000, 9 * time.Microsecond, 10 * time.Microsecond,
		63 * time.Microsecond, 64 * time.Microsecond, time.Millisecond, 1234567, time.Second, 10 * time.Second, 99 * time.Second,
	} {
		var h services.HTTP
		services.CountLatency(&h, took)
		services.CountLatency(&h, took)
		d, _ := h.Detail().(services.HTTPDetail)
		if d.Served != 2 || len(d.Latency) != 1 || d.Latency[0].Count != 2 {
			t.Errorf("%s: got %+v, want one bucket of two", took, d)
			continue
		}
		below := d.Latency[0].Below
		least := below * 4 / 5 // the width is a fifth of where it ends, or less
		if below <= 4*time.Microsecond {
			least = math.MinInt64
		}
		if took >= below || took < least {
			t.Errorf("%s: in the bucket from %s to %s", took, least, below)
		}
	}
	var h services.HTTP
	services.CountLatency(&h, math.MaxInt64)
	if d, _ := h.Detail().(services.HTTPDetail); len(d.Latency) != 1 || d.Latency[0].Below != 0 {
		t.Errorf("the longest: got %+v, want the bucket without an end", d.Latency)
	}
}

func TestNoLatencyIsLostWhenManyAreCountedAtOnce(t *testing.T) {
	var h services.HTTP
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for range 1000 {
				services.CountLatency(&h, time.Duration(i)*time.Millisecond)
			}
		})
	}
	group.Wait()
	if d, _ := h.Detail().(services.HTTPDetail); d.Served != 8000 {
		t.Errorf("got %d, want 8000", d.Served)
	}
}

func TestTheTimeOfAHijackedConnectionIsNoLatency(t *testing.T) {
	h := newHTTP(func(w http.ResponseWriter, _ *http.Request) {
		if nc, _, err := http.NewResponseController(w).Hijack(); err == nil {
			nc.Close()
		}
	})
	tr := running(t, h, supervise.Policy{})
	c := dial(t, h)
	c.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	io.Copy(io.Discard, c.Conn)
	eventually(t, "the handler is back", func() bool { return h.Stats().Requests == 0 })
	if d, _ := h.Detail().(services.HTTPDetail); d.Served != 0 || len(d.Latency) > 0 {
		t.Errorf("got %+v, want none", d)
	}
	tr.stop()
}

func TestAStreamCountsOnceWhenItBegins(t *testing.T) {
	g := newGate()
	h := newHTTP(func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		g.ServeHTTP(w, r)
		w.(http.Flusher).Flush()
	})
	tr := running(t, h, supervise.Policy{})
	c := dial(t, h)
	c.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	<-g.began
	if d, _ := h.Detail().(services.HTTPDetail); d.Served != 1 || d.Requests != 1 {
		t.Errorf("under way: got %+v, want it to be in flight and counted", d)
	}
	close(g.open)
	c.answer()
	eventually(t, "the handler is back", func() bool { return h.Stats().Requests == 0 })
	if d, _ := h.Detail().(services.HTTPDetail); d.Served != 1 {
		t.Errorf("at its end: got %+v, want it to be counted once", d)
	}
	tr.stop()
}

// What counting costs a request beside all that it costs: go test -run xxx -bench Latency ./services.
func BenchmarkCountLatency(b *testing.B) {
	h, begun := &services.HTTP{}, time.Now()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			start := time.Since(begun)
			services.CountLatency(h, time.Since(begun)-start)
		}
	})
}
