package supervise_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tend.example/tend/supervise"
)

// The cases of OTP's suite that are about trees, counts and significant children. 77 is a
// benchmark's; 83 is about strategies.

var (
	transientNow = supervise.Policy{Restart: supervise.OnFailure, MinBackoff: -1}
	temporary    = supervise.Policy{Restart: supervise.Never}
	notOnce      = supervise.Policy{MaxRestarts: -1} // given up at its first end
)

const gaveUp = "gave up after 0 restarts within 1m0s: boom"

func TestOTP72FailureStaysInItsSubtree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newScript()
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "a", Service: supervise.Func(idle)},
			{Name: "g", Policy: noBackoff, Service: &supervise.Group{Children: []supervise.Child{
				{Name: "w", Service: supervise.Func(idle)},
				{Name: "x", Service: x, Policy: notOnce},
				{Name: "y", Service: supervise.Func(idle)},
			}}},
			{Name: "z", Service: &supervise.Group{Children: []supervise.Child{{Name: "w", Service: supervise.Func(idle)}}}},
		}})
		tr.forget()
		x.end(errBoom)
		tr.want("tend/g/x failed 1: "+gaveUp,
			"tend/g/y stopping 1", "tend/g/y stopped 1", "tend/g/w stopping 1", "tend/g/w stopped 1",
			"tend/g backoff 1: tend/g/x: "+gaveUp, "tend/g starting 2",
			"tend/g/w starting 2", "tend/g/w running 2", "tend/g/x starting 2", "tend/g/x running 2",
			"tend/g/y starting 2", "tend/g/y running 2", "tend/g running 2")
		if got, want := tr.states(), "a=running g=running w=running x=running y=running z=running w=running"; got != want {
			t.Errorf("states: got %q, want %q", got, want)
		}
	})
}

func TestOTP73ARestartedSubtreeHasAllItsChildren(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		done, failed := newScript(), newScript()
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "g", Service: &supervise.Group{Children: []supervise.Child{
				{Name: "a", Service: supervise.Func(idle)},
				{Name: "done", Service: done, Policy: transientNow},
				{Name: "failed", Service: failed, Policy: temporary},
			}}},
		}})
		done.end(nil)
		failed.end(errBoom)
		if got, want := tr.states(), "g=running a=running done=done failed=failed"; got != want {
			t.Errorf("states: got %q, want %q", got, want)
		}
		tr.forget()
		tr.calls("Restart", "tend/g")
		tr.want("tend/g stopping 1: told to restart", "tend/g/a stopping 1", "tend/g/a stopped 1",
			"tend/g starting 2", "tend/g/a starting 2", "tend/g/a running 2",
			"tend/g/done starting 2", "tend/g/done running 2",
			"tend/g/failed starting 2", "tend/g/failed running 2", "tend/g running 2")
	})
}

func TestOTP74ServeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		once, w := newScript(), newScript()
		g := &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "once", Service: once, Policy: transientNow},
			{Name: "g", Service: single(w, supervise.Policy{MinBackoff: -1, MaxRestarts: 1})},
		}}
		first := serve(t, g)
		once.end(nil)
		w.end(errBoom)
		synctest.Wait()
		first.ends(0, nil)
		observe := g.OnEvent
		g.OnEvent = nil
		second := serve(t, g)
		second.want("tend starting 2", "tend/once starting 2", "tend/once running 2", "tend/g starting 2",
			"tend/g/w starting 3", "tend/g/w running 3", "tend/g running 2", "tend running 2")
		w.end(errBoom) // the limit counts from the beginning
		second.want("tend/g/w backoff 3: boom", "tend/g/w starting 4", "tend/g/w running 4")
		second.ends(0, nil)
		g.OnEvent = observe
	})
}

func TestOTP74ServeTwiceAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, single(supervise.Func(idle), supervise.Policy{}))
		tr.forget()
		if err := tr.Serve(t.Context()); err == nil {
			t.Error("a second Serve beside the first: got nil, want an error")
		}
		tr.want()
		tr.ends(0, nil)
	})
}

// everyState is a tree that, once prepared, has children in every state but stuck.
func everyState() (g *supervise.Group, finish func(tr *tree)) {
	done, failed, backoff := newScript(), newScript(), newScript()
	below := &supervise.Group{Children: []supervise.Child{
		{Name: "running", Service: supervise.Func(idle)},
		{Name: "starting", Service: supervise.Func(idle), WaitReady: true, Policy: supervise.Policy{StartTimeout: -1}},
		{Name: "idle", Service: supervise.Func(idle)},
	}}
	g = &supervise.Group{Name: "tend", Children: []supervise.Child{
		{Name: "running", Service: supervise.Func(idle)},
		{Name: "backoff", Service: backoff, Policy: hours},
		{Name: "stopping", Service: slow(time.Minute), Policy: within(-1)},
		{Name: "stopped", Service: supervise.Func(idle)},
		{Name: "done", Service: done, Policy: transientNow},
		{Name: "failed", Service: failed, Policy: temporary},
		{Name: "g", Service: below, WaitReady: true},
		{Name: "idle", Service: &supervise.Group{Children: []supervise.Child{{Name: "idle", Service: supervise.Func(idle)}}}},
	}}
	return g, func(tr *tree) {
		tr.calls("Stop", "tend/stopped")
		tr.beside("Stop", "tend/stopping")
		done.end(nil)
		failed.end(errBoom)
		backoff.end(errBoom)
		synctest.Wait()
	}
}

func count(st supervise.Status, counts map[string]int) {
	for _, c := range st.Children {
		counts[c.State.String()]++
		count(c, counts)
	}
}

func TestOTP75StatusCountsEveryState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, prepare := everyState()
		wantCounts(t, g.Status(), map[string]int{"idle": 12})
		tr := serve(t, g)
		prepare(tr)
		wantCounts(t, tr.Status(), map[string]int{
			"running": 2, "backoff": 1, "stopping": 1, "stopped": 1,
			"done": 1, "failed": 1, "starting": 2, "idle": 3,
		})
		if got := tr.Status().State; got != supervise.Starting {
			t.Errorf("state of the root: got %v, want starting", got)
		}
		time.Sleep(time.Hour)
		tr.ends(0, nil)
		wantCounts(t, tr.Status(), map[string]int{"stopped": 7, "done": 1, "failed": 1, "idle": 3})
		if got := tr.Status().State; got != supervise.Stopped {
			t.Errorf("state of the root: got %v, want stopped", got)
		}
	})
}

func wantCounts(t *testing.T, st supervise.Status, want map[string]int) {
	t.Helper()
	got := map[string]int{}
	count(st, got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

func TestOTP75StatusOfAStuckChild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "a", Service: slow(time.Minute), Policy: within(-1)},
			{Name: "b", Service: deaf(t), Policy: within(time.Second)},
		}})
		tr.cancel()
		time.Sleep(2 * time.Second)
		if got, want := tr.states(), "a=stopping b=stuck"; got != want {
			t.Errorf("states: got %q, want %q", got, want)
		}
		if st := tr.child("tend/b"); !errors.Is(st.Err, supervise.ErrStuck) {
			t.Errorf("Err of a stuck child: got %v, want ErrStuck", st.Err)
		}
		takes(t, "Serve", 59050*time.Millisecond, supervise.ErrStuck, tr.wait)
	})
}

func TestOTP76StatusInBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newScript()
		var delay time.Duration
		g := single(w, hours)
		g.OnEvent = func(e supervise.Event) { delay = max(delay, e.Delay) }
		tr := serve(t, g)
		time.Sleep(time.Minute)
		began := time.Now()
		w.end(errBoom)
		synctest.Wait()
		next := began.Add(delay)
		time.Sleep(time.Minute)
		want := supervise.Status{Name: "w", Path: "tend/w", State: supervise.Backoff, Run: 1, Since: began, Next: next, Err: errBoom}
		wantStatus(t, tr.child("tend/w"), want)
		time.Sleep(2 * time.Hour)
		want = supervise.Status{Name: "w", Path: "tend/w", State: supervise.Running, Run: 2, Restarts: 1, Since: next, Err: errBoom}
		wantStatus(t, tr.child("tend/w"), want)
	})
}

// wantStatus compares all but the policy.
func wantStatus(t *testing.T, got, want supervise.Status) {
	t.Helper()
	got.Policy = want.Policy
	sameError := cmp.Comparer(errors.Is)
	if diff := cmp.Diff(want, got, sameError); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}

func TestOTP78EndOfANonSignificantChild(t *testing.T) {
	for _, c := range []struct {
		name   string
		policy supervise.Policy
		err    error
		event  string
	}{
		{"temporary, nil", temporary, nil, "tend/w done 1"},
		{"temporary, error", temporary, errBoom, "tend/w failed 1: boom"},
		{"temporary, done", temporary, supervise.ErrDone, "tend/w done 1"},
		{"on failure, nil", transientNow, nil, "tend/w done 1"},
		{"on failure, done", transientNow, supervise.ErrDone, "tend/w done 1"},
		{"always, done", supervise.Policy{}, supervise.ErrDone, "tend/w done 1"},
		{"temporary, panic", temporary, nil, "tend/w failed 1: panic: no"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newScript()
				g := single(w, c.policy)
				g.Children = append(g.Children, supervise.Child{Name: "z", Service: supervise.Func(idle)})
				tr := serve(t, g)
				tr.forget()
				w.do(func() error {
					if c.name == "temporary, panic" {
						panic("no")
					}
					return c.err
				})
				time.Sleep(time.Hour)
				tr.want(c.event)
				tr.ends(0, nil)
			})
		})
	}
}

// significant is a tree a, w, z of which w is significant.
func significant(w supervise.Service, p supervise.Policy) *supervise.Group {
	return &supervise.Group{Name: "tend", Children: []supervise.Child{
		{Name: "a", Service: supervise.Func(idle)},
		{Name: "w", Service: w, Policy: p, Significant: true},
		{Name: "z", Service: slow(time.Second)},
	}}
}

func TestOTP79SignificantChildEnds(t *testing.T) {
	for _, c := range []struct {
		name   string
		policy supervise.Policy
		err    error
	}{{"on failure", transientNow, nil}, {"temporary", temporary, nil}, {"done", transientNow, supervise.ErrDone}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newScript()
				tr := serve(t, significant(w, c.policy))
				tr.forget()
				w.end(c.err)
				takes(t, "Serve", time.Second, supervise.ErrDone, tr.wait)
				tr.want("tend/w done 1", "tend stopping 1", "tend/z stopping 1", "tend/z stopped 1",
					"tend/a stopping 1", "tend/a stopped 1", "tend done 1")
				if got := supervise.ExitCode(tr.err); got != 0 {
					t.Errorf("ExitCode: got %d, want 0", got)
				}
			})
		})
	}
}

func TestOTP80AllChildrenDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newScript(), newScript()
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "a", Service: a, Policy: temporary}, {Name: "b", Service: b, Policy: transientNow},
		}})
		tr.forget()
		b.end(nil)
		tr.want("tend/b done 1")
		a.end(nil)
		takes(t, "Serve", 0, supervise.ErrDone, tr.wait)
		tr.want("tend/a done 1", "tend stopping 1", "tend done 1")
	})
}

func TestOTP80OneFailedIsNotAllDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "a", Service: returns(errBoom), Policy: temporary}, {Name: "b", Service: returns(nil), Policy: temporary},
		}})
		time.Sleep(time.Hour)
		if got, want := tr.states(), "a=failed b=done"; got != want {
			t.Errorf("states: got %q, want %q", got, want)
		}
		tr.ends(0, nil)
	})
}

func TestOTP81SignificantChildFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newScript()
		tr := serve(t, significant(w, transientNow))
		tr.forget()
		w.end(errBoom)
		tr.want("tend/w backoff 1: boom", "tend/w starting 2", "tend/w running 2")
		w.end(nil)
		takes(t, "Serve", time.Second, supervise.ErrDone, tr.wait)
	})
}

func TestOTP81SignificantChildIsFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newScript()
		tr := serve(t, significant(w, temporary))
		tr.forget()
		w.end(errBoom)
		takes(t, "Serve", time.Second, errBoom, tr.wait)
		tr.want("tend/w failed 1: boom", "tend stopping 1", "tend/z stopping 1", "tend/z stopped 1",
			"tend/a stopping 1", "tend/a stopped 1", "tend failed 1: tend/w: boom")
		var child *supervise.ChildError
		if !errors.As(tr.err, &child) || child.Path != "tend/w" {
			t.Errorf("Serve: got %v, want a ChildError of tend/w", tr.err)
		}
		if got := supervise.ExitCode(tr.err); got != 1 {
			t.Errorf("ExitCode: got %d, want 1", got)
		}
	})
}

func TestOTP82StopOfASignificantChild(t *testing.T) {
	for name, w := range map[string]supervise.Func{
		"answers ctx.Err": idle,
		"answers nil":     ending(func(context.Context) error { return nil }),
		"answers done":    ending(func(context.Context) error { return supervise.ErrDone }),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := serve(t, significant(w, transientNow))
				tr.forget()
				tr.calls("Stop", "tend/w")
				time.Sleep(time.Hour)
				tr.want("tend/w stopping 1", "tend/w stopped 1")
				tr.calls("Restart", "tend/w")
				synctest.Wait()
				tr.calls("Restart", "tend/w")
				tr.want("tend/w starting 2", "tend/w running 2",
					"tend/w stopping 2: told to restart", "tend/w starting 3", "tend/w running 3")
				tr.ends(time.Second, nil)
			})
		})
	}
}

func TestOTP84DoneOfANestedGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newScript()
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "a", Service: supervise.Func(idle)},
			{Name: "g", Service: single(w, transientNow)}, // kept always, and yet done is done
		}})
		tr.forget()
		w.end(nil)
		tr.want("tend/g/w done 1", "tend/g done 1")
		time.Sleep(time.Hour)
		tr.want()
		tr.ends(0, nil)
	})
}

func TestOTP84DoneRisesToTheRoot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newScript()
		g := &supervise.Group{Children: []supervise.Child{
			{Name: "h", Service: significant(w, transientNow), Policy: transientNow, Significant: true},
			{Name: "idle", Service: supervise.Func(idle)},
		}}
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "g", Service: g}}})
		tr.forget()
		w.end(nil)
		takes(t, "Serve", time.Second, supervise.ErrDone, tr.wait)
		tr.want("tend/g/h/w done 1", "tend/g/h/z stopping 1", "tend/g/h/z stopped 1",
			"tend/g/h/a stopping 1", "tend/g/h/a stopped 1", "tend/g/h done 1",
			"tend/g/idle stopping 1", "tend/g/idle stopped 1", "tend/g done 1", "tend stopping 1", "tend done 1")
	})
}
