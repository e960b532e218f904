package supervise_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tend.example/tend/supervise"
)

// Cases 92, 93, 95, 97 and 98 once more, to the event and to the nanosecond.

func TestOTP92ObserverThatBlocksCostsServeASecondAtMost(t *testing.T) {
	for _, c := range []struct{ blocked, took time.Duration }{
		{0, time.Second}, {400 * time.Millisecond, 600 * time.Millisecond}, {time.Hour, 0},
	} {
		t.Run(c.blocked.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				t.Cleanup(func() { close(release) })
				g := single(supervise.Func(idle), supervise.Policy{})
				g.OnEvent = func(supervise.Event) { <-release }
				tr := serve(t, g)
				time.Sleep(c.blocked)
				tr.calls("Restart", "tend/w")
				tr.ends(c.took, nil)
			})
		})
	}
}

func TestOTP92ObserverThatGoexitsHearsNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := single(supervise.Func(idle), supervise.Policy{})
		g.OnEvent = func(supervise.Event) { runtime.Goexit() }
		tr := serve(t, g)
		tr.calls("Restart", "tend/w")
		tr.ends(0, nil)
		tr.want("tend starting 1")
	})
}

func TestOTP92ObserverThatPanicsHearsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := single(supervise.Func(idle), supervise.Policy{})
		g.OnEvent = func(supervise.Event) { panic("no") }
		tr := serve(t, g)
		tr.ends(0, nil)
		tr.want("tend starting 1", "tend/w starting 1", "tend/w running 1", "tend running 1",
			"tend stopping 1", "tend/w stopping 1", "tend/w stopped 1", "tend stopped 1")
	})
}

func TestOTP93TenThousandEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		want := []string{"tend starting 1", "tend/w starting 1", "tend/w running 1", "tend running 1"}
		for run := range 3332 {
			want = append(want, fmt.Sprintf("tend/w stopping %d: told to restart", run+1),
				fmt.Sprintf("tend/w starting %d", run+2), fmt.Sprintf("tend/w running %d", run+2))
		}
		gate := make(chan struct{})
		g := single(supervise.Func(idle), supervise.Policy{})
		g.OnEvent = func(supervise.Event) { <-gate }
		tr := serve(t, g)
		for range 3332 {
			tr.calls("Restart", "tend/w")
			synctest.Wait()
		}
		close(gate)
		const dropped = 10_000 - 1 - 4096 // the first is with the observer, the last 4,096 wait for it
		want = append(want[:1], want[1+dropped:]...)
		want[1] += fmt.Sprintf(" (%d events dropped before this)", dropped)
		tr.want(want...)
	})
}

func TestOTP95DelaysOfACrashLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events []supervise.Event
		g := single(returns(errBoom), supervise.Policy{})
		g.OnEvent = func(e supervise.Event) { events = append(events, e) }
		tr := serve(t, g)
		time.Sleep(24 * time.Hour)
		tr.ends(0, nil)
		n := 0
		for i, e := range events {
			if e.State != supervise.Backoff {
				continue
			}
			least := min(30*time.Second, 100*time.Millisecond<<min(n, 20))
			if e.Delay < least || e.Delay > least*3/2 {
				t.Errorf("delay %d: got %v, want %v and up to half of it", n, e.Delay, least)
			}
			if next := events[i+1]; next.State == supervise.Starting && next.Time.Sub(e.Time) != e.Delay {
				t.Errorf("run after delay %d: after %v, want %v", n, next.Time.Sub(e.Time), e.Delay)
			}
			n++
		}
		if n < 1927 || n > 2888 { // by the formula, with all of the random part and with none
			t.Errorf("runs in a day: got %d, want 1,927 to 2,888", n)
		}
	})
}

// follows is the diagram of states: what may come after each. A group that is served again begins
// with children that are at rest.
var follows = map[supervise.State][]supervise.State{
	supervise.Idle:     {supervise.Starting, supervise.Stopped},
	supervise.Starting: {supervise.Running, supervise.Backoff, supervise.Done, supervise.Failed, supervise.Stopping, supervise.Stopped},
	supervise.Running:  {supervise.Backoff, supervise.Done, supervise.Failed, supervise.Stopping, supervise.Stopped},
	supervise.Backoff:  {supervise.Starting, supervise.Stopped},
	supervise.Stopping: {supervise.Stopped, supervise.Starting, supervise.Backoff, supervise.Done, supervise.Failed},
	supervise.Stopped:  {supervise.Starting, supervise.Stopped},
	supervise.Done:     {supervise.Starting, supervise.Stopped},
	supervise.Failed:   {supervise.Starting, supervise.Stopped},
}

// wantDiagram checks every event of every path against follows, and that runs begin one by one.
func wantDiagram(t *testing.T, events []supervise.Event) {
	t.Helper()
	last := map[string]supervise.Event{}
	for _, e := range events {
		before := last[e.Path]
		if !slices.Contains(follows[before.State], e.State) {
			t.Errorf("%s: %s after %s in run %d", e.Path, e.State, before.State, before.Run)
		}
		if run := before.Run + btoi(e.State == supervise.Starting); e.Run != run {
			t.Errorf("%s: %s in run %d, want %d", e.Path, e.State, e.Run, run)
		}
		if e.Dropped != 0 || e.Time.Before(before.Time) {
			t.Errorf("%s: %d dropped, at %v after %v", e.Path, e.Dropped, e.Time, before.Time)
		}
		last[e.Path] = e
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// chaotic ends as it likes, when it likes, and says when two of its runs overlap.
func chaotic(t *testing.T) supervise.Func {
	var running atomic.Int32
	return func(ctx context.Context) error {
		if running.Add(1) != 1 {
			t.Error("two runs at once")
		}
		defer running.Add(-1)
		supervise.Ready(ctx)
		select {
		case <-ctx.Done():
			time.Sleep(rand.N(20 * time.Millisecond))
			return ctx.Err()
		case <-time.After(rand.N(200 * time.Millisecond)):
			return []error{nil, errBoom, errBoom}[rand.IntN(3)]
		}
	}
}

// wantConsistent compares one status with an earlier one.
func wantConsistent(t *testing.T, before, now supervise.Status, at time.Time) {
	t.Helper()
	runs := now.State == supervise.Starting || now.State == supervise.Running || now.State == supervise.Stopping
	switch {
	case (now.State == supervise.Backoff) != !now.Next.IsZero(),
		runs && now.Run == 0,
		now.Restarts > max(0, now.Run-1),
		now.Run < before.Run, now.Restarts < before.Restarts,
		now.Since.After(at), now.Since.Before(before.Since) && now.State != supervise.Idle:
		t.Errorf("inconsistent:\n%+v\nafter\n%+v", now, before)
	}
	for i := range min(len(before.Children), len(now.Children)) {
		wantConsistent(t, before.Children[i], now.Children[i], at)
	}
}

func TestOTP97StatusAndEventsOfATreeInChaos(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		quick := supervise.Policy{MinBackoff: time.Millisecond, MaxBackoff: 50 * time.Millisecond}
		givesUp := supervise.Policy{MinBackoff: time.Millisecond, MaxRestarts: 3, Window: time.Second}
		var events []supervise.Event
		g := &supervise.Group{Name: "tend", OnEvent: func(e supervise.Event) { events = append(events, e) }, Children: []supervise.Child{
			{Name: "a", Service: chaotic(t), Policy: quick, WaitReady: true},
			{Name: "g", Policy: quick, Service: &supervise.Group{Children: []supervise.Child{
				{Name: "b", Service: chaotic(t), Policy: givesUp}, {Name: "c", Service: chaotic(t), Policy: quick, WaitReady: true},
			}}},
		}}
		tr := serve(t, g)
		ctx, cancel := context.WithCancel(t.Context())
		var busy sync.WaitGroup
		for range 3 {
			busy.Go(func() { operate(ctx, tr.Group) })
		}
		before := tr.Status()
		for range 5000 {
			time.Sleep(rand.N(time.Millisecond))
			now := tr.Status()
			wantConsistent(t, before, now, time.Now())
			before = now
		}
		cancel()
		busy.Wait()
		if err := tr.stop(); err != nil && supervise.ExitCode(err) != 70 { // one may fail while it is stopped
			t.Errorf("Serve: %v", err)
		}
		wantDiagram(t, events)
	})
}

// operate makes random calls.
func operate(ctx context.Context, g *supervise.Group) {
	paths := []string{"tend/a", "tend/g", "tend/g/b", "tend/g/c"}
	calls := []func(context.Context, string) error{g.Start, g.Start, g.Stop, g.Restart}
	for ctx.Err() == nil {
		time.Sleep(rand.N(10 * time.Millisecond))
		bounded, cancel := context.WithTimeout(ctx, rand.N(30*time.Millisecond))
		_ = calls[rand.IntN(len(calls))](bounded, paths[rand.IntN(len(paths))])
		cancel()
	}
}

func TestOTP98AServiceSteersInItsOwnStopping(t *testing.T) {
	for _, end := range []string{"fatal", "shutdown", "Stop", "Restart"} {
		t.Run(end, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fatal := newScript()
				g := &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "b", Service: fatal}}}
				steers := supervise.Func(func(ctx context.Context) error {
					<-ctx.Done()
					g.Status()
					for _, path := range []string{"tend/g/w", "tend/g", "tend/b"} {
						_ = g.Stop(ctx, path) // by the ctx of the run, as its comment says
						_ = g.Start(ctx, path)
					}
					return ctx.Err()
				})
				g.Children = append(g.Children, supervise.Child{Name: "g", Service: single(steers, supervise.Policy{})})
				tr := serve(t, g)
				takes(t, end, 0, map[string]error{"fatal": errBoom}[end], func() error {
					switch end {
					case "fatal":
						fatal.end(supervise.Fatal(errBoom))
						return tr.wait()
					case "shutdown":
						return tr.stop()
					default:
						return verbs(g)[end](t.Context(), "tend/g/w")
					}
				})
				if end != "fatal" {
					tr.ends(0, nil)
				}
				if diff := cmp.Diff(supervise.Stopped, tr.child("tend/g").State); diff != "" {
					t.Errorf("state of tend/g (-want +got):\n%s", diff)
				}
			})
		})
	}
}
