// Command readme is the program of the README.
package main

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	tree := &supervise.Group{
		Name:    "shop",
		OnEvent: supervise.LogEvents(slog.Default()),
		Children: []supervise.Child{
			{Name: "web", Service: &services.HTTP{Addr: ":8080", Handler: handler}},
			{
				Name: "sweep", Service: &services.Job{Schedule: services.Every(time.Minute), Do: sweep},
				Policy: supervise.Policy{MaxRestarts: 5},
			},
		},
	}
	os.Exit(supervise.ExitCode(tree.Serve(ctx)))
}

var handler = http.NotFoundHandler()

func sweep(context.Context) error { return nil }
