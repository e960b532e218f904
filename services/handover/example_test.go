package handover_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"tend.example/tend/services"
	"tend.example/tend/services/handover"
	"tend.example/tend/supervise"
)

// The main of a program that kill -HUP replaces by the file that is now in its place. Others take SIGUSR2 for it.
func Example() {
	main := func() int {
		process, err := handover.Begin()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer process.Close()
		process.Tree = &supervise.Group{
			Name:     "shop",
			OnEvent:  process.Observe,
			Children: []supervise.Child{{Name: "web", Service: &services.HTTP{Addr: ":8080", Handler: http.NotFoundHandler()}}},
		}
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
		defer stop()
		ctx = process.Context(ctx)
		upgrades := make(chan os.Signal, 1)
		signal.Notify(upgrades, syscall.SIGHUP)
		process.Tree.Children = append(process.Tree.Children, supervise.Child{
			Name: "upgrades", Service: supervise.Func(func(ctx context.Context) error {
				for {
					select {
					case <-upgrades:
						_ = process.Upgrade(ctx) // it is logged
					case <-ctx.Done():
						return nil
					}
				}
			}),
		})
		return supervise.ExitCode(process.Tree.Serve(ctx))
	}
	_ = main
}
