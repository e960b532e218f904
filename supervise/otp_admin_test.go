package supervise_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tend.example/tend/supervise"
)

// The cases of OTP's suite that are about what an operator does. 68 is about strategies.

// verbs are the three calls of an operator.
func verbs(g *supervise.Group) map[string]func(context.Context, string) error {
	return map[string]func(context.Context, string) error{"Start": g.Start, "Stop": g.Stop, "Restart": g.Restart}
}

// calls makes a call of an operator that has to return at once, without an error.
func (tr *tree) calls(verb, path string) {
	tr.t.Helper()
	takes(tr.t, verb+" "+path, 0, nil, func() error { return verbs(tr.Group)[verb](tr.t.Context(), path) })
}

// beside makes a call in the background, and delivers its answer.
func (tr *tree) beside(verb, path string) <-chan error {
	answer := make(chan error, 1)
	go func() { answer <- verbs(tr.Group)[verb](tr.t.Context(), path) }()
	synctest.Wait()
	return answer
}

// single is a tree of one child.
func single(s supervise.Service, p supervise.Policy) *supervise.Group {
	return &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "w", Service: s, Policy: p}}}
}

// hours is a backoff that nobody waits for.
var hours = supervise.Policy{MinBackoff: time.Hour, MaxBackoff: 24 * time.Hour}

func TestOTP58StartOfARunningChild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, single(supervise.Func(idle), supervise.Policy{}))
		tr.forget()
		tr.calls("Start", "tend/w")
		tr.want()
	})
}

func TestOTP58StartWaitsForReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := single(rising(time.Second, 0), supervise.Policy{})
		g.Children[0].WaitReady = true
		tr := serve(t, g)
		takes(t, "Start", time.Second, nil, func() error { return tr.Start(t.Context(), "tend/w") })
		tr.want("tend starting 1", "tend/w starting 1", "tend/w running 1", "tend running 1")
	})
}

func TestOTP59StopAndStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, single(supervise.Func(idle), hours))
		tr.forget()
		tr.calls("Stop", "tend/w")
		tr.want("tend/w stopping 1", "tend/w stopped 1")
		time.Sleep(48 * time.Hour)
		tr.want()
		if got, want := tr.states(), "w=stopped"; got != want {
			t.Errorf("states: got %q, want %q", got, want)
		}
		tr.calls("Start", "tend/w")
		tr.want("tend/w starting 2", "tend/w running 2")
	})
}

func TestOTP59StartOfOneStillStopping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, single(slow(2*time.Second), hours))
		tr.forget()
		stopped := tr.beside("Stop", "tend/w")
		takes(t, "Start", 2*time.Second, nil, func() error { return tr.Start(t.Context(), "tend/w") })
		if err := <-stopped; err != nil {
			t.Errorf("Stop: %v", err)
		}
		tr.want("tend/w stopping 1", "tend/w starting 2", "tend/w running 2")
	})
}

func TestOTP59StopRevokesAStartOfOneStillStopping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, single(slow(2*time.Second), hours))
		tr.forget()
		restarted := tr.beside("Restart", "tend/w")
		takes(t, "Stop", 2*time.Second, nil, func() error { return tr.Stop(t.Context(), "tend/w") })
		if err := <-restarted; err != nil {
			t.Errorf("Restart: %v", err)
		}
		tr.want("tend/w stopping 1: told to restart", "tend/w stopped 1")
	})
}

func TestOTP60StopTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, single(slow(2*time.Second), supervise.Policy{}))
		tr.forget()
		first := tr.beside("Stop", "tend/w")
		takes(t, "Stop", 2*time.Second, nil, func() error { return tr.Stop(t.Context(), "tend/w") })
		if err := <-first; err != nil {
			t.Errorf("first Stop: %v", err)
		}
		tr.calls("Stop", "tend/w")
		tr.want("tend/w stopping 1", "tend/w stopped 1")
	})
}

func TestOTP60StopReportsAFailureToStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, single(ending(func(context.Context) error { return errBoom }), supervise.Policy{}))
		tr.forget()
		err := tr.Stop(t.Context(), "tend/w")
		var child *supervise.ChildError
		if !errors.As(err, &child) || child.Path != "tend/w" || !errors.Is(err, errBoom) {
			t.Errorf("Stop: got %v, want a ChildError of tend/w with boom", err)
		}
		tr.want("tend/w stopping 1", "tend/w stopped 1: boom")
		tr.ends(0, nil)
	})
}

func TestOTP61UnknownPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "a", Service: supervise.Func(idle)},
			{Name: "g", Service: &supervise.Group{Name: "other", Children: []supervise.Child{{Name: "w", Service: supervise.Func(idle)}}}},
		}})
		tr.forget()
		for _, path := range []string{
			"", "tend", "tend/", "tend/x", "tend//a", "/tend/a", "tend/a/", "tend/a/x", "tend/g/x", "tend/g/w/x",
			"tend/other/w", "ten/a", "tend2/a", "a", "g/w", "TEND/a",
		} {
			for verb, call := range verbs(tr.Group) {
				err := call(t.Context(), path)
				if !errors.Is(err, supervise.ErrNoChild) || !strings.Contains(fmt.Sprint(err), path) {
					t.Errorf("%s %q: got %v, want an ErrNoChild that names it", verb, path, err)
				}
			}
		}
		tr.want()
	})
}

func TestOTP62RestartOfARunningChild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, single(slow(time.Second), hours))
		tr.forget()
		takes(t, "Restart", time.Second, nil, func() error { return tr.Restart(t.Context(), "tend/w") })
		tr.want("tend/w stopping 1: told to restart", "tend/w starting 2", "tend/w running 2")
		if got := tr.child("tend/w").Restarts; got != 0 {
			t.Errorf("Restarts: got %d, want 0: none was the policy's", got)
		}
	})
}

func TestOTP62RestartReportsAFailureToStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, single(ending(func(context.Context) error { return errBoom }), hours))
		tr.forget()
		takes(t, "Restart", 0, errBoom, func() error { return tr.Restart(t.Context(), "tend/w") })
		tr.want("tend/w stopping 1: told to restart", "tend/w stopped 1: boom", "tend/w starting 2", "tend/w running 2")
		if err := tr.Stop(t.Context(), "tend/w"); !errors.Is(err, errBoom) {
			t.Errorf("Stop: got %v, want boom", err)
		}
	})
}

func TestOTP62RestartReportsNothingOfTheNextRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := true
		tr := serve(t, single(supervise.Func(func(ctx context.Context) error {
			if !first {
				return errBoom // at once, maybe before a caller has seen the end of the first
			}
			first = false
			return slow(time.Second)(ctx)
		}), hours))
		var callers []<-chan error
		for range 100 {
			callers = append(callers, tr.beside("Restart", "tend/w"))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		for _, answer := range callers {
			select {
			case err := <-answer:
				if err != nil {
					t.Fatalf("Restart: got %v, want nil: the old run ended cleanly", err)
				}
			default:
				t.Fatal("Restart goes on after the end of the old run")
			}
		}
	})
}

func TestOTP62RestartOfAChildAtRest(t *testing.T) {
	for _, c := range []struct {
		state  string
		policy supervise.Policy
		err    error
	}{
		{"done 1", supervise.Policy{Restart: supervise.OnFailure}, nil},
		{"failed 1: boom", supervise.Policy{Restart: supervise.Never}, errBoom},
		{"done 1", supervise.Policy{}, supervise.ErrDone},
	} {
		for _, verb := range []string{"Start", "Restart"} {
			synctest.Test(t, func(t *testing.T) {
				w := newScript()
				g := single(w, c.policy)
				g.Children = append(g.Children, supervise.Child{Name: "z", Service: supervise.Func(idle)})
				tr := serve(t, g)
				tr.forget()
				w.end(c.err)
				tr.want("tend/w " + c.state)
				tr.calls(verb, "tend/w")
				tr.want("tend/w starting 2", "tend/w running 2")
			})
		}
	}
}

func TestOTP63RestartInBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newScript()
		var delay time.Duration
		g := single(w, supervise.Policy{MinBackoff: time.Second, MaxBackoff: time.Hour, ResetAfter: time.Hour})
		g.OnEvent = func(e supervise.Event) { delay = e.Delay }
		tr := serve(t, g)
		for range 10 {
			w.end(errBoom)
			time.Sleep(2 * time.Hour / 3) // less than a run that forgets, more than most delays
		}
		w.end(errBoom)
		for synctest.Wait(); delay == 0; synctest.Wait() {
			time.Sleep(time.Minute)
		}
		if delay < 512*time.Second {
			t.Fatalf("delay: got %v, want one of a long row of failures", delay)
		}
		tr.forget()
		run := tr.child("tend/w").Run
		tr.calls("Restart", "tend/w")
		tr.want(fmt.Sprintf("tend/w starting %d", run+1), fmt.Sprintf("tend/w running %d", run+1))
		w.end(errBoom)
		synctest.Wait()
		if delay < time.Second || delay > 1500*time.Millisecond {
			t.Errorf("delay after a Restart: got %v, want 1s to 1.5s", delay)
		}
	})
}

func TestOTP64StopInBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newScript()
		tr := serve(t, single(w, hours))
		tr.forget()
		w.end(errBoom)
		tr.want("tend/w backoff 1: boom")
		tr.calls("Stop", "tend/w")
		tr.want("tend/w stopped 1")
		if next := tr.child("tend/w").Next; !next.IsZero() {
			t.Errorf("Next of a stopped child: got %v, want none", next)
		}
		time.Sleep(48 * time.Hour)
		tr.want()
		tr.calls("Start", "tend/w")
		tr.want("tend/w starting 2", "tend/w running 2")
	})
}

func TestOTP64StartForgetsTheFailuresBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newScript()
		tr := serve(t, single(w, hours))
		for range 3 {
			w.end(errBoom)
			time.Sleep(6 * time.Hour) // the third failure waits for 4h at least
		}
		tr.calls("Stop", "tend/w")
		tr.calls("Start", "tend/w")
		w.end(errBoom)
		synctest.Wait()
		if wait := time.Until(tr.child("tend/w").Next); wait < time.Hour || wait > 90*time.Minute {
			t.Errorf("delay after Stop and Start: got %v, want 1h to 1h30m", wait)
		}
	})
}

func TestOTP65NotServing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := single(slow(2*time.Second), supervise.Policy{})
		wantNotServing(t, g, "before Serve", "tend/w")
		tr := serve(t, g)
		tr.cancel()
		time.Sleep(time.Second)
		wantNotServing(t, g, "while stopping", "tend/w")
		takes(t, "Serve", time.Second, nil, tr.wait)
		wantNotServing(t, g, "after Serve", "tend/w")
	})
}

func TestOTP65NotServingBelow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "g", Service: single(supervise.Func(idle), supervise.Policy{})},
		}})
		tr.calls("Stop", "tend/g")
		wantNotServing(t, tr.Group, "below a stopped group", "tend/g/w")
		tr.calls("Start", "tend/g")
		tr.calls("Stop", "tend/g/w")
	})
}

func wantNotServing(t *testing.T, g *supervise.Group, when, path string) {
	t.Helper()
	for verb, call := range verbs(g) {
		takes(t, verb+" "+when, 0, supervise.ErrNotServing, func() error { return call(t.Context(), path) })
	}
}

func TestOTP65StoppingAnswersAPendingStart(t *testing.T) {
	for range 200 { // it is a matter of who comes first
		synctest.Test(t, func(t *testing.T) {
			g := single(rising(time.Hour, 0), supervise.Policy{StartTimeout: -1})
			g.Children[0].WaitReady = true
			tr := serve(t, g)
			started := tr.beside("Start", "tend/w")
			tr.ends(0, nil)
			if err := <-started; !errors.Is(err, supervise.ErrNotServing) {
				t.Errorf("Start: got %v, want ErrNotServing", err)
			}
		})
		if t.Failed() {
			return
		}
	}
}

func TestOTP65StoppingAnswersAStartOfAChildBeforeItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "a", Service: rising(time.Hour, 3*time.Second), WaitReady: true},
			{Name: "b", Service: supervise.Func(idle)},
		}})
		started := tr.beside("Start", "tend/b")
		tr.cancel()
		takes(t, "Start", 0, supervise.ErrNotServing, func() error { return <-started })
		takes(t, "Serve", 3*time.Second, nil, tr.wait)
	})
}

func TestOTP66AutomaticRestartAfterAnOperators(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newScript()
		tr := serve(t, single(w, noBackoff))
		tr.forget()
		tr.calls("Restart", "tend/w")
		tr.want("tend/w stopping 1: told to restart", "tend/w starting 2", "tend/w running 2")
		w.end(errBoom)
		tr.want("tend/w backoff 2: boom", "tend/w starting 3", "tend/w running 3")
		tr.calls("Stop", "tend/w")
		tr.calls("Start", "tend/w")
		w.end(nil)
		tr.want("tend/w stopping 3", "tend/w stopped 3", "tend/w starting 4", "tend/w running 4",
			"tend/w backoff 4", "tend/w starting 5", "tend/w running 5")
		if got := tr.child("tend/w").Restarts; got != 2 {
			t.Errorf("Restarts: got %d, want 2", got)
		}
	})
}

func TestOTP67HangingRestartLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := single(returns(errBoom), hours)
		g.Children[0].WaitReady = true
		tr := serve(t, g)
		tr.want("tend starting 1", "tend/w starting 1", "tend/w backoff 1: boom")
		takes(t, "Start in backoff", 0, errBoom, func() error { return tr.Start(t.Context(), "tend/w") })
		tr.want()
		tr.calls("Restart", "tend/w")
		tr.want("tend/w starting 2", "tend/w backoff 2: boom")
		tr.calls("Stop", "tend/w")
		tr.want("tend/w stopped 2", "tend running 1")
		takes(t, "Start", 0, errBoom, func() error { return tr.Start(t.Context(), "tend/w") })
		tr.want("tend/w starting 3", "tend/w backoff 3: boom")
		tr.calls("Stop", "tend/w")
		tr.ends(0, nil)
	})
}

func TestOTP67HotLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		tr := serve(t, single(supervise.Func(func(context.Context) error {
			<-gate
			return errBoom
		}), noBackoff))
		close(gate) // from now on it fails without a pause, and so time stands still
		for range 20 {
			if err := tr.Restart(t.Context(), "tend/w"); err != nil && !errors.Is(err, errBoom) {
				t.Errorf("Restart: %v", err)
			}
		}
		if err := tr.Stop(t.Context(), "tend/w"); err != nil && !errors.Is(err, errBoom) {
			t.Errorf("Stop: %v", err)
		}
		tr.forget()
		if got, want := tr.states(), "w=stopped"; got != want {
			t.Errorf("states: got %q, want %q", got, want)
		}
	})
}

func TestOTP69StalePendingRestart(t *testing.T) {
	tenSeconds := supervise.Policy{MinBackoff: 10 * time.Second}
	t.Run("of a stopped child", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			tr := serve(t, single(returns(errBoom), tenSeconds))
			time.Sleep(5 * time.Second)
			tr.calls("Stop", "tend/w")
			tr.forget()
			time.Sleep(time.Hour)
			tr.want()
		})
	})
	for _, verb := range []string{"Start", "Restart"} {
		t.Run("of a child stopped and started again by "+verb, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newScript()
				tr := serve(t, single(w, tenSeconds))
				w.end(errBoom)
				time.Sleep(5 * time.Second)
				tr.calls("Stop", "tend/w")
				time.Sleep(time.Second)
				tr.forget()
				tr.calls(verb, "tend/w")
				tr.want("tend/w starting 2", "tend/w running 2")
				time.Sleep(time.Hour)
				tr.want()
				w.end(errBoom)
				time.Sleep(15 * time.Second)
				tr.want("tend/w backoff 2: boom", "tend/w starting 3", "tend/w running 3")
			})
		})
	}
}

func TestOTP70PathsIntoNestedGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &supervise.Group{Name: "not its name", Children: []supervise.Child{
			{Name: "v", Service: supervise.Func(idle)}, {Name: "w", Service: supervise.Func(idle)},
		}}
		g := &supervise.Group{Children: []supervise.Child{{Name: "h", Service: h}, {Name: "w", Service: supervise.Func(idle)}}}
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "g", Service: g}, {Name: "w", Service: supervise.Func(idle)}}})
		tr.forget()
		tr.calls("Stop", "tend/g/h/w")
		tr.want("tend/g/h/w stopping 1", "tend/g/h/w stopped 1")
		tr.calls("Start", "tend/g/h/w")
		tr.want("tend/g/h/w starting 2", "tend/g/h/w running 2")
		tr.calls("Restart", "tend/g/w")
		tr.want("tend/g/w stopping 1: told to restart", "tend/g/w starting 2", "tend/g/w running 2")
		tr.calls("Stop", "tend/g/h")
		tr.want("tend/g/h stopping 1", "tend/g/h/w stopping 2", "tend/g/h/w stopped 2",
			"tend/g/h/v stopping 1", "tend/g/h/v stopped 1", "tend/g/h stopped 1")
		tr.calls("Start", "tend/g/h")
		tr.want("tend/g/h starting 2", "tend/g/h/v starting 2", "tend/g/h/v running 2",
			"tend/g/h/w starting 3", "tend/g/h/w running 3", "tend/g/h running 2")
	})
}

func TestOTP70StoppedStaysStoppedThroughRestartsOfItsGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "g", Service: &supervise.Group{Children: []supervise.Child{
				{Name: "a", Service: supervise.Func(idle)}, {Name: "b", Service: supervise.Func(idle)},
			}}},
		}})
		tr.calls("Stop", "tend/g/a")
		tr.forget()
		tr.calls("Restart", "tend/g")
		tr.want("tend/g stopping 1: told to restart", "tend/g/b stopping 1", "tend/g/b stopped 1",
			"tend/g starting 2", "tend/g/a stopped 1", "tend/g/b starting 2", "tend/g/b running 2", "tend/g running 2")
		tr.calls("Start", "tend/g/a")
		tr.want("tend/g/a starting 2", "tend/g/a running 2")
		tr.calls("Restart", "tend/g")
		if got, want := tr.states(), "g=running a=running b=running"; got != want {
			t.Errorf("states: got %q, want %q", got, want)
		}
	})
}

func TestOTP71TheCallersContextBoundsEveryCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := single(rising(time.Minute, time.Minute), supervise.Policy{StartTimeout: -1, StopTimeout: -1})
		g.Children[0].WaitReady = true
		tr := serve(t, g)
		for _, verb := range []string{"Start", "Restart", "Start", "Stop", "Start", "Stop"} {
			takes(t, verb, time.Second, context.DeadlineExceeded, func() error {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				return verbs(g)[verb](ctx, "tend/w")
			})
		}
		tr.want("tend starting 1", "tend/w starting 1", "tend/w stopping 1: told to restart")
		time.Sleep(time.Minute)
		tr.want("tend/w stopped 1", "tend running 1") // the last word was Stop
	})
}
