// Command served is bench/plain on services.HTTP: what it answers is the same, and how it stops is the
// library's.
package main

import (
	"context"
	"flag"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"tend.example/tend/internal/loadtest"
	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "`host:port` to listen on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	tree := &supervise.Group{Name: "served", Children: []supervise.Child{{
		Name: "web", Service: &services.HTTP{Addr: *addr, H2C: true, Handler: loadtest.Handler(draining)},
	}}}
	err := tree.Serve(ctx)
	stop()
	os.Exit(supervise.ExitCode(err))
}

func draining(r *http.Request) <-chan struct{} { return services.Draining(r.Context()) }
