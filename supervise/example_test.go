package supervise_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

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

// Worker is how a service is written.
type Worker struct{ Addr string }

func (w *Worker) Serve(ctx context.Context) error {
	conn, err := dial(ctx, w.Addr)
	if err != nil {
		return fmt.Errorf("connect to the queue: %w", err) // a failed run: the policy decides
	}
	defer conn.Close()
	supervise.Ready(ctx) // with WaitReady, or a method NotifiesReady(), the next sibling waits for this

	supervise.Go(ctx, conn.keepAlive) // its error or panic fails this run, and it is waited for

	for {
		m, err := conn.next(ctx)
		if ctx.Err() != nil {
			return nil // told to stop
		}
		if err != nil {
			return fmt.Errorf("read from the queue: %w", err)
		}
		w.handle(m)
	}
}

func (w *Worker) handle(m string) { fmt.Println("handled", m) }

// connection has three messages, and then breaks.
type connection struct{ left int }

func dial(context.Context, string) (*connection, error) { return &connection{left: 3}, nil }

func (c *connection) keepAlive(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

func (c *connection) next(context.Context) (string, error) {
	if c.left == 0 {
		return "", io.ErrUnexpectedEOF
	}
	c.left--
	return "message", nil
}

func (c *connection) Close() error { return nil }

func ExampleService() {
	g := &supervise.Group{Name: "shop", Children: []supervise.Child{
		{Name: "worker", Service: &Worker{Addr: "queue:5672"}, Policy: supervise.Policy{MaxRestarts: -1}},
	}}
	fmt.Println(g.Serve(context.Background()))
	// Output:
	// handled message
	// handled message
	// handled message
	// shop/worker: gave up after 0 restarts within 1m0s: read from the queue: unexpected EOF
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

// An operator stops a child and looks at the tree.
func ExampleGroup_Stop() {
	ctx, cancel := context.WithCancel(context.Background())
	running := make(chan struct{}, 1)
	timer := func(ctx context.Context) error {
		running <- struct{}{}
		<-ctx.Done()
		return nil
	}
	tree := &supervise.Group{Name: "shop", Children: []supervise.Child{{Name: "timer", Service: supervise.Func(timer)}}}
	ended := make(chan error)
	go func() { ended <- tree.Serve(ctx) }()
	<-running

	fmt.Println(tree.Stop(ctx, "shop/timer"))
	fmt.Println(tree.Status().Children[0].State)
	fmt.Println(tree.Start(ctx, "shop/timer"))
	fmt.Println(tree.Status().Children[0].State)

	cancel()
	fmt.Println(<-ended)
	// Output:
	// <nil>
	// stopped
	// <nil>
	// running
	// <nil>
}

func steer(ctx context.Context, tree *supervise.Group) {
	err := tree.Restart(ctx, "shop/timer") // also: Stop, Start; they wait, bounded by ctx
	status := tree.Status()                // plain data, with a JSON form
	_ = json.NewEncoder(os.Stdout).Encode(status)
	fmt.Println(err)
}

func ExampleGroup_Restart() {
	tree := &supervise.Group{Name: "shop", Children: []supervise.Child{{Name: "timer", Service: supervise.Func(nil)}}}
	steer(context.Background(), tree)
	// Output:
	// {"name":"shop","path":"shop","state":"idle","children":[{"name":"timer","path":"shop/timer","state":"idle","policy":"backoff=100ms..30s,reset=30s,limit=none/1m,start-timeout=30s,stop-timeout=10s"}]}
	// restart shop/timer: not serving
}
