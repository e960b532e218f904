package supervise_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tend.example/tend/supervise"
)

// Concurrent groups, readiness, and what a service may call.

func TestConcurrentChildrenStartAndStopTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, &supervise.Group{Name: "tend", Concurrent: true, Children: []supervise.Child{
			{Name: "a", Service: rising(3*time.Second, 1*time.Second), WaitReady: true},
			{Name: "b", Service: rising(1*time.Second, 3*time.Second), WaitReady: true},
			{Name: "c", Service: rising(2*time.Second, 2*time.Second), WaitReady: true},
		}})
		tr.want("tend starting 1", "tend/a starting 1", "tend/b starting 1", "tend/c starting 1")
		time.Sleep(3 * time.Second)
		tr.want("tend/b running 1", "tend/c running 1", "tend/a running 1", "tend running 1")
		tr.ends(3*time.Second, nil)
		tr.want("tend stopping 1", "tend/c stopping 1", "tend/b stopping 1", "tend/a stopping 1",
			"tend/a stopped 1", "tend/c stopped 1", "tend/b stopped 1", "tend stopped 1")
	})
}

func TestConcurrentChildrenStopTogetherAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newScript()
		tr := serve(t, &supervise.Group{Name: "tend", Concurrent: true, Children: []supervise.Child{
			{Name: "a", Service: slow(1 * time.Second)},
			{Name: "b", Service: b, Policy: notOnce},
			{Name: "c", Service: slow(2 * time.Second)},
		}})
		tr.forget()
		b.end(errBoom)
		takes(t, "Serve", 2*time.Second, errBoom, tr.wait)
		tr.want("tend/b failed 1: "+gaveUp, "tend stopping 1", "tend/c stopping 1", "tend/a stopping 1",
			"tend/a stopped 1", "tend/c stopped 1", "tend failed 1: tend/b: "+gaveUp)
	})
}

func TestConcurrentGroupBetweenOrderedSiblings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "a", Service: slow(time.Second)},
			{Name: "g", WaitReady: true, Service: &supervise.Group{Concurrent: true, Children: []supervise.Child{
				{Name: "x", Service: rising(1*time.Second, 1*time.Second), WaitReady: true},
				{Name: "y", Service: rising(2*time.Second, 2*time.Second), WaitReady: true},
			}}},
			{Name: "z", Service: slow(time.Second)},
		}})
		time.Sleep(2 * time.Second)
		tr.want("tend starting 1", "tend/a starting 1", "tend/a running 1", "tend/g starting 1", "tend/g/x starting 1",
			"tend/g/y starting 1", "tend/g/x running 1", "tend/g/y running 1", "tend/g running 1",
			"tend/z starting 1", "tend/z running 1", "tend running 1")
		tr.ends(4*time.Second, nil)
		tr.want("tend stopping 1", "tend/z stopping 1", "tend/z stopped 1", "tend/g stopping 1", "tend/g/y stopping 1",
			"tend/g/x stopping 1", "tend/g/x stopped 1", "tend/g/y stopped 1", "tend/g stopped 1",
			"tend/a stopping 1", "tend/a stopped 1", "tend stopped 1")
	})
}

// --- readiness -----------------------------------------------------------------------------------

func TestWaitReadyHoldsBackNobodyOnceDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "a", Service: returns(nil), Policy: transientNow, WaitReady: true},
			{Name: "b", Service: returns(supervise.ErrDone), WaitReady: true},
			{Name: "c", Service: supervise.Func(idle)},
		}})
		tr.want("tend starting 1", "tend/a starting 1", "tend/a done 1", "tend/b starting 1", "tend/b done 1",
			"tend/c starting 1", "tend/c running 1", "tend running 1")
	})
}

func TestWaitReadyHoldsBackThroughFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "a", WaitReady: true, Policy: noBackoff, Service: supervise.Func(func(ctx context.Context) error {
				if runs++; runs < 3 {
					return errBoom
				}
				supervise.Ready(ctx)
				supervise.Ready(ctx) // does nothing more
				return idle(ctx)
			})},
			{Name: "b", Service: supervise.Func(idle)},
		}})
		tr.want("tend starting 1", "tend/a starting 1", "tend/a backoff 1: boom", "tend/a starting 2",
			"tend/a backoff 2: boom", "tend/a starting 3", "tend/a running 3", "tend/b starting 1", "tend/b running 1",
			"tend running 1")
	})
}

func TestReadinessBelongsToARun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var first context.Context
		g := single(supervise.Func(func(ctx context.Context) error {
			if first == nil {
				first = ctx
				supervise.Ready(ctx)
				return idle(ctx)
			}
			supervise.Ready(first) // of a run that is over
			return idle(ctx)
		}), supervise.Policy{StartTimeout: -1})
		g.Children[0].WaitReady = true
		tr := serve(t, g)
		tr.forget()
		tr.calls("Restart", "tend/w")
		time.Sleep(time.Hour)
		tr.want("tend/w stopping 1: told to restart", "tend/w starting 2")
	})
}

type notifying struct{ supervise.Func }

func (*notifying) NotifiesReady() {}

func TestNotifiesReadyImpliesWaitReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "a", Service: &notifying{rising(time.Second, 0)}},
			{Name: "b", Service: supervise.Func(idle)},
		}})
		tr.want("tend starting 1", "tend/a starting 1")
		time.Sleep(time.Second)
		tr.want("tend/a running 1", "tend/b starting 1", "tend/b running 1", "tend running 1")
	})
}

func TestReadyOfAServiceThatNobodyWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, single(newScript(), supervise.Policy{}))
		tr.want("tend starting 1", "tend/w starting 1", "tend/w running 1", "tend running 1")
	})
}

func TestWaitReadyOfAGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nested := func() *supervise.Group {
			return &supervise.Group{Children: []supervise.Child{
				{Name: "x", Service: rising(time.Second, 0), WaitReady: true}, {Name: "y", Service: supervise.Func(idle)},
			}}
		}
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "g", Service: nested(), WaitReady: true},
			{Name: "h", Service: nested()},
			{Name: "z", Service: rising(time.Hour, 0)},
		}})
		tr.want("tend starting 1", "tend/g starting 1", "tend/g/x starting 1")
		time.Sleep(time.Second - time.Nanosecond)
		tr.want()
		time.Sleep(time.Nanosecond) // g is up, and only then h and z start, in any order
		if got, want := tr.states(), "g=running x=running y=running h=starting x=starting y=idle z=running"; got != want {
			t.Errorf("states: got %q, want %q", got, want)
		}
		tr.forget()
		time.Sleep(time.Second)
		tr.want("tend/h/x running 1", "tend/h/y starting 1", "tend/h/y running 1", "tend/h running 1", "tend running 1")
	})
}

func TestStopOfOneThatHoldsBackLetsTheNextGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "a", Service: supervise.Func(idle), WaitReady: true},
			{Name: "b", Service: supervise.Func(idle)},
		}})
		tr.want("tend starting 1", "tend/a starting 1")
		tr.calls("Stop", "tend/a")
		tr.want("tend/a stopping 1", "tend/a stopped 1", "tend/b starting 1", "tend/b running 1", "tend running 1")
	})
}

// --- budgets ---------------------------------------------------------------------------------------

func TestSpentBudgetCancelsAllThatIsLeftTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, &supervise.Group{Name: "tend", StopTimeout: time.Second, Children: []supervise.Child{
			{Name: "a", Service: slow(100 * time.Millisecond)},
			{Name: "b", Service: slow(499 * time.Millisecond)},
			{Name: "c", Service: deaf(t), Policy: within(time.Hour)},
		}})
		tr.forget()
		tr.ends(1500*time.Millisecond, supervise.ErrStuck)
		wantUnclean(t, tr.err, "tend/c: did not return when told to stop")
		tr.want("tend stopping 1", "tend/c stopping 1", "tend/b stopping 1", "tend/a stopping 1",
			"tend/a stopped 1", "tend/b stopped 1", "tend/c stuck 1: did not return when told to stop",
			"tend stopped 1: did not stop cleanly: tend/c: did not return when told to stop")
	})
}

func TestSpentBudgetNamesAllThatAreStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		group := func() *supervise.Group {
			return &supervise.Group{Children: []supervise.Child{{Name: "d", Service: deaf(t)}, {Name: "i", Service: supervise.Func(idle)}}}
		}
		tr := serve(t, &supervise.Group{Name: "tend", StopTimeout: time.Second, Children: []supervise.Child{
			{Name: "a", Service: deaf(t)},
			{Name: "g", Service: group()},
			{Name: "h", Service: group()},
			{Name: "z", Service: slow(900 * time.Millisecond)},
		}})
		tr.ends(1500*time.Millisecond, supervise.ErrStuck)
		wantUnclean(t, tr.err, "tend/a: did not return when told to stop",
			"tend/g/d: did not return when told to stop", "tend/h/d: did not return when told to stop")
		if got, want := tr.states(), "a=stuck g=stopped d=stuck i=stopped h=stopped d=stuck i=stopped z=stopped"; got != want {
			t.Errorf("states: got %q, want %q", got, want)
		}
	})
}

func TestSpentBudgetOfAConcurrentGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, &supervise.Group{Name: "tend", StopTimeout: time.Second, Concurrent: true, Children: []supervise.Child{
			{Name: "a", Service: deaf(t), Policy: within(500 * time.Millisecond)},
			{Name: "b", Service: deaf(t), Policy: within(10 * time.Second)},
		}})
		tr.forget()
		tr.ends(1500*time.Millisecond, supervise.ErrStuck)
		tr.want("tend stopping 1", "tend/b stopping 1", "tend/a stopping 1",
			"tend/a stuck 1: did not return when told to stop", "tend/b stuck 1: did not return when told to stop",
			"tend stopped 1: did not stop cleanly: tend/a: did not return when told to stop; tend/b: did not return when told to stop")
	})
}

// --- StopContext -------------------------------------------------------------------------------------

// stopsIn is a tree whose leaf, told to stop, measures how long its StopContext lives.
func stopsIn(t *testing.T, root, group, leaf time.Duration, early bool, lived *time.Duration) *supervise.Group {
	w := supervise.Func(func(ctx context.Context) error {
		if !early {
			<-ctx.Done()
		}
		stop, cancel := supervise.StopContext(ctx)
		defer cancel()
		<-ctx.Done()
		begin := time.Now()
		if stop.Err() != nil {
			t.Errorf("StopContext ended with ctx: %v", stop.Err())
		}
		deadline, known := stop.Deadline()
		<-stop.Done()
		*lived = time.Since(begin)
		if !early && (!known || !deadline.Equal(time.Now())) {
			t.Errorf("Deadline: got %v (%t), want %v", deadline, known, time.Now())
		}
		return ctx.Err()
	})
	g := single(w, within(leaf))
	g.StopTimeout = group
	return &supervise.Group{Name: "tend", StopTimeout: root, Children: []supervise.Child{{Name: "g", Service: g}}}
}

func TestStopContextLivesAsLongAsTheRunMay(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		name              string
		root, group, leaf time.Duration
		want              time.Duration
	}{
		{"default", 0, 0, 0, 10 * s},
		{"its own", 0, 0, 3 * s, 3 * s},
		{"its own, the least", 7 * s, 5 * s, 3 * s, 3 * s},
		{"its group's", 7 * s, 2 * s, 3 * s, 2 * s},
		{"the root's", 1 * s, 2 * s, 3 * s, 1 * s},
		{"no bound of its own", 1 * s, 0, -1, 1 * s},
	} {
		for _, early := range []bool{false, true} {
			t.Run(c.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var lived time.Duration
					tr := serve(t, stopsIn(t, c.root, c.group, c.leaf, early, &lived))
					time.Sleep(time.Hour)
					tr.ends(c.want, nil) // coming back at its end is in time
					if lived != c.want {
						t.Errorf("StopContext lived %v, want %v", lived, c.want)
					}
				})
			})
		}
	}
}

func TestStopContextOfWhatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lived time.Duration
		g := stopsIn(t, 5*time.Second, 0, 10*time.Second, false, &lived)
		g.Children = append(g.Children, supervise.Child{Name: "z", Service: slow(4 * time.Second)})
		tr := serve(t, g)
		tr.ends(5*time.Second, nil)
		if lived != time.Second {
			t.Errorf("StopContext lived %v, want the second that was left", lived)
		}
	})
}

func TestStopContextWithoutAnyBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, single(supervise.Func(func(ctx context.Context) error {
			<-ctx.Done()
			stop, cancel := supervise.StopContext(ctx)
			defer cancel()
			if deadline, known := stop.Deadline(); known {
				t.Errorf("Deadline: got %v, want none", deadline)
			}
			select {
			case <-stop.Done():
				t.Error("StopContext ended, want it to live on")
			case <-time.After(1000 * time.Hour):
			}
			return nil
		}), within(-1)))
		tr.ends(1000*time.Hour, nil)
	})
}

func TestStopContextEndsWithTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stop context.Context
		tr := serve(t, single(supervise.Func(func(ctx context.Context) error {
			stop, _ = supervise.StopContext(ctx) // that it ends by itself is tested here
			return errBoom
		}), hours))
		tr.forget()
		if stop.Err() == nil {
			t.Error("StopContext of a run that is over: alive, want it ended")
		}
	})
}

func TestOutsideATreeTheFunctionsAreHarmless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type key struct{}
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
		supervise.Ready(ctx)
		if got := supervise.Path(ctx); got != "" {
			t.Errorf("Path: got %q, want none", got)
		}
		called := make(chan context.Context, 1)
		supervise.Go(ctx, func(ctx context.Context) error { called <- ctx; return errBoom })
		if got := <-called; got != ctx {
			t.Errorf("Go called with %v, want %v", got, ctx)
		}
		stop, free := supervise.StopContext(ctx)
		defer free()
		time.Sleep(time.Hour)
		cancel()
		takes(t, "StopContext", 10*time.Second, context.Canceled, func() error { <-stop.Done(); return stop.Err() })
		if got := stop.Value(key{}); got != "value" {
			t.Errorf("value: got %v, want that of ctx", got)
		}
	})
}

func TestStopContextOutsideATreeIsFreed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		stop, free := supervise.StopContext(ctx)
		free()
		takes(t, "StopContext", 0, context.Canceled, func() error { <-stop.Done(); return stop.Err() })
		cancel()
	})
}

// --- Path, causes, Status as JSON ----------------------------------------------------------------------

func TestPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		paths := make(chan string, 4)
		w := supervise.Func(func(ctx context.Context) error {
			paths <- supervise.Path(ctx)
			derived, cancel := context.WithTimeout(ctx, time.Hour)
			defer cancel()
			paths <- supervise.Path(derived)
			supervise.Go(derived, func(ctx context.Context) error { paths <- supervise.Path(ctx); return nil })
			stop, free := supervise.StopContext(ctx)
			defer free()
			paths <- supervise.Path(stop)
			return idle(ctx)
		})
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "g", Service: single(w, supervise.Policy{})}}})
		tr.forget()
		for range cap(paths) {
			if got := <-paths; got != "tend/g/w" {
				t.Errorf("Path: got %q, want tend/g/w", got)
			}
		}
	})
}

func TestCauseOfTheEndOfARun(t *testing.T) {
	for name, c := range map[string]struct {
		want  error
		ready bool
		end   func(tr *tree)
	}{
		"shutdown":      {supervise.ErrStop, true, func(tr *tree) { tr.ends(0, nil) }},
		"Stop":          {supervise.ErrStop, true, func(tr *tree) { tr.calls("Stop", "tend/w") }},
		"Restart":       {supervise.ErrRestart, true, func(tr *tree) { tr.calls("Restart", "tend/w") }},
		"start timeout": {supervise.ErrStartTimeout, false, func(*tree) { time.Sleep(30 * time.Second) }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				causes := make(chan error, 10)
				g := single(ending(func(ctx context.Context) error { causes <- context.Cause(ctx); return nil }), noBackoff)
				g.Children[0].WaitReady = !c.ready
				tr := serve(t, g)
				c.end(tr)
				if got := <-causes; got != c.want { //nolint:errorlint // the very value is promised
					t.Errorf("cause: got %v, want %v", got, c.want)
				}
			})
		})
	}
}

// A service that may keep something for its next run has to know whether there will be one.
func TestCauseBelowAGroupThatIsRunAgain(t *testing.T) {
	for name, c := range map[string]struct {
		want string
		end  func(tr *tree, above, inside *script)
	}{
		"Restart of the group": {supervise.ErrRestart.Error(), func(tr *tree, _, _ *script) { tr.calls("Restart", "tend/g") }},
		"a strategy above":     {"tend/w: boom", func(_ *tree, s, _ *script) { s.end(errBoom) }},
		"Stop of the group":    {supervise.ErrStop.Error(), func(tr *tree, _, _ *script) { tr.calls("Stop", "tend/g") }},
		"shutdown":             {supervise.ErrStop.Error(), func(tr *tree, _, _ *script) { tr.ends(0, nil) }},
		"failure of the group": {
			"tend/g/x: gave up after 0 restarts within 1m0s: boom",
			func(_ *tree, _, s *script) { s.end(errBoom) },
		},
		"failure of the group by a panic about being done": {
			"tend/g/x: gave up after 0 restarts within 1m0s: panic: " + supervise.ErrDone.Error(),
			func(_ *tree, _, s *script) { s.end(&supervise.PanicError{Value: supervise.ErrDone}) },
		},
		"end of all": {supervise.ErrStop.Error(), func(_ *tree, _, s *script) { s.end(supervise.Fatal(errBoom)) }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				causes, above, inside := make(chan error, 10), newScript(), newScript()
				leaf := ending(func(ctx context.Context) error { causes <- context.Cause(ctx); return context.Cause(ctx) })
				p := &supervise.Pool{}
				tr := serve(t, &supervise.Group{Name: "tend", Strategy: supervise.OneForAll, Children: []supervise.Child{
					{Name: "w", Service: above, Policy: noBackoff},
					{Name: "g", Service: &supervise.Group{Children: []supervise.Child{
						{Name: "h", Service: single(leaf, supervise.Policy{})},
						{Name: "p", Service: p},
						{Name: "x", Service: inside, Policy: supervise.Policy{MaxRestarts: -1}},
					}}},
				}})
				if err := p.Add("m", ending(func(ctx context.Context) error { causes <- context.Cause(ctx); return nil })); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				tr.forget()
				c.end(tr, above, inside)
				for _, where := range []string{"member", "child"} {
					if got := <-causes; got == nil || got.Error() != c.want {
						t.Errorf("cause of the %s: got %v, want %s", where, got, c.want)
					}
				}
			})
		})
	}
}

func TestCauseOfARunWithAFailedGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		causes := make(chan error, 2)
		tr := serve(t, single(supervise.Func(func(ctx context.Context) error {
			supervise.Go(ctx, func(context.Context) error { time.Sleep(time.Second); return errBoom })
			supervise.Go(ctx, func(ctx context.Context) error { <-ctx.Done(); causes <- context.Cause(ctx); return ctx.Err() })
			<-ctx.Done()
			causes <- context.Cause(ctx)
			return ctx.Err()
		}), hours))
		tr.forget()
		time.Sleep(time.Second)
		for range 2 {
			if got := <-causes; got != errBoom { //nolint:errorlint // the very value is promised
				t.Errorf("cause: got %v, want boom", got)
			}
		}
		tr.want("tend/w stopping 1: boom", "tend/w backoff 1: boom")
	})
}

func TestCauseAfterARun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var kept context.Context
		tr := serve(t, single(supervise.Func(func(ctx context.Context) error { kept = ctx; return errBoom }), hours))
		tr.forget()
		if got := context.Cause(kept); got != context.Canceled { //nolint:errorlint // the very value is promised
			t.Errorf("cause: got %v, want context.Canceled", got)
		}
		supervise.Go(kept, func(context.Context) error { t.Error("Go on a run that is over called f"); return nil })
		synctest.Wait()
	})
}

func TestStatusAsJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "w", Service: returns(errBoom), Policy: supervise.Policy{MaxRestarts: 3}},
			{Name: "g", WaitReady: true, Service: single(supervise.Func(idle), supervise.Policy{}), Policy: supervise.Policy{}},
		}}
		tr := serve(t, g)
		tr.forget()
		st := tr.Status()
		st.Policy, st.Children[1].Policy, st.Children[1].Children[0].Policy = supervise.Policy{}, supervise.Policy{}, supervise.Policy{}
		got, err := json.Marshal(st)
		if err != nil {
			t.Fatal(err)
		}
		at := func(when time.Time) string { return when.Format(time.RFC3339Nano) }
		w, now := st.Children[0], at(time.Now())
		policy, err := w.Policy.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		want := `{"name":"tend","path":"tend","state":"running","run":1,"since":"` + now + `","children":[` +
			`{"name":"w","path":"tend/w","state":"backoff","run":1,"since":"` + now + `","next":"` + at(w.Next) + `","err":"boom","policy":"` + string(policy) + `"},` +
			`{"name":"g","path":"tend/g","state":"running","run":1,"since":"` + now + `","children":[` +
			`{"name":"w","path":"tend/g/w","state":"running","run":1,"since":"` + now + `"}]}]}`
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("JSON (-want +got):\n%s\ngot: %s", diff, got)
		}
	})
}

func TestStatusAsJSONBeforeServe(t *testing.T) {
	got, err := json.Marshal(supervise.Status{Name: "w", Path: "tend/w", Err: errors.New("no"), Children: []supervise.Status{}})
	want := `{"name":"w","path":"tend/w","state":"idle","err":"no"}`
	if err != nil || string(got) != want {
		t.Errorf("JSON: got %s (%v), want %s", got, err, want)
	}
}
