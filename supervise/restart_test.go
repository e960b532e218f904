package supervise_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"tend.example/tend/supervise"
)

// What design.md promises of restarts: the delay, and whom it concerns.

// backoffs records, by path, the Backoff events of g and how long each really lasted.
type backoffs struct {
	delays map[string][]time.Duration
	lasted map[string][]time.Duration
	began  map[string]time.Time
}

func watchBackoffs(g *supervise.Group) *backoffs {
	b := &backoffs{map[string][]time.Duration{}, map[string][]time.Duration{}, map[string]time.Time{}}
	g.OnEvent = func(e supervise.Event) {
		switch {
		case e.State == supervise.Backoff:
			b.delays[e.Path] = append(b.delays[e.Path], e.Delay)
			b.began[e.Path] = e.Time
		case e.State == supervise.Starting && e.Run > 1:
			b.lasted[e.Path] = append(b.lasted[e.Path], e.Time.Sub(b.began[e.Path]))
		case e.Delay != 0:
			panic("a delay outside of a backoff")
		}
	}
	return b
}

// crowd is n children that all fail at once, in every run.
func crowd(n int, p supervise.Policy, err error) *supervise.Group {
	g := &supervise.Group{Name: "tend", Concurrent: true}
	for i := range n {
		g.Children = append(g.Children, supervise.Child{Name: fmt.Sprint(i), Service: returns(err), Policy: p})
	}
	return g
}

func TestDelayGrowsWithinItsBounds(t *testing.T) {
	const ms, s = time.Millisecond, time.Second
	for _, tt := range []struct {
		name   string
		policy supervise.Policy
		err    error
		want   []time.Duration // without the random part
	}{
		{
			"default",
			supervise.Policy{},
			errBoom,
			[]time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 6400 * ms, 12800 * ms, 25600 * ms, 30 * s, 30 * s, 30 * s},
		},
		{
			"longer than ResetAfter",
			supervise.Policy{MinBackoff: s, MaxBackoff: 60 * s, ResetAfter: 2 * s},
			errBoom,
			[]time.Duration{s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 60 * s, 60 * s},
		},
		{
			"constant",
			supervise.Policy{MinBackoff: s, MaxBackoff: s},
			errBoom,
			[]time.Duration{s, s, s, s},
		},
		{
			"after nil as well",
			supervise.Policy{MinBackoff: s, MaxBackoff: 3 * s},
			nil,
			[]time.Duration{s, 2 * s, 3 * s, 3 * s},
		},
		{
			"least above the default maximum",
			supervise.Policy{MinBackoff: 60 * s},
			errBoom,
			[]time.Duration{60 * s, 60 * s, 60 * s},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testDelays(t, crowd(200, tt.policy, tt.err), tt.want) })
		})
	}
}

// testDelays checks each delay of each child, and that together they use the whole of the range.
func testDelays(t *testing.T, g *supervise.Group, want []time.Duration) {
	seen := watchBackoffs(g)
	serve(t, g)
	var enough time.Duration
	for _, d := range want {
		enough += d + d/2
	}
	time.Sleep(enough)
	synctest.Wait()
	for n, base := range want {
		least, most := time.Duration(1<<62), time.Duration(0)
		for path, delays := range seen.delays {
			d, lasted := delays[n], seen.lasted[path][n]
			if lasted != d {
				t.Errorf("%s, restart %d: backoff lasted %s, want its delay, %s", path, n, lasted, d)
			}
			least, most = min(least, d), max(most, d)
		}
		if least < base || most > base+base/2 {
			t.Errorf("restart %d: delays from %s to %s, want from %s to %s", n, least, most, base, base+base/2)
		}
		if least > base+base/10 || most < base+base/2-base/10 {
			t.Errorf("restart %d: delays from %s to %s, want more chance in them", n, least, most)
		}
	}
	if len(seen.delays) != len(g.Children) {
		t.Errorf("children in backoff: got %d, want %d", len(seen.delays), len(g.Children))
	}
}

func TestNegativeMinBackoffIsNoDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newScript()
		g := &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "w", Service: w, Policy: noBackoff}}}
		seen := watchBackoffs(g)
		serve(t, g)
		begin := time.Now()
		for range 50 {
			w.end(errBoom)
		}
		synctest.Wait()
		if got := len(seen.lasted["tend/w"]); got != 50 {
			t.Errorf("restarts: got %d, want 50", got)
		}
		for n, d := range seen.delays["tend/w"] {
			if d != 0 {
				t.Errorf("restart %d: delay %s, want none", n, d)
			}
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("50 restarts took %s, want no time", took)
		}
	})
}

// a waits for an hour and more; b restarts meanwhile as if a were not there; and a's hour is not prolonged.
func TestBackoffOfOneChildDoesNotDelayAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newScript(), newScript()
		hours := supervise.Policy{MinBackoff: time.Hour, MaxBackoff: time.Hour}
		second := supervise.Policy{MinBackoff: time.Second, MaxBackoff: time.Second}
		g := &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "a", Service: a, Policy: hours},
			{Name: "b", Service: b, Policy: second},
		}}
		seen := watchBackoffs(g)
		tr := serve(t, g)
		tr.forget()
		a.end(errBoom)
		tr.want("tend/a backoff 1: boom")
		for run := 1; run <= 20; run++ {
			b.end(errBoom)
			tr.want(fmt.Sprintf("tend/b backoff %d: boom", run))
			time.Sleep(1500 * time.Millisecond)
			tr.want(fmt.Sprintf("tend/b starting %d", run+1), fmt.Sprintf("tend/b running %d", run+1))
		}
		time.Sleep(90 * time.Minute)
		tr.want("tend/a starting 2", "tend/a running 2")
		for path, delays := range seen.delays {
			for n, d := range delays {
				if lasted := seen.lasted[path][n]; lasted != d {
					t.Errorf("%s, restart %d: backoff lasted %s, want its delay, %s", path, n, lasted, d)
				}
			}
		}
	})
}

// a waits for an hour when c's turn comes.
func TestBackoffOfOneChildDoesNotDelayTheStartOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "a", Service: returns(errBoom), Policy: hours},
			{Name: "b", Service: rising(time.Second, 0), WaitReady: true},
			{Name: "c", Service: supervise.Func(idle)},
		}})
		tr.forget()
		time.Sleep(time.Second)
		tr.want("tend/b running 1", "tend/c starting 1", "tend/c running 1", "tend running 1")
	})
}

// The backoff of a whole group is nothing to its siblings either.
func TestBackoffOfAGroupDelaysNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x := newScript(), newScript()
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{
				Name: "g", Service: &supervise.Group{Children: []supervise.Child{{Name: "w", Service: w, Policy: limited(-1, 0)}}},
				Policy: supervise.Policy{MinBackoff: time.Hour, MaxBackoff: time.Hour},
			},
			{Name: "x", Service: x, Policy: noBackoff},
		}})
		w.end(errBoom)
		tr.forget()
		x.end(errBoom)
		tr.want("tend/x backoff 1: boom", "tend/x starting 2", "tend/x running 2")
		if got, want := tr.states(), "g=backoff w=failed x=running"; got != want {
			t.Errorf("states: got %q, want %q", got, want)
		}
		time.Sleep(90 * time.Minute)
		tr.want("tend/g starting 2", "tend/g/w starting 2", "tend/g/w running 2", "tend/g running 2")
	})
}

// A run as long as ResetAfter forgets the failures before it; a shorter one does not.
func TestResetAfterForgets(t *testing.T) {
	const s = time.Second
	for _, tt := range []struct {
		name   string
		policy supervise.Policy
		run    time.Duration
		want   time.Duration // least delay after three failures and that run
	}{
		{"as long", supervise.Policy{MinBackoff: s, MaxBackoff: 20 * s, ResetAfter: 5 * s}, 5 * s, s},
		{"longer", supervise.Policy{MinBackoff: s, MaxBackoff: 20 * s, ResetAfter: 5 * s}, time.Hour, s},
		{"shorter", supervise.Policy{MinBackoff: s, MaxBackoff: 20 * s, ResetAfter: 5 * s}, 5*s - 1, 8 * s},
		{"default: MaxBackoff", supervise.Policy{MinBackoff: s, MaxBackoff: 20 * s}, 20 * s, s},
		{"default: less than MaxBackoff", supervise.Policy{MinBackoff: s, MaxBackoff: 20 * s}, 20*s - 1, 8 * s},
		{"default: at least 10s", supervise.Policy{MinBackoff: s, MaxBackoff: 8 * s}, 10 * s, s},
		{"default: less than 10s", supervise.Policy{MinBackoff: s, MaxBackoff: 8 * s}, 10*s - 1, 8 * s},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testReset(t, tt.policy, tt.run, tt.want) })
		})
	}
}

func testReset(t *testing.T, p supervise.Policy, run, want time.Duration) {
	runs := []time.Duration{0, 0, 0, run, 0} // the last shows that it counts on from there
	g := &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "w", Policy: p, Service: lasting(runs)}}}
	seen := watchBackoffs(g)
	serve(t, g)
	time.Sleep(24 * time.Hour)
	synctest.Wait()
	got := seen.delays["tend/w"]
	if len(got) != len(runs) {
		t.Fatalf("delays: got %v, want %d", got, len(runs))
	}
	for n, base := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, want, min(2*want, p.MaxBackoff)} {
		if got[n] < base || got[n] > base+base/2 {
			t.Errorf("restart %d: delay %s, want from %s to %s", n, got[n], base, base+base/2)
		}
	}
}

// lasting is a service whose runs fail after these times; the one after them lasts.
func lasting(times []time.Duration) supervise.Func {
	run := 0
	return func(ctx context.Context) error {
		if run == len(times) {
			return idle(ctx)
		}
		d := times[run]
		run++
		time.Sleep(d)
		return errBoom
	}
}

// It is the run that has to be that long; a long backoff before it does not count.
func TestResetAfterCountsTheRunOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &supervise.Group{Name: "tend", Children: []supervise.Child{{
			Name: "w", Service: returns(errBoom), WaitReady: true,
			Policy: supervise.Policy{MinBackoff: time.Minute, MaxBackoff: 4 * time.Minute, ResetAfter: time.Second},
		}}}
		seen := watchBackoffs(g)
		serve(t, g)
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		got := seen.delays["tend/w"]
		for n, base := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute} {
			if got[n] < base || got[n] > base+base/2 {
				t.Errorf("restart %d: delay %s, want from %s to %s", n, got[n], base, base+base/2)
			}
		}
	})
}

// The time that a run takes to become ready is part of it.
func TestResetAfterCountsFromTheStartOfTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &supervise.Group{Name: "tend", Children: []supervise.Child{{
			Name: "w", WaitReady: true, Policy: supervise.Policy{MinBackoff: time.Second, ResetAfter: 5 * time.Second},
			Service: supervise.Func(func(ctx context.Context) error {
				time.Sleep(4 * time.Second)
				supervise.Ready(ctx)
				time.Sleep(time.Second)
				return errBoom
			}),
		}}}
		seen := watchBackoffs(g)
		serve(t, g)
		time.Sleep(time.Minute)
		synctest.Wait()
		got := seen.delays["tend/w"]
		if len(got) < 9 { // 5s of work and up to 1.5s of delay
			t.Errorf("delays: got %v, want 9 or more", got)
		}
		for n, d := range got {
			if d < time.Second || d > 1500*time.Millisecond {
				t.Errorf("restart %d: delay %s, want from 1s to 1.5s", n, d)
			}
		}
	})
}
