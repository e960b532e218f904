package supervise_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"tend.example/tend/supervise"
)

// failOnce is a service whose first run fails, and whose second ends everything.
func failOnce(end context.CancelFunc) supervise.Func {
	run := 0
	return func(ctx context.Context) error {
		if run++; run == 1 {
			return errors.New("connection refused")
		}
		end()
		<-ctx.Done()
		return nil
	}
}

// One line for every state entered.
func ExampleLogEvents() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey { // or the output could not be checked
				return slog.Attr{}
			}
			return a
		},
	}))
	g := &supervise.Group{Name: "shop", OnEvent: supervise.LogEvents(log), Children: []supervise.Child{
		{Name: "feed", Service: failOnce(cancel), Policy: supervise.Policy{MinBackoff: -1}},
	}}
	fmt.Println(g.Serve(ctx))
	// Output:
	// level=INFO msg=state service=shop state=starting run=1
	// level=INFO msg=state service=shop/feed state=starting run=1
	// level=INFO msg=state service=shop/feed state=running run=1
	// level=INFO msg=state service=shop state=running run=1
	// level=WARN msg=state service=shop/feed state=backoff run=1 err="connection refused" delay=0s
	// level=INFO msg=state service=shop/feed state=starting run=2
	// level=INFO msg=state service=shop/feed state=running run=2
	// level=INFO msg=state service=shop state=stopping run=1
	// level=INFO msg=state service=shop/feed state=stopping run=2
	// level=INFO msg=state service=shop/feed state=stopped run=2
	// level=INFO msg=state service=shop state=stopped run=1
	// <nil>
}

// An observer that is interested in failures, and in the moment when all is up.
func ExampleEvent() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	observe := func(e supervise.Event) {
		switch {
		case e.Path == "shop" && e.State == supervise.Running:
			fmt.Println("ready")
		case e.State == supervise.Backoff:
			fmt.Printf("run %d of %s failed: %v\n", e.Run, e.Path, e.Err)
		}
	}
	g := &supervise.Group{Name: "shop", OnEvent: observe, Children: []supervise.Child{
		{Name: "feed", Service: failOnce(cancel), Policy: supervise.Policy{MinBackoff: -1}},
	}}
	fmt.Println(g.Serve(ctx))
	// Output:
	// ready
	// run 1 of shop/feed failed: connection refused
	// <nil>
}
