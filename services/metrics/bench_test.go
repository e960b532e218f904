package metrics_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tend.example/tend/services/metrics"
	"tend.example/tend/supervise"
)

func BenchmarkRequest(b *testing.B) {
	m := &metrics.Tree{}
	r := httptest.NewRequest(http.MethodGet, "/users/7", http.NoBody)
	r.Pattern = "GET /users/{id}"
	b.ReportAllocs()
	for b.Loop() {
		m.OnRequest(r, http.StatusOK, 1234*time.Microsecond)
	}
}

func BenchmarkRequestInParallel(b *testing.B) {
	m := &metrics.Tree{}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		r := httptest.NewRequest(http.MethodGet, "/users/7", http.NoBody)
		r.Pattern = "GET /users/{id}"
		for pb.Next() {
			m.OnRequest(r, http.StatusOK, 1234*time.Microsecond)
		}
	})
}

func BenchmarkHandler(b *testing.B) {
	hello := []byte("hello")
	h := (&metrics.Tree{}).Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(hello) }))
	r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	w := &discard{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(w, r)
	}
}

func BenchmarkEvent(b *testing.B) {
	m := &metrics.Tree{}
	events := []supervise.Event{
		{Path: "tend/web", State: supervise.Starting},
		{Path: "tend/web", State: supervise.Running},
		{Path: "tend/web", State: supervise.Backoff, Err: io.EOF},
	}
	now := time.Unix(0, 0)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		e := events[i%3]
		now = now.Add(time.Millisecond)
		e.Time, e.Run = now, i/3+1
		m.Observe(e)
	}
}

// The goroutines of services are what costs most of an answer to Prometheus.
func BenchmarkScrape(b *testing.B) {
	for _, n := range []int{10, 1000, 10_000} {
		for _, most := range []int{-1, 1 << 20} {
			b.Run(fmt.Sprintf("services=%d/goroutines=%t", n, most > 0), func(b *testing.B) {
				tree := &supervise.Group{Name: "tend", Concurrent: true}
				for i := range n {
					tree.Children = append(tree.Children, supervise.Child{Name: fmt.Sprint(i), Service: supervise.Func(idle)})
				}
				m := &metrics.Tree{Group: tree, MaxGoroutines: most}
				registry := prometheus.NewRegistry()
				if err := m.Register(registry); err != nil {
					b.Fatal(err)
				}
				ctx, cancel := context.WithCancel(b.Context())
				ended := make(chan error, 1)
				go func() { ended <- tree.Serve(ctx) }()
				for tree.Status().State != supervise.Running {
					time.Sleep(time.Millisecond)
				}
				b.ReportAllocs()
				for b.Loop() {
					if _, err := registry.Gather(); err != nil {
						b.Fatal(err)
					}
				}
				cancel()
				<-ended
			})
		}
	}
}

type discard struct{ header http.Header }

func (d *discard) Header() http.Header       { return d.header }
func (*discard) Write(p []byte) (int, error) { return len(p), nil }
func (*discard) WriteHeader(int)             {}
