package supervise_test

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"tend.example/tend/supervise"
)

// --- a flaky upstream ------------------------------------------------------------------------------

func flakyUpstream(prices *feed) supervise.Child {
	return supervise.Child{Name: "prices", Service: prices, Policy: supervise.Policy{
		MinBackoff: time.Second,     // it is theirs to mend: no hurry
		MaxBackoff: time.Minute,     // but soon there when they are
		ResetAfter: 5 * time.Minute, // a connection that held this long was a good one
		Heartbeat:  time.Minute,     // a peer that went away without a word is noticed
	}}
}

type feed struct {
	dial   func(ctx context.Context) (net.Conn, error)
	handle func(price string)
}

func (f *feed) Serve(ctx context.Context) error {
	conn, err := f.dial(ctx)
	if err != nil {
		return fmt.Errorf("connect to the exchange: %w", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })() // a read does not look at ctx

	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		supervise.Beat(ctx)
		f.handle(lines.Text())
	}
	if ctx.Err() != nil {
		return nil // told to stop
	}
	return fmt.Errorf("the exchange hung up: %w", cmp.Or(lines.Err(), io.EOF))
}

func Example_flakyUpstream() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	call, told := 0, false
	dial := func(context.Context) (net.Conn, error) {
		call++
		if call == 1 {
			fmt.Println("call 1: refused")
			return nil, errors.New("connection refused")
		}
		ours, theirs := net.Pipe()
		if call == 2 {
			fmt.Println("call 2: silence")
		} else {
			go func() { fmt.Fprintln(theirs, "42") }() // until it is read, or the pipe is closed
		}
		return ours, nil
	}
	handle := func(price string) {
		if !told {
			told = true
			fmt.Println("price", price)
		}
		cancel()
	}

	prices := flakyUpstream(&feed{dial, handle})
	prices.Policy.MinBackoff = -1                   // an example has no time
	prices.Policy.Heartbeat = 20 * time.Millisecond // nor for this
	g := &supervise.Group{Name: "shop", Children: []supervise.Child{prices}}
	fmt.Println(g.Serve(ctx))
	// Output:
	// call 1: refused
	// call 2: silence
	// price 42
	// <nil>
}

// --- a job that must not run twice -----------------------------------------------------------------

func onlyOnce(job *charges) supervise.Child {
	return supervise.Child{Name: "charge", Service: job, Policy: supervise.Policy{
		Restart:     supervise.Never, // what failed is for somebody to look at
		StopTimeout: 5 * time.Minute, // told to stop, it finishes what it has begun
	}}
}

type charges struct {
	customers []string
	charge    func(ctx context.Context, customer string) error
}

func (c *charges) Serve(ctx context.Context) error {
	lasting, free := supervise.StopContext(ctx) // no payment is cut off in the middle
	defer free()
	for _, customer := range c.customers {
		if ctx.Err() != nil {
			return nil // told to stop
		}
		if err := c.charge(lasting, customer); err != nil {
			return fmt.Errorf("charge %s: %w", customer, err)
		}
	}
	return nil
}

func Example_onlyOnce() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	job := &charges{[]string{"alice", "bob", "carol"}, func(_ context.Context, customer string) error {
		fmt.Println("charge", customer)
		if customer == "bob" {
			return errors.New("the bank does not answer")
		}
		return nil
	}}
	web := func(ctx context.Context) error {
		<-ctx.Done()
		return nil
	}
	g := &supervise.Group{Name: "shop", Children: []supervise.Child{{Name: "web", Service: supervise.Func(web)}, onlyOnce(job)}}
	g.OnEvent = func(e supervise.Event) {
		if e.State == supervise.Failed {
			fmt.Println(e.Path, "failed:", e.Err)
			fmt.Println("web is", g.Status().Children[0].State)
			cancel()
		}
	}
	fmt.Println(g.Serve(ctx))
	// Output:
	// charge alice
	// charge bob
	// shop/charge failed: charge bob: the bank does not answer
	// web is running
	// <nil>
}

// --- a job that the rest waits for -----------------------------------------------------------------

func afterMigration(migrate, web supervise.Service) []supervise.Child {
	return []supervise.Child{
		{
			Name: "migrate", Service: migrate,
			WaitReady: true, // it never calls Ready, so web waits until it is Done
			Policy: supervise.Policy{
				Restart:      supervise.OnFailure,
				FailStart:    true, // its failure ends the group, and is not tried again
				StartTimeout: -1,   // it takes as long as it takes
			},
		},
		{Name: "web", Service: web},
	}
}

func Example_afterMigration() {
	for _, failure := range []error{nil, errors.New("column exists")} {
		ctx, cancel := context.WithCancel(context.Background())
		migrate := func(context.Context) error {
			fmt.Println("migrate")
			return failure
		}
		web := func(ctx context.Context) error {
			fmt.Println("web")
			cancel()
			<-ctx.Done()
			return nil
		}
		g := &supervise.Group{Name: "shop", Children: afterMigration(supervise.Func(migrate), supervise.Func(web))}
		fmt.Println(g.Serve(ctx))
		cancel()
	}
	// Output:
	// migrate
	// web
	// <nil>
	// migrate
	// shop/migrate: column exists
}

// --- a unit of three that live and die together ----------------------------------------------------

func unit(store, index, api supervise.Service) supervise.Child {
	soon := supervise.Policy{MaxRestarts: 3, Window: time.Minute}
	return supervise.Child{
		Name: "search",
		Service: &supervise.Group{
			Strategy: supervise.OneForAll,
			Children: []supervise.Child{
				{Name: "store", Service: store, WaitReady: true, Policy: soon},
				{Name: "index", Service: index, WaitReady: true, Policy: soon},
				{Name: "api", Service: api, WaitReady: true, Policy: soon},
			},
		},
		// When the unit has given up, it is tried anew as a whole, and with more patience.
		Policy: supervise.Policy{MinBackoff: 10 * time.Second, MaxBackoff: 5 * time.Minute},
	}
}

func Example_unit() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	part := func(ctx context.Context) error {
		fmt.Println(supervise.Path(ctx), "up")
		supervise.Ready(ctx)
		<-ctx.Done()
		fmt.Println(supervise.Path(ctx), "down:", context.Cause(ctx))
		return nil
	}
	allUp, run := make(chan bool), 0
	store := func(ctx context.Context) error {
		if run++; run == 2 {
			return part(ctx)
		}
		fmt.Println(supervise.Path(ctx), "up")
		supervise.Ready(ctx)
		<-allUp
		return errors.New("lost its disk")
	}

	search := unit(supervise.Func(store), supervise.Func(part), supervise.Func(part))
	search.Service.(*supervise.Group).Children[0].Policy.MinBackoff = -1 // an example has no time
	g := &supervise.Group{Name: "shop", Children: []supervise.Child{search}}
	ups := 0
	g.OnEvent = func(e supervise.Event) {
		if e.Path == "shop/search/api" && e.State == supervise.Running {
			if ups++; ups == 1 {
				allUp <- true
			} else {
				cancel()
			}
		}
	}
	fmt.Println(g.Serve(ctx))
	// Output:
	// shop/search/store up
	// shop/search/index up
	// shop/search/api up
	// shop/search/api down: shop/search/store: lost its disk
	// shop/search/index down: shop/search/store: lost its disk
	// shop/search/store up
	// shop/search/index up
	// shop/search/api up
	// shop/search/api down: told to stop
	// shop/search/index down: told to stop
	// shop/search/store down: told to stop
	// <nil>
}
