package supervise_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/thejerf/suture/v4"

	"tend.example/tend/supervise"
)

// What a reviewer found wrong once, each with the promise that it broke.

// under is a foreign suture tree with a group in it, made anew for each run.
func under(g *supervise.Group, timeout time.Duration) supervise.Func {
	return func(ctx context.Context) error {
		s := suture.New("theirs", suture.Spec{Timeout: timeout, EventHook: func(suture.Event) {}})
		s.Add(g)
		return s.Serve(ctx)
	}
}

func TestStuckLeafBelowSutureIsNamedAndNothingIsLost(t *testing.T) {
	for name, service := range map[string]func(*supervise.Group) supervise.Func{
		"suture": func(g *supervise.Group) supervise.Func { return under(g, 2*time.Second) },
		"func":   func(g *supervise.Group) supervise.Func { return g.Serve },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := &supervise.Group{Name: "g", Children: []supervise.Child{{Name: "leaf", Service: deaf(t)}}}
				tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "theirs", Service: service(g)}}})
				err := tr.stop()
				if want := "did not stop cleanly: tend/theirs/g/leaf: did not return when told to stop"; err == nil || err.Error() != want {
					t.Errorf("Serve:\n got %v\nwant %s", err, want)
				}
				if code := supervise.ExitCode(err); code != 70 {
					t.Errorf("exit code %d, want 70", code)
				}
			})
		})
	}
}

func TestRunBelowSutureIsNotRepeatedBesideAStuckLeaf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &supervise.Group{Name: "g", Children: []supervise.Child{{Name: "leaf", Service: deaf(t)}}}
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "theirs", Service: under(g, time.Second)}}})
		_ = tr.Restart(t.Context(), "tend/theirs")
		time.Sleep(time.Minute)
		if got := tr.child("tend/theirs"); got.State != supervise.Stopped || got.Run != 1 {
			t.Fatalf("theirs is %s in run %d, want it stopped in run 1", got.State, got.Run)
		}
		takes(t, "Serve", 0, supervise.ErrStuck, tr.wait)
	})
}

func TestWhatIsStuckBelowARunThatEndsByItselfEndsTheTree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &supervise.Group{Name: "g", Children: []supervise.Child{{Name: "leaf", Service: deaf(t)}}}
		forgets := supervise.Func(func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, time.Minute)
			defer cancel()
			_ = g.Serve(ctx)
			return nil
		})
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "w", Service: forgets}}})
		time.Sleep(2 * time.Minute)
		if got := tr.child("tend/w"); got.State != supervise.Failed || got.Run != 1 {
			t.Fatalf("w is %s in run %d, want it failed in run 1", got.State, got.Run)
		}
		takes(t, "Serve", 0, supervise.ErrStuck, tr.wait)
	})
}

func TestStopAndStartBeforeItsTurnKeepTheOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ready := func(after time.Duration) supervise.Func {
			return func(ctx context.Context) error {
				time.Sleep(after)
				supervise.Ready(ctx)
				return idle(ctx)
			}
		}
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "a", Service: ready(time.Second), WaitReady: true},
			{Name: "b", Service: ready(10 * time.Second), WaitReady: true},
			{Name: "c", Service: supervise.Func(idle)},
		}})
		if err := tr.Stop(t.Context(), "tend/b"); err != nil {
			t.Fatal(err)
		}
		go func() { _ = tr.Start(t.Context(), "tend/b") }()
		time.Sleep(20 * time.Second)
		tr.want("tend starting 1", "tend/a starting 1", "tend/a running 1",
			"tend/b starting 1", "tend/b running 1", "tend/c starting 1", "tend/c running 1", "tend running 1")
	})
}

func TestBackoffEndsWhenTheGroupBeginsToStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "a", Service: returns(errBoom), Policy: supervise.Policy{MinBackoff: 2 * time.Second}},
			{Name: "b", Service: slow(8 * time.Second)},
		}})
		tr.forget()
		if err := tr.stop(); err != nil {
			t.Errorf("Serve: %v", err)
		}
		tr.want("tend stopping 1", "tend/a stopped 1", "tend/b stopping 1", "tend/b stopped 1", "tend stopped 1")
	})
}

func TestStartWhileTheRunWindsDownIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := true
		w := supervise.Func(func(ctx context.Context) error {
			if first {
				first = false
				supervise.Go(ctx, returns(errBoom))
				return slow(time.Second)(ctx)
			}
			return idle(ctx)
		})
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "w", Service: w, Policy: supervise.Policy{Restart: supervise.Never}},
		}})
		took, err := timed(func() error { return tr.Start(t.Context(), "tend/w") })
		if took != time.Second || err != nil || tr.states() != "w=running" {
			t.Errorf("Start: %v after %s, %s; want it running after 1s", err, took, tr.states())
		}
	})
}

func TestStopAnswersAStartThatItOvertakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "a", Service: slow(time.Second)}}})
		go func() { _ = tr.Stop(t.Context(), "tend/a") }()
		synctest.Wait()
		started := make(chan error, 1)
		go func() { started <- tr.Start(t.Context(), "tend/a") }()
		synctest.Wait()
		begin := time.Now()
		go func() { _ = tr.Stop(t.Context(), "tend/a") }()
		err := <-started
		if took := time.Since(begin); took != 0 || !errors.Is(err, supervise.ErrStop) {
			t.Errorf("Start: %v after %s, want ErrStop at once", err, took)
		}
	})
}

func TestFailureOfARunThatGetsStuckIsNotLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := deaf(t)
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "a", Service: supervise.Func(func(ctx context.Context) error {
			supervise.Go(ctx, hang)
			return supervise.Fatal(&supervise.ExitError{Code: 78, Err: errBoom})
		})}}})
		err := tr.wait()
		if code := supervise.ExitCode(err); code != 78 || !errors.Is(err, supervise.ErrStuck) {
			t.Errorf("Serve: %v, exit code %d, want both in it and 78", err, code)
		}
	})
}

func TestPanicWithErrDoneIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newScript()
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "w", Service: w, Policy: noBackoff}}})
		tr.forget()
		w.do(func() error { panic(supervise.ErrDone) })
		tr.want("tend/w backoff 1: panic: service should not be restarted", "tend/w starting 2", "tend/w running 2")
	})
}

func TestHeartbeatOfAPoolIsNotForMembersWithChildrenOfTheirOwn(t *testing.T) {
	for name, set := range map[string]func(tr *tree, p *supervise.Pool){
		"from the start": func(_ *tree, p *supervise.Pool) { p.Policy.Heartbeat = time.Second },
		"set later": func(tr *tree, _ *supervise.Pool) {
			if err := tr.SetPolicy("tend/w/*", supervise.Policy{Heartbeat: time.Second}); err != nil {
				tr.t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &supervise.Pool{}
				if name == "from the start" {
					set(nil, p)
				}
				tr := serve(t, single(p, supervise.Policy{}))
				add(t, p, "g", &supervise.Group{Children: []supervise.Child{{Name: "x", Service: supervise.Func(idle)}}})
				synctest.Wait()
				if name == "set later" {
					set(tr, p)
				}
				tr.forget()
				time.Sleep(time.Hour)
				tr.want()
			})
		})
	}
}

func TestPolicyOfAllMembersReachesAPoolBelowSuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &supervise.Pool{}
		tr := serve(t, single(supervise.Func(func(ctx context.Context) error {
			s := suture.NewSimple("theirs")
			s.Add(p)
			return s.Serve(ctx)
		}), supervise.Policy{}))
		add(t, p, "m", returns(errBoom))
		if err := tr.SetPolicy("tend/w/pool/*", supervise.Policy{Restart: supervise.Never}); err != nil {
			t.Errorf("SetPolicy: %v", err)
		}
		time.Sleep(time.Hour)
		if n := p.Len(); n != 0 {
			t.Errorf("%d members, want none: the policy did not reach it", n)
		}
		want := "restart tend/w/pool: no such child: tend/w/pool is served inside tend/w; steer that"
		if err := tr.Restart(t.Context(), "tend/w/pool"); !errors.Is(err, supervise.ErrNoChild) || err.Error() != want {
			t.Errorf("Restart: got %v, want %s", err, want)
		}
	})
}

func TestPolicyThatWouldNotHaveRestartedEndsABackoff(t *testing.T) {
	for name, c := range map[string]struct {
		end    error
		policy supervise.Policy
		want   string
	}{
		"never, after a failure":      {errBoom, supervise.Policy{Restart: supervise.Never}, "tend/w failed 1: boom"},
		"never, after a clean run":    {nil, supervise.Policy{Restart: supervise.Never}, "tend/w done 1"},
		"on-failure, after a clean":   {nil, supervise.Policy{Restart: supervise.OnFailure}, "tend/w done 1"},
		"on-failure, after a failure": {errBoom, supervise.Policy{Restart: supervise.OnFailure, MinBackoff: time.Hour}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
					{Name: "w", Service: returns(c.end), Policy: hours},
					{Name: "other", Service: supervise.Func(idle)},
				}})
				tr.forget()
				if err := tr.SetPolicy("tend/w", c.policy); err != nil {
					t.Fatal(err)
				}
				if c.want == "" {
					tr.want()
					return
				}
				tr.want(c.want)
				time.Sleep(48 * time.Hour)
				tr.want()
			})
		})
	}
}

func TestTinyHeartbeatFiresAndDoesNotSpin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, single(supervise.Func(idle), supervise.Policy{Heartbeat: 1, Restart: supervise.Never}))
		time.Sleep(time.Second)
		if err := tr.child("tend/w").Err; !errors.Is(err, supervise.ErrHung) {
			t.Errorf("got %v, want ErrHung", err)
		}
	})
}

func TestStoppedMemberLeavesThePoolWhenThatStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &supervise.Pool{}
		tr := serve(t, single(p, supervise.Policy{}))
		add(t, p, "m", supervise.Func(idle))
		synctest.Wait()
		tr.calls("Stop", "tend/w/m")
		if n := p.Len(); n != 1 {
			t.Errorf("while the pool serves: %d members, want 1", n)
		}
		tr.ends(0, nil)
		if n := p.Len(); n != 0 {
			t.Errorf("after Serve: %d members, want none", n)
		}
	})
}
