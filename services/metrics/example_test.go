package metrics_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tend.example/tend/services"
	"tend.example/tend/services/metrics"
	"tend.example/tend/supervise"
)

func Example() {
	log := slog.New(slog.DiscardHandler)
	web := &services.HTTP{Addr: "127.0.0.1:0", Log: log}
	tree := &supervise.Group{Name: "shop", Children: []supervise.Child{
		{Name: "web", Service: web},
		{Name: "sweep", Service: &services.Job{Schedule: services.Every(time.Minute), Do: sweep}},
	}}

	measured := &metrics.Tree{Group: tree}
	tree.OnEvent = measured.Observe
	registry := prometheus.NewRegistry() // or the one that you have
	if err := measured.Register(registry); err != nil {
		panic(err)
	}

	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics.Handler(registry, log))
	web.Handler = measured.Handler(mux)

	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- tree.Serve(ctx) }()
	for tree.Status().State != supervise.Running {
		time.Sleep(time.Millisecond)
	}
	get("http://"+web.BoundAddr().String()+"/metrics", "tend_service_ready")
	cancel()
	<-ended
	// Output:
	// tend_service_ready{service="shop"} 1
	// tend_service_ready{service="shop/sweep"} 1
	// tend_service_ready{service="shop/web"} 1
}

func sweep(context.Context) error { return nil }

// get prints the lines that begin with a prefix.
func get(url, prefix string) {
	answer, err := http.Get(url)
	if err != nil {
		panic(err)
	}
	defer answer.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		panic(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, prefix) {
			fmt.Print(line)
		}
	}
}
