package drill_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tend.example/tend/internal/drill"
	"tend.example/tend/supervise"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// worker takes a second to stop.
type worker struct {
	stops int
	ready bool // what NotifiesReady promises
}

func (w *worker) NotifiesReady() {}
func (w *worker) String() string { return "worker" }

func (w *worker) Serve(ctx context.Context) error {
	if w.ready {
		supervise.Ready(ctx)
	}
	<-ctx.Done()
	time.Sleep(time.Second)
	w.stops++
	return nil
}

// run serves a tree with a worker at tend/worker and one at tend/group/worker, in a bubble.
func run(t *testing.T, first, second *worker, f func(tree *supervise.Group, drills *drill.Set)) error {
	t.Helper()
	never := supervise.Policy{Restart: supervise.Never}
	tree := &supervise.Group{Name: "tend", Children: []supervise.Child{
		{Name: "worker", Service: first, Policy: never},
		{Name: "group", Service: &supervise.Group{Children: []supervise.Child{
			{Name: "worker", Service: second, Policy: never},
		}}},
	}}
	var drills drill.Set
	drills.Wrap(tree)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- tree.Serve(ctx) }()
	synctest.Wait()
	f(tree, &drills)
	cancel()
	return <-ended
}

func TestServiceStopsAndThenFailsAsAsked(t *testing.T) {
	for mode, want := range map[string]string{
		"error":  "drill: failed as asked",
		"panic":  "panic: drill: failed as asked",
		"goexit": "called runtime.Goexit",
	} {
		t.Run(mode, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first, second := &worker{ready: true}, &worker{ready: true}
				err := run(t, first, second, func(tree *supervise.Group, drills *drill.Set) {
					if err := drills.Fail("worker", mode); err != nil {
						t.Errorf("Fail: got %v, want nil", err)
					}
					time.Sleep(2 * time.Second)
					synctest.Wait()
					got := tree.Status().Children[0]
					if got.State != supervise.Failed || got.Err == nil || got.Err.Error() != want {
						t.Errorf("worker: got %s (%v), want failed (%s)", got.State, got.Err, want)
					}
					if first.stops != 1 {
						t.Errorf("worker stopped %d times before it failed, want once", first.stops)
					}
				})
				if err != nil {
					t.Errorf("Serve: got %v, want nil", err)
				}
			})
		})
	}
}

func TestFatalDrillBelowAGroupEndsTheTree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := run(t, &worker{ready: true}, &worker{ready: true}, func(_ *supervise.Group, drills *drill.Set) {
			if err := drills.Fail("tend/group/worker", "fatal"); err != nil {
				t.Errorf("Fail: got %v, want nil", err)
			}
			time.Sleep(5 * time.Second)
		})
		var child *supervise.ChildError
		if !errors.As(err, &child) || child.Path != "tend/group/worker" && child.Path != "tend/group" {
			t.Errorf("Serve: got %v, want an error of tend/group/worker", err)
		}
		if got := supervise.ExitCode(err); got != 1 {
			t.Errorf("exit code: got %d, want 1", got)
		}
	})
}

func TestReadinessPassesThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run(t, &worker{ready: false}, &worker{ready: true}, func(tree *supervise.Group, _ *drill.Set) {
			got := tree.Status()
			if s := got.Children[0].State; s != supervise.Starting {
				t.Errorf("a service that is not ready: got %s, want starting", s)
			}
			if s := got.Children[1].State; s != supervise.Idle {
				t.Errorf("the next one: got %s, want idle", s)
			}
		})
	})
}

func TestDrillThatCannotBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		run(t, &worker{ready: true}, &worker{ready: true}, func(_ *supervise.Group, drills *drill.Set) {
			if err := drills.Fail("nobody", "error"); !errors.Is(err, supervise.ErrNoChild) {
				t.Errorf("unknown path: got %v, want ErrNoChild", err)
			}
			if err := drills.Fail("group", "error"); !errors.Is(err, supervise.ErrNoChild) {
				t.Errorf("path of a group: got %v, want ErrNoChild", err)
			}
			if err := drills.Fail("worker", ""); err == nil || errors.Is(err, supervise.ErrNoChild) || errors.Is(err, supervise.ErrNotServing) {
				t.Errorf("unknown mode: got %v, want an error of its own", err)
			}
			if err := drills.Fail("worker", "error"); err != nil {
				t.Errorf("first drill: got %v, want nil", err)
			}
			if err := drills.Fail("worker", "error"); !errors.Is(err, supervise.ErrNotServing) {
				t.Errorf("drill of one that is drilled: got %v, want ErrNotServing", err)
			}
			time.Sleep(2 * time.Second)
			if err := drills.Fail("worker", "error"); !errors.Is(err, supervise.ErrNotServing) {
				t.Errorf("drill of one that has failed: got %v, want ErrNotServing", err)
			}
		})
	})
}

func TestWrappedServicePrintsAsTheOneInside(t *testing.T) {
	tree := &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "worker", Service: &worker{}}}}
	new(drill.Set).Wrap(tree)
	if got := fmt.Sprint(tree.Children[0].Service); got != "worker" {
		t.Errorf("got %q, want %q", got, "worker")
	}
}

// keeper is a worker that keeps something between its runs.
type keeper struct {
	worker
	closed int
}

func (k *keeper) Close() error { k.closed++; return nil }

func TestServiceIsClosedAsWithoutDrills(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &keeper{}
		tree := &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "keeper", Service: k}}}
		var drills drill.Set
		drills.Wrap(tree)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- tree.Serve(ctx) }()
		synctest.Wait()
		if err := drills.Fail("keeper", "error"); err != nil {
			t.Errorf("Fail: %v", err)
		}
		time.Sleep(time.Minute)
		if k.closed != 0 {
			t.Error("closed between two runs")
		}
		cancel()
		if err := <-ended; err != nil || k.closed != 1 {
			t.Errorf("Serve: got %v, closed %d times, want nil, once", err, k.closed)
		}
	})
}
