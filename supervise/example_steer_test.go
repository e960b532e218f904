package supervise_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"tend.example/tend/supervise"
)

func timer(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// serveTimer serves a tree of one child, "shop/timer", until the function is called. It returns
// when the child runs.
func serveTimer(ctx context.Context, s supervise.Service, p supervise.Policy) (*supervise.Group, func() error) {
	ctx, cancel := context.WithCancel(ctx)
	running, ended := make(chan struct{}), make(chan error, 1)
	tree := &supervise.Group{
		Name:     "shop",
		Children: []supervise.Child{{Name: "timer", Service: s, Policy: p}},
		OnEvent: func(e supervise.Event) {
			if e.Path == "shop" && e.State == supervise.Running {
				close(running)
			}
		},
	}
	go func() { ended <- tree.Serve(ctx) }()
	<-running
	return tree, func() error {
		cancel()
		return <-ended
	}
}

// An operator stops a child, looks at the tree, and starts the child again.
func ExampleGroup_Stop() {
	ctx := context.Background()
	tree, end := serveTimer(ctx, supervise.Func(timer), supervise.Policy{})

	fmt.Println(tree.Stop(ctx, "shop/timer"))
	fmt.Println(tree.Status().Children[0].State)
	fmt.Println(tree.Start(ctx, "shop/timer"))
	fmt.Println(tree.Status().Children[0].State)
	fmt.Println(tree.Start(ctx, "shop/time"))
	fmt.Println(end())
	// Output:
	// <nil>
	// stopped
	// <nil>
	// running
	// start shop/time: no such child: shop has none named "time"
	// <nil>
}

// Restart waits until the old run is over; the next one has begun then.
func ExampleGroup_Restart() {
	ctx := context.Background()
	tree, end := serveTimer(ctx, supervise.Func(timer), supervise.Policy{})

	err := tree.Restart(ctx, "shop/timer") // also: Stop, Start; they wait, bounded by ctx
	status := tree.Status()                // plain data, with a JSON form
	fmt.Println("run", status.Children[0].Run, err)
	fmt.Println(end())
	// Output:
	// run 2 <nil>
	// <nil>
}

// A tree that was not served yet has a Status, too: the policies have their defaults in it.
func ExampleGroup_Status() {
	tree := &supervise.Group{Name: "shop", Children: []supervise.Child{{Name: "timer", Service: supervise.Func(timer)}}}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	_ = out.Encode(tree.Status())
	// Output:
	// {
	//   "name": "shop",
	//   "path": "shop",
	//   "state": "idle",
	//   "children": [
	//     {
	//       "name": "timer",
	//       "path": "shop/timer",
	//       "state": "idle",
	//       "policy": "backoff=100ms..30s,reset=30s,limit=none/1m,start-timeout=30s,stop-timeout=10s"
	//     }
	//   ]
	// }
}

// A policy counts at once: a child that waits for an hour waits no longer.
func ExampleGroup_SetPolicy() {
	ctx := context.Background()
	runs := make(chan int, 2)
	run := 0
	feed := func(ctx context.Context) error {
		run++
		runs <- run
		if run == 1 {
			return errors.New("connection refused")
		}
		return timer(ctx)
	}
	tree, end := serveTimer(ctx, supervise.Func(feed), supervise.Policy{MinBackoff: time.Hour})
	fmt.Println("run", <-runs)

	policy, err := supervise.ParsePolicy("backoff=1ms..1s")
	if err == nil {
		err = tree.SetPolicy("shop/timer", policy)
	}
	fmt.Println("set:", err)
	fmt.Println("run", <-runs)

	fmt.Println(tree.SetPolicy("shop/timer", supervise.Policy{Window: -1}))
	fmt.Println(end())
	// Output:
	// run 1
	// set: <nil>
	// run 2
	// set policy of shop/timer: Window: negative: -1ns
	// <nil>
}

// poller is a service whose settings are fields, so two values of it are two configurations.
type poller struct{ every time.Duration }

func (p *poller) Serve(ctx context.Context) error { return timer(ctx) }

// A new list takes the place of the old: what is in both goes on undisturbed.
func ExampleGroup_Update() {
	ctx := context.Background()
	feed := &poller{every: time.Minute}
	tree, end := serveTimer(ctx, &poller{every: time.Second}, supervise.Policy{})

	err := tree.Update(ctx, append(tree.Current(), supervise.Child{Name: "feed", Service: feed}))
	fmt.Println("feed is new:", err)
	err = tree.Update(ctx, []supervise.Child{
		{Name: "timer", Service: &poller{every: time.Hour}}, // another value: stopped, and started anew
		{Name: "feed", Service: feed},                       // the same: goes on
	})
	fmt.Println("timer is another:", err)
	for _, c := range tree.Status().Children {
		fmt.Println(c.Name, c.State, "run", c.Run)
	}
	fmt.Println(end())
	// Output:
	// feed is new: <nil>
	// timer is another: <nil>
	// timer running run 2
	// feed running run 1
	// <nil>
}
