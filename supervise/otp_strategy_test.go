package supervise_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"tend.example/tend/supervise"
)

// OTP cases 25, 35 to 40, 45, 68 and 83: which children share the fate of one that fails.

// trio is a tree of three that wait for each other, running.
func trio(t *testing.T, s supervise.Strategy, p supervise.Policy) (*tree, [3]*script) {
	t.Helper()
	w := [3]*script{newScript(), newScript(), newScript()}
	tr := serve(t, &supervise.Group{Name: "tend", Strategy: s, Children: []supervise.Child{
		{Name: "a", Service: w[0], Policy: p, WaitReady: true},
		{Name: "b", Service: w[1], Policy: p, WaitReady: true},
		{Name: "c", Service: w[2], Policy: p, WaitReady: true},
	}})
	tr.forget()
	return tr, w
}

const felledByB = ": tend/b: boom"

func TestOTP35OneForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, w := trio(t, supervise.OneForAll, noBackoff)
		w[1].end(errBoom)
		tr.want("tend/b backoff 1: boom",
			"tend/c stopping 1"+felledByB, "tend/c stopped 1", "tend/a stopping 1"+felledByB, "tend/a stopped 1",
			"tend/a starting 2", "tend/a running 2", "tend/b starting 2", "tend/b running 2",
			"tend/c starting 2", "tend/c running 2")
		for _, path := range []string{"tend/a", "tend/b", "tend/c"} {
			if got := tr.child(path).Restarts; got != 1 {
				t.Errorf("restarts of %s: got %d, want 1", path, got)
			}
		}
	})
}

func TestOTP35TheDelayCountsFromTheFailureAndHoldsBackAll(t *testing.T) {
	for name, c := range map[string]struct{ stop, wait time.Duration }{
		"slow to stop": {4 * time.Second, 4 * time.Second},
		"quick":        {0, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newScript()
				var again time.Time
				runs := 0
				a := supervise.Func(func(ctx context.Context) error {
					runs++
					again = time.Now()
					return slow(c.stop)(ctx)
				})
				tr := serve(t, &supervise.Group{Name: "tend", Strategy: supervise.OneForAll, Children: []supervise.Child{
					{Name: "a", Service: a},
					{Name: "b", Service: b, Policy: supervise.Policy{MinBackoff: 2 * time.Second}},
				}})
				failed := time.Now()
				b.end(errBoom)
				synctest.Wait()
				next := tr.child("tend/b").Next
				time.Sleep(time.Minute)
				synctest.Wait()
				want := max(next.Sub(failed), c.stop)
				if got := again.Sub(failed); runs != 2 || got != want || got < c.wait {
					t.Errorf("a began its run %d %v after the failure, want run 2 after %v", runs, got, want)
				}
			})
		})
	}
}

func TestOTP36OneForAllEscalation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, w := trio(t, supervise.OneForAll, supervise.Policy{MinBackoff: -1, MaxRestarts: 1})
		w[1].end(errBoom)
		tr.forget()
		w[1].end(errBoom)
		const gone = "gave up after 1 restarts within 1m0s: boom"
		tr.want("tend/b failed 2: "+gone, "tend stopping 1", "tend/c stopping 2", "tend/c stopped 2",
			"tend/a stopping 2", "tend/a stopped 2", "tend failed 1: tend/b: "+gone)
		limitError(t, tr.wait(), "tend/b", supervise.LimitError{Restarts: 1, Window: time.Minute, Err: errBoom})
	})
}

// failingAgain fails its second run before it is ready.
func failingAgain() supervise.Func {
	runs := 0
	return func(ctx context.Context) error {
		if runs++; runs == 2 {
			return errBoom
		}
		supervise.Ready(ctx)
		return idle(ctx)
	}
}

func TestOTP37OneForAllOtherFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newScript()
		tr := serve(t, &supervise.Group{Name: "tend", Strategy: supervise.OneForAll, Children: []supervise.Child{
			{Name: "a", Service: supervise.Func(idle)},
			{Name: "b", Service: failingAgain(), Policy: noBackoff, WaitReady: true},
			{Name: "c", Service: c, Policy: noBackoff},
		}})
		tr.forget()
		c.end(errBoom)
		tr.want("tend/c backoff 1: boom",
			"tend/b stopping 1: tend/c: boom", "tend/b stopped 1", "tend/a stopping 1: tend/c: boom", "tend/a stopped 1",
			"tend/a starting 2", "tend/a running 2", "tend/b starting 2", "tend/b backoff 2: boom",
			"tend/a stopping 2"+felledByB, "tend/a stopped 2",
			"tend/a starting 3", "tend/a running 3", "tend/b starting 3", "tend/b running 3",
			"tend/c starting 2", "tend/c running 2")
	})
}

func TestOTP38RestForOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, w := trio(t, supervise.RestForOne, noBackoff)
		w[1].end(errBoom)
		tr.want("tend/b backoff 1: boom", "tend/c stopping 1"+felledByB, "tend/c stopped 1",
			"tend/b starting 2", "tend/b running 2", "tend/c starting 2", "tend/c running 2")
		if got := tr.child("tend/a"); got.Run != 1 || got.Restarts != 0 {
			t.Errorf("a: got run %d, %d restarts, want it untouched", got.Run, got.Restarts)
		}
	})
}

func TestOTP39RestForOneEscalation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, w := trio(t, supervise.RestForOne, notOnce)
		w[1].end(errBoom)
		tr.want("tend/b failed 1: "+gaveUp, "tend stopping 1", "tend/c stopping 1", "tend/c stopped 1",
			"tend/a stopping 1", "tend/a stopped 1", "tend failed 1: tend/b: "+gaveUp)
		limitError(t, tr.wait(), "tend/b", supervise.LimitError{Window: time.Minute, Err: errBoom})
	})
}

func TestOTP40RestOtherFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newScript()
		tr := serve(t, &supervise.Group{Name: "tend", Strategy: supervise.RestForOne, Children: []supervise.Child{
			{Name: "a", Service: supervise.Func(idle)},
			{Name: "b", Service: b, Policy: noBackoff},
			{Name: "c", Service: failingAgain(), Policy: noBackoff, WaitReady: true},
			{Name: "d", Service: supervise.Func(idle)},
		}})
		tr.forget()
		b.end(errBoom)
		tr.want("tend/b backoff 1: boom",
			"tend/d stopping 1"+felledByB, "tend/d stopped 1", "tend/c stopping 1"+felledByB, "tend/c stopped 1",
			"tend/b starting 2", "tend/b running 2", "tend/c starting 2", "tend/c backoff 2: boom",
			"tend/c starting 3", "tend/c running 3", "tend/d starting 2", "tend/d running 2")
	})
}

func TestOTP25TemporaryBystanderStaysDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newScript()
		tr := serve(t, &supervise.Group{Name: "tend", Strategy: supervise.OneForAll, Children: []supervise.Child{
			{Name: "a", Service: supervise.Func(idle), Policy: temporary},
			{Name: "b", Service: b, Policy: noBackoff},
		}})
		tr.forget()
		b.end(errBoom)
		tr.want("tend/b backoff 1: boom", "tend/a stopping 1"+felledByB, "tend/a stopped 1",
			"tend/b starting 2", "tend/b running 2")
		tr.calls("Start", "tend/a")
		tr.want("tend/a starting 2", "tend/a running 2")
	})
}

func TestOTP25WhoIsDoneRunsAgainOrNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newScript()
		once := func(err error) supervise.Func {
			first := true
			return func(ctx context.Context) error {
				if first {
					first = false
					return err
				}
				return idle(ctx)
			}
		}
		tr := serve(t, &supervise.Group{Name: "tend", Strategy: supervise.OneForAll, Children: []supervise.Child{
			{Name: "onfailure", Service: once(nil), Policy: transientNow},
			{Name: "errdone", Service: once(supervise.ErrDone), Policy: transientNow},
			{Name: "never", Service: once(nil), Policy: temporary},
			{Name: "failed", Service: once(errBoom), Policy: temporary},
			{Name: "x", Service: x, Policy: noBackoff},
		}})
		tr.forget()
		x.end(nil) // with Always, an end without an error is one to restart after
		tr.want("tend/x backoff 1", "tend/onfailure starting 2", "tend/onfailure running 2", "tend/x starting 2", "tend/x running 2")
		if got, want := tr.states(), "onfailure=running errdone=done never=done failed=failed x=running"; got != want {
			t.Errorf("states: got %q, want %q", got, want)
		}
	})
}

func TestOTP45StuckSiblingIsFatalAndNeverRunTwice(t *testing.T) {
	for _, s := range []supervise.Strategy{supervise.OneForAll, supervise.RestForOne} {
		t.Run(s.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newScript()
				runs := 0
				hang := deaf(t)
				tr := serve(t, &supervise.Group{Name: "tend", Strategy: s, Children: []supervise.Child{
					{Name: "a", Service: a, Policy: noBackoff},
					{Name: "b", Service: supervise.Func(func(ctx context.Context) error {
						runs++
						return hang(ctx)
					}), Policy: within(time.Second)},
				}})
				a.end(errBoom)
				takes(t, "Serve", 1050*time.Millisecond, supervise.ErrStuck, tr.wait)
				synctest.Wait()
				if got, want := tr.states(), "a=stopped b=stuck"; got != want || runs != 1 {
					t.Errorf("states: got %q after %d runs of b, want %q after one", got, runs, want)
				}
				var child *supervise.ChildError
				if !errors.As(tr.err, &child) || child.Path != "tend/b" {
					t.Errorf("Serve: got %v, want it to name tend/b", tr.err)
				}
			})
		})
	}
}

func TestOTP68HangingRestartLoopUnderRestForOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newScript()
		broken := false
		w := supervise.Func(func(ctx context.Context) error {
			if broken {
				return errBoom
			}
			return a.Serve(ctx)
		})
		tr := serve(t, &supervise.Group{Name: "tend", Strategy: supervise.RestForOne, Children: []supervise.Child{
			{Name: "a", Service: w, Policy: hours, WaitReady: true},
			{Name: "b", Service: supervise.Func(idle)},
		}})
		tr.forget()
		broken = true
		a.end(errBoom)
		synctest.Wait()
		for range 3 {
			begin := time.Now()
			if err := tr.Restart(t.Context(), "tend/a"); err != nil || time.Since(begin) != 0 {
				t.Errorf("Restart: %v after %v, want nil at once", err, time.Since(begin))
			}
			if got, want := tr.states(), "a=backoff b=stopped"; got != want {
				t.Errorf("states: got %q, want %q", got, want)
			}
		}
		if err := tr.Start(t.Context(), "tend/a"); !errors.Is(err, errBoom) {
			t.Errorf("Start in backoff: got %v, want why it waits", err)
		}
		broken = false
		tr.forget()
		tr.calls("Restart", "tend/a")
		tr.want("tend/a starting 5", "tend/a running 5", "tend/b starting 2", "tend/b running 2")
	})
}

func TestOTP83SignificantChildStoppedByAStrategyDoesNotTrigger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newScript()
		tr := serve(t, &supervise.Group{Name: "tend", Strategy: supervise.OneForAll, Children: []supervise.Child{
			{Name: "a", Service: a, Policy: noBackoff},
			{Name: "b", Service: supervise.Func(idle), Policy: temporary, Significant: true},
			{Name: "c", Service: supervise.Func(idle), Policy: transientNow, Significant: true},
		}})
		a.end(errBoom)
		if got, want := tr.states(), "a=running b=stopped c=running"; got != want {
			t.Errorf("states: got %q, want %q", got, want)
		}
		tr.ends(0, nil)
	})
}

// --- operators and shutdown in the middle of it ---------------------------------------------------

func TestOperatorsInTheMiddleOfAStrategy(t *testing.T) {
	for name, c := range map[string]struct {
		verb, path string
		states     string // at once
		later      string // when the delay is over
	}{
		"stop of the failed":    {"Stop", "tend/b", "a=running b=stopped c=running", "a=running b=stopped c=running"},
		"stop of a sibling":     {"Stop", "tend/a", "a=stopped b=backoff c=stopped", "a=stopped b=running c=running"},
		"restart of the failed": {"Restart", "tend/b", "a=running b=running c=running", "a=running b=running c=running"},
		"restart of a sibling":  {"Restart", "tend/c", "a=stopped b=backoff c=stopped", "a=running b=running c=running"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr, w := trio(t, supervise.OneForAll, supervise.Policy{MinBackoff: time.Minute, MaxBackoff: time.Minute})
				w[1].end(errBoom)
				if got, want := tr.states(), "a=stopped b=backoff c=stopped"; got != want {
					t.Fatalf("states: got %q, want %q", got, want)
				}
				tr.calls(c.verb, c.path)
				if got := tr.states(); got != c.states {
					t.Errorf("states after %s %s: got %q, want %q", c.verb, c.path, got, c.states)
				}
				time.Sleep(2 * time.Minute)
				if got := tr.states(); got != c.later {
					t.Errorf("states when the delay is over: got %q, want %q", got, c.later)
				}
				tr.ends(0, nil)
			})
		})
	}
}

func TestAGroupWhoseStartAStrategyInterruptsIsReadyOnlyWhenAllHaveBeenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newScript()
		tr := serve(t, &supervise.Group{Name: "tend", Strategy: supervise.OneForAll, Children: []supervise.Child{
			{Name: "a", Service: a, Policy: noBackoff},
			{Name: "b", Service: rising(10*time.Second, 0), WaitReady: true},
		}})
		tr.forget()
		time.Sleep(5 * time.Second)
		a.end(errBoom)
		tr.want("tend/a backoff 1: boom", "tend/b stopping 1: tend/a: boom", "tend/b stopped 1",
			"tend/a starting 2", "tend/a running 2", "tend/b starting 2")
		time.Sleep(10 * time.Second)
		tr.want("tend/b running 2", "tend running 1")
	})
}

func TestCauseOfASiblingThatIsStoppedIsTheFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cause error
		b := newScript()
		tr := serve(t, &supervise.Group{Name: "tend", Strategy: supervise.OneForAll, Children: []supervise.Child{
			{Name: "a", Service: supervise.Func(func(ctx context.Context) error {
				<-ctx.Done()
				if cause == nil {
					cause = context.Cause(ctx)
				}
				return cause // a clean answer
			})},
			{Name: "b", Service: b, Policy: noBackoff},
		}})
		tr.forget()
		b.end(errBoom)
		tr.want("tend/b backoff 1: boom", "tend/a stopping 1"+felledByB, "tend/a stopped 1",
			"tend/a starting 2", "tend/a running 2", "tend/b starting 2", "tend/b running 2")
		var child *supervise.ChildError
		if !errors.As(cause, &child) || child.Path != "tend/b" || !errors.Is(cause, errBoom) {
			t.Errorf("cause: got %v, want the ChildError of tend/b", cause)
		}
	})
}

func TestSiblingsOfARunThatEndedWithoutAnErrorAreToldThatItEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, w := trio(t, supervise.RestForOne, noBackoff)
		w[1].end(nil)
		tr.want("tend/b backoff 1", "tend/c stopping 1: tend/b: its run ended", "tend/c stopped 1",
			"tend/b starting 2", "tend/b running 2", "tend/c starting 2", "tend/c running 2")
	})
}

func TestARestartThatAStrategyOvertakesIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newScript()
		tr := serve(t, &supervise.Group{Name: "tend", Strategy: supervise.OneForAll, Children: []supervise.Child{
			{Name: "a", Service: a, Policy: noBackoff},
			{Name: "b", Service: slow(3 * time.Second)},
		}})
		tr.forget()
		go func() { _ = tr.Restart(t.Context(), "tend/b") }()
		tr.want("tend/b stopping 1: told to restart")
		a.end(errBoom)
		tr.want("tend/a backoff 1: boom")
		time.Sleep(3 * time.Second)
		tr.want("tend/b stopped 1", "tend/a starting 2", "tend/a running 2", "tend/b starting 2", "tend/b running 2")
	})
}

func TestOfTwoFailuresUnderRestForOneTheEarlierChildSetsTheRange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, fail := newScript(), make(chan struct{})
		c := supervise.Func(func(ctx context.Context) error {
			supervise.Go(ctx, func(ctx context.Context) error {
				select {
				case <-fail:
					return errBoom
				case <-ctx.Done():
					return nil
				}
			})
			return slow(3 * time.Second)(ctx)
		})
		tr := serve(t, &supervise.Group{Name: "tend", Strategy: supervise.RestForOne, Children: []supervise.Child{
			{Name: "a", Service: supervise.Func(idle)},
			{Name: "b", Service: b, Policy: supervise.Policy{MinBackoff: time.Second}},
			{Name: "c", Service: c, Policy: noBackoff},
		}})
		tr.forget()
		fail <- struct{}{}
		tr.want("tend/c stopping 1: boom")
		b.end(errBoom)
		tr.want("tend/b backoff 1: boom")
		time.Sleep(3 * time.Second)
		tr.want("tend/c backoff 1: boom",
			"tend/b starting 2", "tend/b running 2", "tend/c starting 2", "tend/c running 2")
	})
}
