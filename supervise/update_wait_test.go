package supervise_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tend.example/tend/supervise"
)

// hopeless fails before it is ready, and so holds back the next sibling.
func hopeless(name string) supervise.Child {
	hour := supervise.Policy{MinBackoff: time.Hour, MaxBackoff: time.Hour}
	return supervise.Child{Name: name, Service: &breaking{}, Policy: hour, WaitReady: true}
}

// breaking fails a second after it has begun.
type breaking struct{ _ int }

func (*breaking) Serve(context.Context) error {
	time.Sleep(time.Second)
	return errBoom
}

// What waits behind a child that fails may wait forever; whoever updates has to be able to mend that by another update.
func TestUpdateDoesNotWaitBehindAChildThatFails(t *testing.T) {
	for _, test := range []struct {
		name          string
		first, second func(known map[string]supervise.Child) []supervise.Child
		strategy      supervise.Strategy
	}{
		{
			name:   "that was there and is at its first run",
			first:  func(map[string]supervise.Child) []supervise.Child { return []supervise.Child{hopeless("bad")} },
			second: func(known map[string]supervise.Child) []supervise.Child { return list(known, "x y") },
		},
		{
			name:  "that has come, too",
			first: func(known map[string]supervise.Child) []supervise.Child { return list(known, "a") },
			second: func(known map[string]supervise.Child) []supervise.Child {
				return append([]supervise.Child{hopeless("bad")}, list(known, "x y")...)
			},
		},
		{
			name:     "under a strategy",
			first:    func(map[string]supervise.Child) []supervise.Child { return []supervise.Child{hopeless("bad")} },
			second:   func(known map[string]supervise.Child) []supervise.Child { return list(known, "x y") },
			strategy: supervise.RestForOne,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				known := map[string]supervise.Child{}
				first := test.first(known)
				tr := serve(t, &supervise.Group{Name: "tend", Strategy: test.strategy, Children: first})
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				err := tr.Update(ctx, append(first, test.second(known)...))
				if got, want := fmt.Sprint(err), "tend/bad: boom"; !strings.HasSuffix(got, want) {
					t.Errorf("got %q, want %q behind it", got, want)
				}
				if got := tr.child("tend/y").State; got != supervise.Idle {
					t.Errorf("y: got %v, want idle", got)
				}
				tr.update(list(known, "x y")...)
				if got, want := tr.states(), "x=running y=running"; got != want {
					t.Errorf("mended: got %s, want %s", got, want)
				}
			})
		})
	}
}

// One that fails, but holds back nobody, is no reason not to wait for the others.
func TestUpdateWaitsForTheOthersWhenOneFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		known := map[string]supervise.Child{}
		tr := serve(t, &supervise.Group{Name: "tend", Children: list(known, "a")})
		bad := hopeless("bad")
		bad.Policy.FailStart = true
		free := supervise.Child{Name: "free", Service: &supervise.Group{Children: []supervise.Child{bad}}, Policy: bad.Policy}
		free.Policy.FailStart = false
		late := supervise.Child{Name: "late", WaitReady: true, Service: supervise.Func(func(ctx context.Context) error {
			time.Sleep(20 * time.Second)
			supervise.Ready(ctx)
			return idle(ctx)
		})}
		takes(t, "Update", 20*time.Second, errBoom, func() error {
			return tr.Update(t.Context(), append(append(list(known, "a"), free, late), list(known, "x")...))
		})
		if got, want := tr.states(), "a=running free=backoff bad=failed late=running x=running"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

// A group that is about to be run again gets its list for that.
func TestUpdateOfAGroupThatIsStopping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		known := map[string]supervise.Child{}
		broken := supervise.Child{Name: "broken", Service: &breaking{}, Policy: supervise.Policy{MaxRestarts: 1, Window: time.Hour, MinBackoff: -1}}
		inner := func(children ...supervise.Child) supervise.Child {
			return supervise.Child{
				Name: "g", Service: &supervise.Group{Children: children},
				Policy: supervise.Policy{MinBackoff: time.Minute, MaxBackoff: time.Minute},
			}
		}
		tr := serve(t, &supervise.Group{Name: "tend", Children: append(list(known, "a"),
			inner(supervise.Child{Name: "slow", Service: slow(5 * time.Second)}, broken))})
		time.Sleep(3 * time.Second)
		if got, want := tr.states(), "a=running g=running slow=stopping broken=failed"; got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
		tr.update(append(list(known, "a"), inner(list(known, "x")...))...)
		time.Sleep(2 * time.Minute)
		if got, want := tr.states(), "a=running g=running x=running"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

// The answer to an update in the middle of the end is that of the group that ends.
func TestUpdateOfAGroupBelowOneThatIsStopping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		known := map[string]supervise.Child{}
		inner := func(names string) supervise.Child {
			return supervise.Child{Name: "g", Service: &supervise.Group{Children: append(list(known, names), supervise.Child{Name: "slow", Service: slow(time.Second)})}}
		}
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{inner("a")}})
		tr.cancel()
		synctest.Wait()
		if err := tr.Update(t.Context(), []supervise.Child{inner("b")}); !errors.Is(err, supervise.ErrNotServing) {
			t.Errorf("got %v, want ErrNotServing", err)
		}
	})
}

// tardy takes a minute to stop.
type tardy struct{ _ int }

func (*tardy) Serve(ctx context.Context) error { return slow(time.Minute)(ctx) }

// overtime is a tree whose child takes a minute to stop, and may.
func overtime(t *testing.T, names string) *tree {
	t.Helper()
	late := supervise.Child{Name: "late", Service: &tardy{}, Policy: supervise.Policy{StopTimeout: time.Hour}}
	known := map[string]supervise.Child{"late": late}
	inner := &supervise.Group{Children: list(known, names), StopTimeout: time.Hour}
	return serve(t, &supervise.Group{Name: "tend", StopTimeout: time.Hour, Children: []supervise.Child{{Name: "g", Service: inner}}})
}

func TestSetStopTimeoutCountsWhenStoppingBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := overtime(t, "late")
		if err := tr.SetStopTimeout(-1); err == nil || err.Error() != "set stop timeout of tend: negative: -1ns" {
			t.Errorf("a negative one: got %v", err)
		}
		if err := tr.SetStopTimeout(10 * time.Second); err != nil {
			t.Fatal(err)
		}
		tr.cancel()
		synctest.Wait()
		if err := tr.SetStopTimeout(time.Hour); err != nil { // too late
			t.Fatal(err)
		}
		begin := time.Now()
		if err := tr.wait(); !errors.Is(err, supervise.ErrStuck) || time.Since(begin) > 15*time.Second {
			t.Errorf("after %v: got %v, want it to be stuck", time.Since(begin), err)
		}
		time.Sleep(time.Minute)
	})
}

func TestUpdateTakesTheStopTimeoutOfAGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := overtime(t, "late")
		tr.forget()
		inner := &supervise.Group{Children: tr.Current()[0].Service.(*supervise.Group).Current(), StopTimeout: 10 * time.Second}
		tr.update(supervise.Child{Name: "g", Service: inner})
		tr.want() // nothing is restarted
		begin := time.Now()
		if err := tr.stop(); !errors.Is(err, supervise.ErrStuck) || time.Since(begin) > 15*time.Second {
			t.Errorf("after %v: got %v, want it to be stuck", time.Since(begin), err)
		}
		time.Sleep(time.Minute)
	})
}

// port can be had by one at a time.
type port struct{ taken atomic.Bool }

// tenant has the port while it runs.
type tenant struct{ port *port }

func (*tenant) NotifiesReady() {}

func (h *tenant) Serve(ctx context.Context) error {
	if !h.port.taken.CompareAndSwap(false, true) {
		return errBoom
	}
	defer h.port.taken.Store(false)
	supervise.Ready(ctx)
	return idle(ctx)
}

// What leaves any group of the tree is down before anything comes: what moves from one to another wants back what it had.
func TestUpdateStopsAllThatLeavesBeforeWhatComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		known := map[string]supervise.Child{}
		var p port
		places := []string{"", "g/", "h/", "h/i/"}
		shape := func(place string) []supervise.Child {
			in := func(path, names string, more ...supervise.Child) []supervise.Child {
				children := append(list(known, names), more...)
				if path == place {
					children = append([]supervise.Child{{Name: "w", Service: &tenant{&p}, Policy: noBackoff}}, children...)
				}
				return children
			}
			group := func(name string, children []supervise.Child) supervise.Child {
				return supervise.Child{Name: name, Service: &supervise.Group{Children: children}}
			}
			return in("", "a", group("g", in("g/", "b")), group("h", in("h/", "c", group("i", in("h/i/", "d")))))
		}
		tr := serve(t, &supervise.Group{Name: "tend", Children: shape("")})
		for _, from := range places {
			for _, to := range places {
				tr.update(shape(from)...)
				tr.update(shape(to)...)
				if got := tr.child("tend/" + to + "w"); got.State != supervise.Running || got.Restarts != 0 {
					t.Errorf("from %q to %q: got %v after %d restarts, want running after none", from, to, got.State, got.Restarts)
				}
			}
		}
		for _, path := range []string{"tend/a", "tend/g/b", "tend/h/c", "tend/h/i/d"} {
			if got := tr.child(path).Run; got != 1 {
				t.Errorf("%s: got run %d, want 1", path, got)
			}
		}
	})
}

// An update that comes to nothing in one group comes to nothing in all.
func TestUpdateThatIsGivenUpBelowChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		known := map[string]supervise.Child{"late": {Name: "late", Service: &tardy{}, Policy: supervise.Policy{StopTimeout: time.Hour}}}
		shape := func(top, below string) []supervise.Child {
			return append(list(known, top), supervise.Child{Name: "g", Service: &supervise.Group{Children: list(known, below)}})
		}
		tr := serve(t, &supervise.Group{Name: "tend", Children: shape("a b", "c late")})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := tr.Update(ctx, shape("a x", "c")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the ctx's", err)
		}
		if got, want := tr.states(), "a=running b=running g=running c=running late=stopping"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		time.Sleep(time.Minute)
		if err := tr.Start(t.Context(), "tend/g/late"); err != nil {
			t.Error(err)
		}
		inner := tr.Current()[2].Service.(*supervise.Group)
		late := make(chan error, 1)
		go func() { late <- inner.Update(t.Context(), list(known, "c")) }()
		synctest.Wait()
		if err := tr.Update(t.Context(), shape("a x", "c late")); err == nil || !strings.Contains(err.Error(), "another update") {
			t.Errorf("got %v, want that another is under way", err)
		}
		if err := <-late; err != nil {
			t.Error(err)
		}
		tr.update(shape("a x", "c late")...)
		if got, want := tr.states(), "a=running x=running g=running c=running late=running"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}
