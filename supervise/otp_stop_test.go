package supervise_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tend.example/tend/supervise"
	"tend.example/tend/supervise/supervisetest"
)

// The cases of OTP's suite that are about stopping. 48 is about pools.

// within is a policy with a StopTimeout.
func within(d time.Duration) supervise.Policy { return supervise.Policy{StopTimeout: d} }

// wantUnclean compares the children of a StopError, as text, in any order.
func wantUnclean(t *testing.T, err error, want ...string) {
	t.Helper()
	var stop *supervise.StopError
	if !errors.As(err, &stop) {
		t.Errorf("Serve: got %v, want a StopError", err)
		return
	}
	var got []string
	for i := range stop.Children {
		got = append(got, stop.Children[i].Error())
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("children of the StopError (-want +got):\n%s", diff)
	}
	if got := supervise.ExitCode(err); got != 70 {
		t.Errorf("ExitCode: got %d, want 70", got)
	}
}

func TestOTP46StopInfinity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "w", Service: slow(24 * time.Hour), Policy: within(-1)},
		}})
		tr.forget()
		tr.ends(24*time.Hour, nil)
		tr.want("tend stopping 1", "tend/w stopping 1", "tend/w stopped 1", "tend stopped 1")
	})
}

func TestOTP47StopTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "a", Service: supervise.Func(idle)},
			{Name: "w", Service: deaf(t), Policy: within(3 * time.Second)},
		}})
		tr.forget()
		tr.ends(3050*time.Millisecond, supervise.ErrStuck)
		wantUnclean(t, tr.err, "tend/w: did not return when told to stop")
		wantStacks(t, tr.err, ".deaf.", ".idle")
		tr.want("tend stopping 1", "tend/w stopping 1", "tend/w stuck 1: did not return when told to stop",
			"tend/a stopping 1", "tend/a stopped 1",
			"tend stopped 1: did not stop cleanly: tend/w: did not return when told to stop")
	})
}

// wantStacks looks for a function in the stacks of a StuckError, and for one that must not be there.
func wantStacks(t *testing.T, err error, present, absent string) {
	t.Helper()
	var stuck *supervise.StuckError
	if !errors.As(err, &stuck) {
		t.Errorf("got %v, want a StuckError", err)
		return
	}
	stacks := string(stuck.Stacks)
	if !strings.Contains(stacks, present) || strings.Contains(stacks, absent) {
		t.Errorf("stacks: want some with %q and none with %q; got:\n%s", present, absent, stacks)
	}
}

func TestOTP47StopTimeoutBarelyKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "w", Service: slow(3 * time.Second), Policy: within(3 * time.Second)},
		}})
		tr.ends(3*time.Second, nil)
	})
}

func TestOTP47StuckOutsideOfAShutdownIsFatal(t *testing.T) {
	for verb, text := range map[string]string{"Stop": "", "Restart": ": told to restart"} {
		t.Run(verb, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
					{Name: "a", Service: supervise.Func(idle)},
					{Name: "w", Service: deaf(t), Policy: within(time.Second)},
				}})
				tr.forget()
				takes(t, verb, 1050*time.Millisecond, supervise.ErrStuck, func() error {
					return verbs(tr.Group)[verb](t.Context(), "tend/w")
				})
				takes(t, "Serve", 0, supervise.ErrStuck, tr.wait)
				tr.want("tend/w stopping 1"+text, "tend/w stuck 1: did not return when told to stop",
					"tend stopping 1", "tend/a stopping 1", "tend/a stopped 1",
					"tend failed 1: tend/w: did not return when told to stop")
				if got := supervise.ExitCode(tr.err); got != 70 {
					t.Errorf("ExitCode: got %d, want 70", got)
				}
			})
		})
	}
}

func TestOTP47ServeRefusesWhileAStuckRunIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		w := supervise.Func(func(ctx context.Context) error {
			<-release
			return idle(ctx)
		})
		g := &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "g", Service: single(w, within(time.Second))},
		}}
		first := serve(t, g)
		first.ends(1050*time.Millisecond, supervise.ErrStuck)
		first.forget()
		err := g.Serve(t.Context())
		if !errors.Is(err, supervise.ErrStuck) || !strings.Contains(err.Error(), "tend/g/w") {
			t.Errorf("Serve: got %v, want an ErrStuck that names tend/g/w", err)
		}
		first.want()
		close(release)
		synctest.Wait()
		second := serve(t, g)
		second.want("tend starting 2", "tend/g starting 2", "tend/g/w starting 2", "tend/g/w running 2",
			"tend/g running 2", "tend running 2")
	})
}

func TestOTP49StopRace(t *testing.T) {
	onFailure := supervise.Policy{Restart: supervise.OnFailure, MinBackoff: -1}
	for _, c := range []struct {
		name   string
		policy supervise.Policy
		err    error
		event  string
		result string
	}{
		{"error", noBackoff, errBoom, "tend/w failed 1: boom", "did not stop cleanly: tend/w: boom"},
		{"nil", noBackoff, nil, "tend/w stopped 1", ""},
		{"nil, on failure", onFailure, nil, "tend/w done 1", ""},
		{"done", noBackoff, supervise.ErrDone, "tend/w done 1", ""},
		{"fatal", noBackoff, supervise.Fatal(errBoom), "tend/w failed 1: boom", "tend/w: boom"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testStopRace(t, c.policy, c.err, c.event, c.result) })
		})
	}
}

func testStopRace(t *testing.T, p supervise.Policy, err error, event, result string) {
	w := newScript()
	tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
		{Name: "a", Service: supervise.Func(idle)},
		{Name: "w", Service: w, Policy: p},
		{Name: "z", Service: slow(2 * time.Second)},
	}})
	tr.forget()
	tr.cancel()
	time.Sleep(time.Second)
	w.end(err)
	_ = tr.wait()
	last := "tend stopped 1"
	switch {
	case errors.Is(err, errBoom) && result == "tend/w: boom":
		last = "tend failed 1: " + result
	case result != "":
		last += ": " + result
	}
	tr.want("tend stopping 1", "tend/z stopping 1", event, "tend/z stopped 1",
		"tend/a stopping 1", "tend/a stopped 1", last)
	if got := fmt.Sprint(tr.err); got != result && (result != "" || tr.err != nil) {
		t.Errorf("Serve: got %q, want %q", got, result)
	}
}

func TestOTP49FailureToStopIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "clean", Service: ending(func(ctx context.Context) error { return fmt.Errorf("ended: %w", context.Cause(ctx)) })},
			{Name: "error", Service: ending(func(context.Context) error { return errBoom })},
			{Name: "joined", Service: ending(func(ctx context.Context) error { return errors.Join(ctx.Err(), errBoom) })},
			{Name: "panic", Service: ending(func(context.Context) error { panic("no") })},
		}})
		tr.forget()
		tr.ends(0, errBoom)
		wantUnclean(t, tr.err, "tend/error: boom", "tend/joined: context canceled\nboom", "tend/panic: panic: no")
		tr.want("tend stopping 1", "tend/panic stopping 1", "tend/panic stopped 1: panic: no",
			"tend/joined stopping 1", "tend/joined stopped 1: context canceled\nboom",
			"tend/error stopping 1", "tend/error stopped 1: boom", "tend/clean stopping 1", "tend/clean stopped 1",
			"tend stopped 1: did not stop cleanly: tend/panic: panic: no; tend/joined: context canceled\nboom; tend/error: boom")
	})
}

func TestOTP49FailureOfAGroupThatIsToldToStopIsReportedWhateverItsChildSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dials := supervise.Func(func(context.Context) error {
			time.Sleep(time.Second)
			return context.Canceled // of a context of its own
		})
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "g", Service: &supervise.Group{Children: []supervise.Child{
				{Name: "a", Service: slow(2 * time.Second)},
				{Name: "w", Service: dials, WaitReady: true, Policy: supervise.Policy{FailStart: true}},
			}}},
		}})
		time.Sleep(2 * time.Second) // g is stopping, by itself
		tr.forget()
		tr.ends(time.Second, context.Canceled)
		wantUnclean(t, tr.err, "tend/g/w: context canceled")
		tr.want("tend stopping 1", "tend/g stopping 1", "tend/g/a stopped 1", "tend/g stopped 1: tend/g/w: context canceled",
			"tend stopped 1: did not stop cleanly: tend/g/w: context canceled")
	})
}

// ending runs until it is told to stop, and then ends with f.
func ending(f func(ctx context.Context) error) supervise.Func {
	return func(ctx context.Context) error {
		<-ctx.Done()
		return f(ctx)
	}
}

// rising is ready after some time, and takes some time to stop.
func rising(ready, stop time.Duration) supervise.Func {
	return func(ctx context.Context) error {
		select {
		case <-time.After(ready):
			supervise.Ready(ctx)
			<-ctx.Done()
		case <-ctx.Done():
		}
		time.Sleep(stop)
		return ctx.Err()
	}
}

func TestOTP50OrderStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "a", Service: rising(5*time.Second, 0), WaitReady: true},
			{Name: "b", Service: rising(time.Second, 0), WaitReady: true},
			{Name: "c", Service: supervise.Func(idle)},
		}})
		tr.want("tend starting 1", "tend/a starting 1")
		time.Sleep(5*time.Second - 1)
		tr.want()
		time.Sleep(time.Nanosecond)
		tr.want("tend/a running 1", "tend/b starting 1")
		time.Sleep(time.Second)
		tr.want("tend/b running 1", "tend/c starting 1", "tend/c running 1", "tend running 1")
	})
}

// plant grows a random tree, up to three levels deep.
func plant(r *rand.Rand, levels int) *supervise.Group {
	g := &supervise.Group{}
	for i := range 1 + r.IntN(4) {
		c := supervise.Child{Name: fmt.Sprintf("%c%d", 'a'+levels, i), WaitReady: true}
		switch kind := r.IntN(3); {
		case kind == 0 && levels > 1:
			c.Service = plant(r, levels-1)
		case kind == 1:
			c.Service = rising(time.Duration(r.IntN(3))*time.Second, time.Duration(r.IntN(3))*time.Second)
		default:
			c.Service = slow(time.Duration(r.IntN(3)) * time.Second)
			c.WaitReady = false
		}
		g.Children = append(g.Children, c)
	}
	return g
}

// stops is the events of stopping what has been started of g, by the promise: in reverse.
func stops(st supervise.Status) []string {
	lines := []string{st.Path + " stopping 1"}
	for _, c := range slices.Backward(st.Children) {
		if c.State != supervise.Idle {
			lines = append(lines, stops(c)...)
		}
	}
	return append(lines, st.Path+" stopped 1")
}

func TestOTP51OrderStop(t *testing.T) {
	for seed := range uint64(1000) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 51))
			g := plant(r, 3)
			g.Name = "tend"
			tr := serve(t, g)
			if seed%2 == 0 {
				time.Sleep(time.Hour) // all is up
			} else {
				time.Sleep(time.Duration(r.IntN(10_000))*time.Millisecond + 1)
			}
			tr.forget()
			want := stops(tr.Status())
			if err := tr.stop(); err != nil {
				t.Errorf("Serve: %v", err)
			}
			tr.want(want...)
		})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func TestOTP52BudgetsOfSubtrees(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "g", Service: &supervise.Group{StopTimeout: 2 * time.Second, Children: []supervise.Child{
				{Name: "x", Service: slow(1900 * time.Millisecond)},
			}}},
			{Name: "h", Service: &supervise.Group{StopTimeout: time.Second, Children: []supervise.Child{
				{Name: "d", Service: deaf(t)},
			}}},
		}})
		tr.forget()
		tr.ends(1500*time.Millisecond+1900*time.Millisecond, supervise.ErrStuck)
		wantUnclean(t, tr.err, "tend/h/d: did not return when told to stop")
		const unclean = ": did not stop cleanly: tend/h/d: did not return when told to stop"
		tr.want("tend stopping 1", "tend/h stopping 1", "tend/h/d stopping 1",
			"tend/h/d stuck 1: did not return when told to stop", "tend/h stopped 1"+unclean,
			"tend/g stopping 1", "tend/g/x stopping 1", "tend/g/x stopped 1", "tend/g stopped 1",
			"tend stopped 1"+unclean)
	})
}

func TestOTP53NestedBudgetsBlameTheLeaf(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		name                   string
		root, g, h, kept, leaf time.Duration
		took                   time.Duration
	}{
		{"of the leaf", 0, 0, 0, 0, 1 * s, 1050 * time.Millisecond},
		{"of its group", 0, 0, 1 * s, 0, 5 * s, 1500 * time.Millisecond},
		{"one above", 0, 1 * s, 0, 0, 5 * s, 1500 * time.Millisecond},
		{"of the root", 1 * s, 0, 0, 0, 5 * s, 1500 * time.Millisecond},
		{"of the root, less than others", 1 * s, 2 * s, 3 * s, 0, 5 * s, 1500 * time.Millisecond},
		{"of its group, less than others", 3 * s, 2 * s, 1 * s, 0, 5 * s, 1500 * time.Millisecond},
		{"of the group as a child", 0, 0, 0, 1 * s, 5 * s, 1500 * time.Millisecond},
		{"of the leaf without a bound", 0, 0, 0, 1 * s, -1, 1500 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &supervise.Group{StopTimeout: c.h, Children: []supervise.Child{{Name: "d", Service: deaf(t), Policy: within(c.leaf)}}}
				g := &supervise.Group{StopTimeout: c.g, Children: []supervise.Child{{Name: "h", Service: h}}}
				testLeafIsBlamed(t, &supervise.Group{
					Name: "tend", StopTimeout: c.root,
					Children: []supervise.Child{{Name: "g", Service: g, Policy: within(c.kept)}},
				}, c.took)
			})
		})
	}
}

func testLeafIsBlamed(t *testing.T, g *supervise.Group, took time.Duration) {
	tr := serve(t, g)
	tr.forget()
	tr.ends(took, supervise.ErrStuck)
	wantUnclean(t, tr.err, "tend/g/h/d: did not return when told to stop")
	const unclean = ": did not stop cleanly: tend/g/h/d: did not return when told to stop"
	tr.want("tend stopping 1", "tend/g stopping 1", "tend/g/h stopping 1", "tend/g/h/d stopping 1",
		"tend/g/h/d stuck 1: did not return when told to stop",
		"tend/g/h stopped 1"+unclean, "tend/g stopped 1"+unclean, "tend stopped 1"+unclean)
}

func TestOTP54StopDuringBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "w", Service: returns(errBoom), Policy: supervise.Policy{MinBackoff: time.Hour, MaxBackoff: time.Hour}},
		}})
		tr.want("tend starting 1", "tend/w starting 1", "tend/w running 1", "tend running 1", "tend/w backoff 1: boom")
		time.Sleep(time.Minute)
		tr.ends(0, nil)
		tr.want("tend stopping 1", "tend/w stopped 1", "tend stopped 1")
	})
}

func TestOTP55StopDuringASlowStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "a", Service: supervise.Func(idle)},
			{Name: "b", Service: rising(10*time.Second, time.Second), WaitReady: true},
			{Name: "c", Service: supervise.Func(idle)},
		}})
		tr.want("tend starting 1", "tend/a starting 1", "tend/a running 1", "tend/b starting 1")
		time.Sleep(5 * time.Second)
		tr.ends(time.Second, nil)
		tr.want("tend stopping 1", "tend/b stopping 1", "tend/b stopped 1",
			"tend/a stopping 1", "tend/a stopped 1", "tend stopped 1")
		if got, want := tr.states(), "a=stopped b=stopped c=idle"; got != want {
			t.Errorf("states: got %q, want %q", got, want)
		}
	})
}

func TestOTP56StopBeforeAnythingStarted(t *testing.T) {
	t.Run("the group", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			gate := make(chan struct{})
			tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
				{Name: "a", Service: supervise.Func(idle), WaitReady: true},
				{Name: "g", Service: &supervise.Group{Children: []supervise.Child{
					{Name: "w", Service: supervise.Func(func(context.Context) error { close(gate); return nil })},
				}}},
			}})
			tr.ends(0, nil)
			tr.want("tend starting 1", "tend/a starting 1", "tend stopping 1",
				"tend/a stopping 1", "tend/a stopped 1", "tend stopped 1")
			if got, want := tr.states(), "a=stopped g=idle w=idle"; got != want {
				t.Errorf("states: got %q, want %q", got, want)
			}
		})
	})
	t.Run("a child", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
				{Name: "a", Service: rising(time.Second, 0), WaitReady: true},
				{Name: "b", Service: supervise.Func(idle)},
				{Name: "c", Service: supervise.Func(idle)},
			}})
			takes(t, "Stop", 0, nil, func() error { return tr.Stop(t.Context(), "tend/b") })
			time.Sleep(time.Second)
			tr.want("tend starting 1", "tend/a starting 1", "tend/a running 1", "tend/b stopped 0",
				"tend/c starting 1", "tend/c running 1", "tend running 1")
			takes(t, "Start", 0, nil, func() error { return tr.Start(t.Context(), "tend/b") })
			tr.want("tend/b starting 1", "tend/b running 1")
		})
	})
}

func TestOTP57CancelBeforeServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "a", Service: supervise.Func(func(context.Context) error { t.Error("a was started"); return nil })},
		}}
		g.OnEvent = func(e supervise.Event) { t.Errorf("event: %s", supervisetest.Line(e)) }
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		takes(t, "Serve", 0, nil, func() error { return g.Serve(ctx) })
		synctest.Wait()
	})
}
