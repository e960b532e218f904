// Command example is a web service and a job that are traced. Start a collector, such as Jaeger, and then this:
//
//	docker run --rm -p 4318:4318 -p 16686:16686 jaegertracing/jaeger
//	go run ./example & curl http://localhost:8080/users/7
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"tend.example/tend/otlp"
	"tend.example/tend/services"
	"tend.example/tend/services/tracing"
	"tend.example/tend/supervise"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, slog.Default(), ":8080")
	cancel()
	if err != nil {
		slog.Error("exit", "err", err)
	}
	os.Exit(supervise.ExitCode(err))
}

func run(ctx context.Context, log *slog.Logger, addr string) error {
	provider, err := otlp.Setup(ctx, "shop", "1.0", log)
	if err != nil {
		return err
	}
	traced := &tracing.Tracing{Provider: provider}
	tree := newTree(traced, log, addr)
	traced.Wrap(tree)
	err = tree.Serve(ctx)

	// The last spans end with the tree, when ctx is done.
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return errors.Join(err, provider.Shutdown(ending))
}

func newTree(traced *tracing.Tracing, log *slog.Logger, addr string) *supervise.Group {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "user", r.PathValue("id"))
	})
	sweep := func(context.Context) error { return nil }
	return &supervise.Group{Name: "shop", OnEvent: supervise.LogEvents(log), Children: []supervise.Child{
		{Name: "web", Service: &services.HTTP{Addr: addr, Handler: traced.Handler(mux), Log: log}},
		{Name: "sweep", Service: &services.Job{Schedule: services.AtOnce(services.Every(time.Minute)), Do: traced.Do("sweep", sweep)}},
	}}
}
