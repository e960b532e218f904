package supervise_test

import (
	"context"
	"errors"
	"fmt"

	"tend.example/tend/supervise"
)

// Services that come and go: the child after the pool adds them.
func ExamplePool() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	alive := func(ctx context.Context) error {
		<-ctx.Done()
		return nil
	}
	broken := make(chan error)
	breaks := func(context.Context) error { return <-broken }

	conns := &supervise.Pool{Max: 2, Policy: supervise.Policy{Restart: supervise.Never}}
	accept := func(ctx context.Context) error {
		fmt.Println(conns.Add("alice", supervise.Func(alive)))
		fmt.Println(conns.Add("bob", supervise.Func(breaks)))
		fmt.Println(conns.Add("carol", supervise.Func(alive)))

		fmt.Println(conns.Remove(ctx, "alice"), "members:", conns.Len())
		broken <- errors.New("connection reset") // bob is Failed, and leaves the pool
		<-ctx.Done()
		return nil
	}

	g := &supervise.Group{Name: "shop", Children: []supervise.Child{
		{Name: "conns", Service: conns},
		{Name: "accept", Service: supervise.Func(accept)},
	}}
	g.OnEvent = func(e supervise.Event) {
		if e.State == supervise.Failed {
			fmt.Println(e.Path+":", e.Err)
			cancel()
		}
	}
	fmt.Println(g.Serve(ctx))
	// Output:
	// <nil>
	// <nil>
	// add "carol" to the pool: full
	// <nil> members: 1
	// shop/conns/bob: connection reset
	// <nil>
}
