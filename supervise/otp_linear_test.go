package supervise_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"tend.example/tend/supervise"
)

// It is a ratio of two times of this machine: what is quadratic takes 20 times as long a child.
func TestOTP77TimeIsLinear(t *testing.T) {
	if racing {
		t.Skip("the detector's own time is not linear, and it keeps two gigabytes a run")
	}
	for name, tree := range map[string]func(n int) (g *supervise.Group, fill func()){
		"group": func(n int) (*supervise.Group, func()) {
			g := &supervise.Group{Name: "tend"}
			for i := range n {
				g.Children = append(g.Children, supervise.Child{Name: fmt.Sprint(i), Service: supervise.Func(idle)})
			}
			return g, func() {}
		},
		"concurrent group": func(n int) (*supervise.Group, func()) {
			g := &supervise.Group{Name: "tend", Concurrent: true}
			for i := range n {
				g.Children = append(g.Children, supervise.Child{Name: fmt.Sprint(i), Service: supervise.Func(idle)})
			}
			return g, func() {}
		},
		"pool": func(n int) (*supervise.Group, func()) {
			p := &supervise.Pool{}
			return single(p, supervise.Policy{}), func() {
				for i := range n {
					add(t, p, fmt.Sprint(i), supervise.Func(idle))
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			few, many := perChild(t, tree, 1000), perChild(t, tree, 20_000)
			if many > 10*few {
				t.Errorf("starting and stopping a child of 20,000 takes %v, of 1,000 %v", many, few)
			}
		})
	}
}

// perChild is the least time of three that it takes to start and to stop a child.
func perChild(t *testing.T, tree func(n int) (*supervise.Group, func()), n int) time.Duration {
	t.Helper()
	least := time.Hour
	for range 3 {
		g, fill := tree(n)
		ready := make(chan struct{})
		g.OnEvent = func(e supervise.Event) {
			if e.Path == g.Name && e.State == supervise.Running {
				close(ready)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		begin := time.Now()
		ended := make(chan error)
		go func() { ended <- g.Serve(ctx) }()
		<-ready
		fill()
		cancel()
		<-ended
		least = min(least, time.Since(begin)/time.Duration(n))
	}
	return least
}
