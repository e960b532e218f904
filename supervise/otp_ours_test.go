package supervise_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/thejerf/suture/v4"

	"tend.example/tend/supervise"
)

func TestOTP90RunIsNotOverBeforeItsGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var alive atomic.Int32
		w := supervise.Func(func(ctx context.Context) error {
			if n := alive.Load(); n != 0 {
				t.Errorf("%d goroutines of the old run live beside the new", n)
			}
			alive.Add(1)
			supervise.Go(ctx, func(ctx context.Context) error {
				defer alive.Add(-1)
				<-ctx.Done()
				time.Sleep(3 * time.Second)
				return nil
			})
			return errBoom
		})
		tr := serve(t, single(w, supervise.Policy{MinBackoff: time.Second}))
		tr.want("tend starting 1", "tend/w starting 1", "tend/w running 1", "tend running 1", "tend/w stopping 1: boom")
		time.Sleep(3 * time.Second)
		tr.want("tend/w backoff 1: boom")
		time.Sleep(1500 * time.Millisecond)
		tr.want("tend/w starting 2", "tend/w running 2", "tend/w stopping 2: boom")
	})
}

func TestOTP90ForgottenGoroutineIsStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		w := supervise.Func(func(ctx context.Context) error {
			supervise.Go(ctx, func(context.Context) error {
				<-release
				return nil
			})
			return nil
		})
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "w", Service: w}}})
		took, err := timed(tr.wait)
		if took != 10*time.Second+50*time.Millisecond || !errors.Is(err, supervise.ErrStuck) {
			t.Errorf("Serve: %v after %s, want ErrStuck after the StopTimeout", err, took)
		}
	})
}

func TestOTP91PanicInAGoroutine(t *testing.T) {
	for name, end := range map[string]struct {
		f    func()
		want string
	}{
		"panic":  {func() { panic(errBoom) }, "panic: boom"},
		"goexit": {runtime.Goexit, "called runtime.Goexit"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var cause error
				go1 := make(chan struct{})
				w := supervise.Func(func(ctx context.Context) error {
					supervise.Go(ctx, func(context.Context) error {
						<-go1
						end.f()
						return nil
					})
					supervise.Go(ctx, idle)
					<-ctx.Done()
					cause = context.Cause(ctx)
					return ctx.Err()
				})
				tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "w", Service: w, Policy: supervise.Policy{MinBackoff: time.Hour, MaxBackoff: time.Hour}}}})
				tr.forget()
				close(go1)
				tr.want("tend/w stopping 1: "+end.want, "tend/w backoff 1: "+end.want)
				if cause == nil || cause.Error() != end.want {
					t.Errorf("cause of the run's ctx: %v, want %s", cause, end.want)
				}
			})
		})
	}
}

func TestOTP92ObserverHarmsNobody(t *testing.T) {
	for name, observe := range map[string]func(*supervise.Group, context.Context, supervise.Event){
		"blocks": func(*supervise.Group, context.Context, supervise.Event) { time.Sleep(100 * time.Millisecond) },
		"panics": func(*supervise.Group, context.Context, supervise.Event) { panic("observer") },
		"exits":  func(*supervise.Group, context.Context, supervise.Event) { runtime.Goexit() },
		"steers": func(g *supervise.Group, ctx context.Context, e supervise.Event) {
			g.Status()
			if e.Path == "tend/w" && e.State == supervise.Running && e.Run == 1 {
				_ = g.Stop(ctx, "tend/w")
				_ = g.Start(ctx, "tend/w")
				_ = g.Restart(ctx, "tend/w")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newScript()
				g := &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "w", Service: w, Policy: noBackoff}}}
				g.OnEvent = func(e supervise.Event) { observe(g, t.Context(), e) }
				tr := serve(t, g)
				for range 50 {
					w.end(errBoom)
				}
				time.Sleep(time.Minute)
				if got := tr.child("tend/w"); got.State != supervise.Running || got.Restarts < 50 {
					t.Errorf("%s after %d restarts, want running after 50", got.State, got.Restarts)
				}
				if err := tr.stop(); err != nil {
					t.Errorf("Serve: %v", err)
				}
			})
		})
	}
}

func TestOTP92ObserverThatBlocksForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		tr := serve(t, &supervise.Group{
			Name: "tend", Children: []supervise.Child{{Name: "w", Service: supervise.Func(idle)}},
			OnEvent: func(supervise.Event) { <-release },
		})
		took, err := timed(tr.stop)
		if took > time.Second || err != nil {
			t.Errorf("Serve: %v after %s, want at most a second", err, took)
		}
	})
}

func TestOTP93DroppedEventsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		var got []supervise.Event
		w := newScript()
		tr := serve(t, &supervise.Group{
			Name: "tend", Children: []supervise.Child{{Name: "w", Service: w, Policy: noBackoff}},
			OnEvent: func(e supervise.Event) {
				<-gate
				got = append(got, e)
			},
		})
		for range 100 {
			for range 50 {
				w.end(errBoom)
			}
			synctest.Wait()
		}
		close(gate)
		if err := tr.stop(); err != nil {
			t.Fatal(err)
		}
		dropped, last := 0, 0
		for _, e := range got {
			dropped += e.Dropped
			if e.Path != "tend/w" {
				continue
			}
			if e.Run < last {
				t.Fatalf("run %d after run %d", e.Run, last)
			}
			last = e.Run
		}
		// 5,000 failures of three states, the first and last run's, and the root's own.
		if sent := 5000*3 + 4 + 4; len(got)+dropped != sent || dropped == 0 {
			t.Errorf("%d delivered and %d dropped, want %d together", len(got), dropped, sent)
		}
	})
}

func TestOTP94GroupsAndSutureTreesInEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newScript()
		inner := &supervise.Group{Name: "g", Children: []supervise.Child{{Name: "w", Service: w, Policy: noBackoff}}}
		foreign := supervise.Func(func(ctx context.Context) error {
			middle := suture.NewSimple("middle")
			bottom := suture.NewSimple("bottom")
			bottom.Add(inner)
			middle.Add(bottom)
			return middle.Serve(ctx)
		})
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "one", Service: &supervise.Group{Children: []supervise.Child{{Name: "foreign", Service: foreign, WaitReady: true}}}},
		}})
		tr.want("tend starting 1", "tend/one starting 1", "tend/one/foreign starting 1",
			"tend/one/foreign/g starting 1", "tend/one/foreign/g/w starting 1", "tend/one/foreign/g/w running 1", "tend/one/foreign/g running 1",
			"tend/one/foreign running 1", "tend/one running 1", "tend running 1")
		if got, want := tr.states(), "one=running foreign=running g=running w=running"; got != want {
			t.Errorf("states: %s, want %s", got, want)
		}
		if err := tr.Restart(t.Context(), "tend/one/foreign/g/w"); err != nil {
			t.Errorf("Restart through suture: %v", err)
		}
		tr.want("tend/one/foreign/g/w stopping 1: told to restart", "tend/one/foreign/g/w starting 2", "tend/one/foreign/g/w running 2")
		w.end(supervise.Fatal(errBoom))
		if err := tr.wait(); !errors.Is(err, errBoom) || supervise.ExitCode(err) != 1 {
			t.Errorf("Serve: %v, want the fatal error from below suture", err)
		}
	})
}

func TestOTP94GroupBelowThreeSutures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &supervise.Group{Name: "g", Children: []supervise.Child{{Name: "w", Service: slow(time.Second)}}}
		top := suture.New("top", suture.Spec{})
		middle, bottom := suture.New("middle", suture.Spec{}), suture.New("bottom", suture.Spec{})
		top.Add(middle)
		middle.Add(bottom)
		bottom.Add(g)
		ctx, cancel := context.WithCancel(t.Context())
		ended := top.ServeBackground(ctx)
		synctest.Wait()
		if got := g.Status().State; got != supervise.Running {
			t.Errorf("state %s, want running", got)
		}
		took, _ := timed(func() error { cancel(); return <-ended })
		if took != time.Second {
			t.Errorf("took %s, want the second of the leaf", took)
		}
	})
}

func TestOTP94SutureSupervisorIsServedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		theirs := suture.New("theirs", suture.Spec{EventHook: func(suture.Event) {}})
		theirs.Add(suture.Service(supervise.Func(idle)))
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "theirs", Service: theirs}, {Name: "x", Service: supervise.Func(idle)},
		}})
		tr.forget()
		if err := tr.Restart(t.Context(), "tend/theirs"); err != nil {
			t.Fatal(err)
		}
		why := ": a suture.Supervisor cannot be served again: use a Func that makes a new one for each run"
		tr.want("tend/theirs stopping 1: told to restart", "tend/theirs starting 2", "tend/theirs running 2", "tend/theirs failed 2"+why)
	})
}

func TestOTP95VirtualDayOfACrashLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "w", Service: returns(errBoom)}}})
		time.Sleep(24 * time.Hour)
		// 100ms doubles eight times up to 25.6s, then 30s each; the random part makes it up to half longer.
		runs := tr.child("tend/w").Run
		if least, most := 86400/45, 86400/30+10; runs < least || runs > most {
			t.Errorf("%d runs, want %d to %d", runs, least, most)
		}
	})
}

// uncomparable panics when it is compared, and when it is asked.
type uncomparable struct{ parts []any }

func (uncomparable) Error() string   { return "uncomparable" }
func (uncomparable) Is(error) bool   { panic("asked") }
func (uncomparable) Unwrap() []error { panic("asked") }

type holder struct{ inner any }

func (holder) Error() string { return "holder" }

func TestOTP96UncomparableErrors(t *testing.T) {
	for _, err := range []error{uncomparable{[]any{1}}, holder{[]int{1}}, fmt.Errorf("wrapped: %w", holder{[]int{1}})} {
		synctest.Test(t, func(t *testing.T) {
			w := newScript()
			tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
				{Name: "w", Service: w, Policy: noBackoff},
				{Name: "x", Service: supervise.Func(func(ctx context.Context) error {
					<-ctx.Done()
					return err
				})},
				{Name: "y", Policy: noBackoff, Service: supervise.Func(func(ctx context.Context) error {
					supervise.Go(ctx, func(ctx context.Context) error {
						select {
						case <-time.After(time.Hour):
							return err
						case <-ctx.Done():
							return nil
						}
					})
					<-ctx.Done()
					return err
				})},
			}})
			w.end(err)
			time.Sleep(time.Hour)
			if got := tr.child("tend/w"); got.State != supervise.Running || got.Run != 2 {
				t.Errorf("%T: %s in run %d, want running in 2", err, got.State, got.Run)
			}
			if got := tr.child("tend/y"); got.State != supervise.Running || got.Run != 2 {
				t.Errorf("%T: %s in run %d, want running in 2", err, got.State, got.Run)
			}
			if got := tr.stop(); got == nil || !strings.Contains(got.Error(), err.Error()) {
				t.Errorf("Serve: %v, want a StopError with %v", got, err)
			}
		})
	}
}

func TestOTP97StatusIsConsistent(t *testing.T) {
	var running atomic.Int32
	w := supervise.Func(func(ctx context.Context) error {
		if running.Add(1) != 1 {
			t.Error("two runs at once")
		}
		defer running.Add(-1)
		if rand.IntN(2) == 0 {
			return errBoom
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Duration(rand.IntN(100)) * time.Microsecond):
			panic(errBoom)
		}
	})
	var mu sync.Mutex
	var last supervise.Event
	g := &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "w", Service: w, Policy: noBackoff}}}
	g.OnEvent = func(e supervise.Event) {
		mu.Lock()
		defer mu.Unlock()
		if e.Path == "tend/w" {
			if e.State == supervise.Running && e.Dropped == 0 && (last.State != supervise.Starting || last.Run != e.Run) {
				t.Errorf("running in run %d after %s in %d", e.Run, last.State, last.Run)
			}
			last = e
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- g.Serve(ctx) }()
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			for range 300 {
				_ = g.Restart(ctx, "tend/w")
				_ = g.Stop(ctx, "tend/w")
				s := g.Status()
				if c := s.Children[0]; c.State == supervise.Running && c.Run == 0 || c.Restarts > c.Run {
					t.Errorf("inconsistent: %+v", c)
				}
				_ = g.Start(ctx, "tend/w")
			}
		})
	}
	callers.Wait()
	cancel()
	if err := <-ended; err != nil && !errors.Is(err, errBoom) {
		t.Errorf("Serve: %v", err)
	}
}

func TestOTP98FatalWhileAChildSteersFromItsOwnStopping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &supervise.Group{Name: "tend"}
		w := newScript()
		g.Children = []supervise.Child{
			{Name: "steers", Service: supervise.Func(func(ctx context.Context) error {
				<-ctx.Done()
				g.Status()
				if err := g.Stop(context.Background(), "tend/steers"); !errors.Is(err, supervise.ErrNotServing) {
					t.Errorf("Stop: %v, want ErrNotServing", err)
				}
				return nil
			})},
			{Name: "w", Service: w},
		}
		tr := serve(t, g)
		w.end(supervise.Fatal(errBoom))
		took, err := timed(tr.wait)
		if took != 0 || err == nil || err.Error() != "tend/w: boom" {
			t.Errorf("Serve: %v after %s", err, took)
		}
	})
}

// timed is how long f takes, in the bubble's time.
func timed(f func() error) (time.Duration, error) {
	begun := time.Now()
	err := f()
	return time.Since(begun), err
}
