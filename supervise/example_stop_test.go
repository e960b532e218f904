package supervise_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tend.example/tend/supervise"
)

// What has to be finished after ctx is done has until StopContext is done.
func ExampleStopContext() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	orders := func(ctx context.Context) error {
		lasting, free := supervise.StopContext(ctx)
		defer free()
		cancel() // somebody wants it all to end
		<-ctx.Done()
		fmt.Println("told to stop:", ctx.Err())
		return commit(lasting)
	}
	g := &supervise.Group{Name: "shop", Children: []supervise.Child{
		{Name: "orders", Service: supervise.Func(orders), Policy: supervise.Policy{StopTimeout: time.Minute}},
	}}
	fmt.Println(g.Serve(ctx))
	// Output:
	// told to stop: context canceled
	// committed, with the time for it: <nil>
	// <nil>
}

func commit(ctx context.Context) error {
	fmt.Println("committed, with the time for it:", ctx.Err())
	return ctx.Err()
}

// A service that does not stop is named, and Serve returns all the same.
func ExampleStopError() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	answer, left := make(chan struct{}), make(chan struct{})
	reader := func(context.Context) error { // it does not look at its ctx
		defer close(left)
		cancel()
		<-answer
		return nil
	}
	g := &supervise.Group{Name: "shop", Children: []supervise.Child{
		{Name: "reader", Service: supervise.Func(reader), Policy: supervise.Policy{StopTimeout: 10 * time.Millisecond}},
	}}
	err := g.Serve(ctx)
	fmt.Println(err)

	var stuck *supervise.StuckError
	fmt.Println("its goroutines are shown:", errors.As(err, &stuck) && len(stuck.Stacks) > 0)
	fmt.Println("exit code", supervise.ExitCode(err))
	close(answer) // what was abandoned is still there until it returns by itself
	<-left
	// Output:
	// did not stop cleanly: shop/reader: did not return when told to stop
	// its goroutines are shown: true
	// exit code 70
}

// A run that falls silent is ended, and another follows. A run that ignores ctx as well would be
// Stuck, and end the tree.
func ExampleBeat() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	run := 0
	worker := func(ctx context.Context) error {
		run++
		switch run {
		case 1:
			for range 3 {
				supervise.Beat(ctx) // before each piece of work
			}
			<-ctx.Done() // and then one that never comes to an end
			fmt.Println("run 1:", context.Cause(ctx))
		case 2:
			fmt.Println("run 2: at work")
			cancel()
		}
		<-ctx.Done()
		return nil
	}
	g := &supervise.Group{Name: "shop", Children: []supervise.Child{{
		Name: "worker", Service: supervise.Func(worker),
		Policy: supervise.Policy{Heartbeat: 20 * time.Millisecond, MinBackoff: -1},
	}}}
	fmt.Println(g.Serve(ctx))
	// Output:
	// run 1: hung: no sign of life within its heartbeat
	// run 2: at work
	// <nil>
}
