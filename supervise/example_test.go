package supervise_test

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"syscall"
	"time"

	"github.com/thejerf/suture/v4"

	"tend.example/tend/supervise"
)

// A tree of two: the second starts when the first is ready, and stops before it.
func Example() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	db := func(ctx context.Context) error {
		fmt.Println("db: connected")
		supervise.Ready(ctx)
		<-ctx.Done()
		fmt.Println("db: closed")
		return nil
	}
	web := func(ctx context.Context) error {
		fmt.Println(supervise.Path(ctx) + ": serving")
		cancel() // somebody wants it all to end
		<-ctx.Done()
		fmt.Println("web: closed")
		return nil
	}

	g := &supervise.Group{Name: "shop", Children: []supervise.Child{
		{Name: "db", Service: supervise.Func(db), WaitReady: true},
		{Name: "web", Service: supervise.Func(web)},
	}}
	fmt.Println(g.Serve(ctx))
	// Output:
	// db: connected
	// shop/web: serving
	// web: closed
	// db: closed
	// <nil>
}

// What a main does: signals, the tree, the exit code. The package does neither the first nor the last.
func Example_embedding() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()

	shop := &supervise.Group{Name: "shop", Children: []supervise.Child{{
		Name: "import",
		Service: supervise.Func(func(context.Context) error {
			fmt.Println("imported")
			return supervise.ErrDone // nothing more to do, so the group is done
		}),
	}}}
	err := shop.Serve(ctx)
	fmt.Println(err, "- exit code", supervise.ExitCode(err)) // in a main: os.Exit(supervise.ExitCode(err))
	// Output:
	// imported
	// service should not be restarted - exit code 0
}

// A group is a suture.Service. Suture waits no longer than its own Timeout, so that has to be more
// than the group's StopTimeout.
func Example_suture() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	shop := &supervise.Group{Name: "shop", StopTimeout: time.Second, Children: []supervise.Child{{
		Name: "feed",
		Service: supervise.Func(func(ctx context.Context) error {
			fmt.Println(supervise.Path(ctx) + " runs below suture")
			cancel()
			<-ctx.Done()
			return nil
		}),
	}}}
	theirs := suture.New("theirs", suture.Spec{Timeout: shop.StopTimeout + time.Second})
	theirs.Add(shop)
	fmt.Println(theirs.Serve(ctx))
	fmt.Println("shop is", shop.Status().State)
	// Output:
	// shop/feed runs below suture
	// context canceled
	// shop is stopped
}

// A suture.Supervisor can be served once, so one that may be restarted is made anew for each run.
func ExampleFunc_suture() {
	service := supervise.Func(func(context.Context) error {
		fmt.Println("served by their tree")
		return supervise.Fatal(errors.New("that was all"))
	})
	g := &supervise.Group{Name: "shop", Children: []supervise.Child{
		{Name: "theirs", Service: supervise.Func(func(ctx context.Context) error {
			s := suture.NewSimple("theirs")
			s.Add(service)
			return s.Serve(ctx)
		})},
	}}
	fmt.Println(g.Serve(context.Background()))
	// Output:
	// served by their tree
	// shop/theirs: that was all
}

// A run that does not become ready in time is ended, and another follows. The next sibling waits for
// the one that does.
func ExampleReady() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	run := 0
	db := func(ctx context.Context) error {
		if run++; run == 1 { // nobody answers
			<-ctx.Done()
			fmt.Println("db:", context.Cause(ctx))
			return ctx.Err()
		}
		supervise.Ready(ctx)
		<-ctx.Done()
		return nil
	}
	web := func(context.Context) error {
		fmt.Println("web: db is ready")
		cancel()
		return nil
	}

	g := &supervise.Group{Name: "shop", Children: []supervise.Child{
		{
			Name: "db", Service: supervise.Func(db), WaitReady: true,
			Policy: supervise.Policy{StartTimeout: 20 * time.Millisecond, MinBackoff: -1},
		},
		{Name: "web", Service: supervise.Func(web), Policy: supervise.Policy{Restart: supervise.OnFailure}},
	}}
	fmt.Println(g.Serve(ctx))
	// Output:
	// db: not ready within its start timeout
	// web: db is ready
	// <nil>
}

// A child that fails too often is given up, and its group fails.
func ExamplePolicy() {
	g := &supervise.Group{Name: "shop", Children: []supervise.Child{{
		Name:    "feed",
		Service: supervise.Func(func(context.Context) error { return errors.New("connection refused") }),
		Policy:  supervise.Policy{MinBackoff: -1, MaxRestarts: 3},
	}}}
	err := g.Serve(context.Background())
	fmt.Println(err)
	fmt.Println("exit code", supervise.ExitCode(err))
	// Output:
	// shop/feed: gave up after 3 restarts within 1m0s: connection refused
	// exit code 1
}

// The group of a Significant child ends with it, however busy the others are.
func ExampleChild() {
	g := &supervise.Group{Name: "report", Children: []supervise.Child{
		{
			Name: "progress", WaitReady: true,
			Service: supervise.Func(func(ctx context.Context) error {
				supervise.Ready(ctx)
				<-ctx.Done()
				fmt.Println("progress: stopped")
				return nil
			}),
		},
		{
			Name: "write", Significant: true,
			Service: supervise.Func(func(context.Context) error {
				fmt.Println("write: the report is written")
				return nil
			}),
			Policy: supervise.Policy{Restart: supervise.OnFailure},
		},
	}}
	fmt.Println("exit code", supervise.ExitCode(g.Serve(context.Background())))
	// Output:
	// write: the report is written
	// progress: stopped
	// exit code 0
}

// The cache fails: what comes after it in the list goes down and up with it, what is before it stays.
func ExampleStrategy() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	webIsUp := make(chan int, 2)
	part := func(work func(ctx context.Context) error) supervise.Func {
		return func(ctx context.Context) error {
			fmt.Println(supervise.Path(ctx), "up")
			supervise.Ready(ctx)
			err := work(ctx)
			fmt.Println(supervise.Path(ctx), "down:", context.Cause(ctx))
			return err
		}
	}
	wait := func(ctx context.Context) error {
		<-ctx.Done()
		return nil
	}
	run := 0
	cache := func(ctx context.Context) error {
		run++
		<-webIsUp
		if run == 1 {
			return errors.New("out of memory")
		}
		cancel()
		return wait(ctx)
	}
	web := func(ctx context.Context) error {
		webIsUp <- 1
		return wait(ctx)
	}

	g := &supervise.Group{Name: "shop", Strategy: supervise.RestForOne, Children: []supervise.Child{
		{Name: "store", Service: part(wait), WaitReady: true},
		{Name: "cache", Service: part(cache), WaitReady: true, Policy: supervise.Policy{MinBackoff: -1}},
		{Name: "web", Service: part(web), WaitReady: true},
	}}
	fmt.Println(g.Serve(ctx))
	// Output:
	// shop/store up
	// shop/cache up
	// shop/web up
	// shop/cache down: <nil>
	// shop/web down: shop/cache: out of memory
	// shop/cache up
	// shop/web up
	// shop/web down: told to stop
	// shop/cache down: told to stop
	// shop/store down: told to stop
	// <nil>
}

// A goroutine of the run: its failure is the run's, and the run is over when both are back.
func ExampleGo() {
	reader := func(ctx context.Context) error {
		supervise.Go(ctx, func(context.Context) error { return errors.New("keep-alive: no answer") })
		<-ctx.Done()
		fmt.Println("told:", context.Cause(ctx))
		return nil
	}
	g := &supervise.Group{Name: "shop", Children: []supervise.Child{
		{Name: "reader", Service: supervise.Func(reader), Policy: supervise.Policy{MaxRestarts: -1}},
	}}
	fmt.Println(g.Serve(context.Background()))
	// Output:
	// told: keep-alive: no answer
	// shop/reader: gave up after 0 restarts within 1m0s: keep-alive: no answer
}

// A fatal error ends the tree, and may choose the exit code.
func ExampleFatal() {
	g := &supervise.Group{Name: "shop", Children: []supervise.Child{{
		Name: "config",
		Service: supervise.Func(func(context.Context) error {
			return supervise.Fatal(&supervise.ExitError{Code: 78, Err: errors.New("no such currency")})
		}),
	}}}
	err := g.Serve(context.Background())
	fmt.Println(err)
	fmt.Println("exit code", supervise.ExitCode(err))
	// Output:
	// shop/config: no such currency
	// exit code 78
}

func ExampleExitCode() {
	cut := &supervise.StopError{Children: []supervise.ChildError{{Path: "shop/web", Err: supervise.ErrStuck}}}
	broken := errors.New("disk full")
	for _, err := range []error{
		nil,
		supervise.ErrDone,
		broken,
		supervise.Fatal(broken),
		errors.Join(supervise.Fatal(broken), cut),
		supervise.Fatal(&supervise.ExitError{Code: 78, Err: broken}),
	} {
		fmt.Println(supervise.ExitCode(err))
	}
	// Output:
	// 0
	// 0
	// 1
	// 1
	// 70
	// 78
}
