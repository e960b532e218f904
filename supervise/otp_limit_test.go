package supervise_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tend.example/tend/supervise"
)

// OTP cases 30 to 34: how often a child may fail, and what follows when that is too often.

// limited is a policy without delays that allows n restarts within window.
func limited(n int, window time.Duration) supervise.Policy {
	return supervise.Policy{MinBackoff: -1, MaxRestarts: n, Window: window}
}

// failing serves one child w that fails at these times after its start, and returns its tree.
func failing(t *testing.T, p supervise.Policy, times ...time.Duration) *tree {
	t.Helper()
	w := newScript()
	tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "w", Service: w, Policy: p}}})
	begin := time.Now()
	for _, at := range times {
		time.Sleep(time.Until(begin.Add(at)))
		w.end(errBoom)
		synctest.Wait()
	}
	return tr
}

// limitError checks that err is what a group says of a child that was restarted too often.
func limitError(t *testing.T, err error, path string, want supervise.LimitError) {
	t.Helper()
	var child *supervise.ChildError
	var limit *supervise.LimitError
	if !errors.As(err, &child) || child.Path != path || !errors.As(child.Err, &limit) {
		t.Fatalf("got %#v, want a ChildError of %s with a LimitError", err, path)
	}
	if diff := cmp.Diff(want, *limit, cmpopts.EquateErrors()); diff != "" {
		t.Errorf("LimitError (-want +got):\n%s", diff)
	}
}

func TestOTP30MultipleRestarts(t *testing.T) {
	const s = time.Second
	every31s := make([]time.Duration, 20)
	for i := range every31s {
		every31s[i] = time.Duration(i) * 31 * s
	}
	for _, tt := range []struct {
		name  string
		limit supervise.Policy
		at    []time.Duration
		alive bool
	}{
		{"20 failures, 31s apart", limited(2, 30*s), every31s, true},
		{"as many as the limit", limited(2, 30*s), []time.Duration{0, s}, true},
		{"one more, at once", limited(2, 30*s), []time.Duration{0, 0, 0}, false},
		{"one more, just within", limited(2, 30*s), []time.Duration{0, 10 * s, 30*s - 1}, false},
		{"one more, at the edge", limited(2, 30*s), []time.Duration{0, 10 * s, 30 * s}, true},
		{"one more, just outside", limited(2, 30*s), []time.Duration{0, 10 * s, 30*s + 1}, true},
		{"the window moves along", limited(2, 30*s), []time.Duration{0, 20 * s, 40 * s, 49 * s}, false},
		{"the default window, within", limited(1, 0), []time.Duration{0, time.Minute - 1}, false},
		{"the default window, outside", limited(1, 0), []time.Duration{0, time.Minute + 1}, true},
		{"not even one", limited(-1, 0), []time.Duration{0}, false},
		{"no limit", limited(0, 0), make([]time.Duration, 50), true},
		{
			"long runs forget the delay, not the limit",
			supervise.Policy{MinBackoff: -1, MaxRestarts: 2, Window: time.Hour, ResetAfter: s},
			[]time.Duration{0, 20 * s, 40 * s},
			false,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := failing(t, tt.limit, tt.at...)
				want := "w=failed"
				if tt.alive {
					want = "w=running"
				}
				if got := tr.states(); got != want {
					t.Errorf("states: got %q, want %q", got, want)
				}
			})
		})
	}
}

func TestLimitErrorCountsTheRestartsWithinTheWindowOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const window = 30 * time.Second
		tr := failing(t, limited(2, window), 0, 40*time.Second, 50*time.Second, 60*time.Second)
		limitError(t, tr.wait(), "tend/w", supervise.LimitError{Restarts: 2, Window: window, Err: errBoom})
	})
}

func TestOTP31OneForOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newScript()
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "a", Service: a, Policy: noBackoff},
			{Name: "b", Service: newScript(), WaitReady: true, Policy: noBackoff},
			{Name: "c", Service: supervise.Func(idle)},
		}})
		tr.forget()
		a.end(errBoom)
		tr.want("tend/a backoff 1: boom", "tend/a starting 2", "tend/a running 2")
		a.do(culprit)
		tr.want("tend/a backoff 2: panic: oops", "tend/a starting 3", "tend/a running 3")
		if got, want := tr.states(), "a=running b=running c=running"; got != want {
			t.Errorf("states: got %q, want %q", got, want)
		}
	})
}

// escalating is a tree of x and the group g; g holds a, w, which fails when told and may do so
// once, and c.
func escalating(w supervise.Service, policyOfG supervise.Policy) *supervise.Group {
	return &supervise.Group{Name: "tend", Children: []supervise.Child{
		{Name: "x", Service: supervise.Func(idle)},
		{Name: "g", Policy: policyOfG, Service: &supervise.Group{Children: []supervise.Child{
			{Name: "a", Service: supervise.Func(idle)},
			{Name: "w", Service: w, Policy: limited(1, time.Hour)},
			{Name: "c", Service: supervise.Func(idle)},
		}}},
	}}
}

func TestOTP32OneForOneEscalation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newScript()
		tr := serve(t, escalating(w, noBackoff))
		tr.forget()
		w.end(errBoom)
		tr.want("tend/g/w backoff 1: boom", "tend/g/w starting 2", "tend/g/w running 2")
		w.end(errBoom)
		tr.want("tend/g/w failed 2: gave up after 1 restarts within 1h0m0s: boom",
			"tend/g/c stopping 1", "tend/g/c stopped 1", "tend/g/a stopping 1", "tend/g/a stopped 1",
			"tend/g backoff 1: tend/g/w: gave up after 1 restarts within 1h0m0s: boom",
			"tend/g starting 2", "tend/g/a starting 2", "tend/g/a running 2", "tend/g/w starting 3", "tend/g/w running 3",
			"tend/g/c starting 2", "tend/g/c running 2", "tend/g running 2")
		limitError(t, tr.child("tend/g").Err, "tend/g/w", supervise.LimitError{Restarts: 1, Window: time.Hour, Err: errBoom})
		w.end(errBoom) // the new run of the group has made no restart yet
		tr.want("tend/g/w backoff 3: boom", "tend/g/w starting 4", "tend/g/w running 4")
	})
}

// One level up it is an ordinary failure: the policy there decides.
func TestOTP32OneForOneEscalationPolicyAbove(t *testing.T) {
	failed := "tend/g/w: gave up after 1 restarts within 1h0m0s: boom"
	for _, tt := range []struct {
		name   string
		policy supervise.Policy
		want   []string
	}{
		{"never", supervise.Policy{Restart: never}, []string{"tend/g failed 1: " + failed}},
		{"on failure, after a delay", supervise.Policy{Restart: onFailure}, []string{"tend/g backoff 1: " + failed}},
		{
			"over the limit there",
			supervise.Policy{MaxRestarts: -1},
			[]string{
				"tend/g failed 1: gave up after 0 restarts within 1m0s: " + failed,
				"tend stopping 1", "tend/x stopping 1", "tend/x stopped 1",
				"tend failed 1: tend/g: gave up after 0 restarts within 1m0s: " + failed,
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newScript()
				tr := serve(t, escalating(w, tt.policy))
				w.end(errBoom)
				tr.forget()
				w.end(errBoom)
				tr.want(append([]string{
					"tend/g/w failed 2: gave up after 1 restarts within 1h0m0s: boom",
					"tend/g/c stopping 1", "tend/g/c stopped 1", "tend/g/a stopping 1", "tend/g/a stopped 1",
				}, tt.want...)...)
			})
		})
	}
}

func TestOTP33RootEscalation(t *testing.T) {
	for _, tt := range []struct {
		name   string
		ending func() error
		cause  string
		err    error
	}{
		{"error", end(errBoom), ": boom", errBoom},
		{"panic", panics(errBoom), ": panic: boom", errBoom},
		{"cancelled elsewhere", end(context.Canceled), ": context canceled", context.Canceled},
		{"nil", end(nil), "", nil}, // restarted by Always, so it counts as well
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr, w := limitedWithNeighbours(t)
				w.do(tt.ending)
				w.do(tt.ending)
				err := tr.wait()
				gaveUp := "gave up after 1 restarts within 1m0s" + tt.cause
				tr.want("tend/w backoff 1"+tt.cause, "tend/w starting 2", "tend/w running 2", "tend/w failed 2: "+gaveUp,
					"tend stopping 1", "tend/c stopping 1", "tend/c stopped 1", "tend/a stopping 1", "tend/a stopped 1",
					"tend failed 1: tend/w: "+gaveUp)
				if code := supervise.ExitCode(err); code != 1 || !errors.Is(err, tt.err) && tt.err != nil {
					t.Errorf("Serve: got %v, exit code %d; want %v, 1", err, code, tt.err)
				}
				var limit *supervise.LimitError
				if !errors.As(err, &limit) || (limit.Err == nil) != (tt.err == nil) {
					t.Errorf("Serve: got %#v, want a LimitError because of %v", err, tt.err)
				}
			})
		})
	}
}

// limitedWithNeighbours serves a, w with a limit of one restart, and c.
func limitedWithNeighbours(t *testing.T) (*tree, *script) {
	t.Helper()
	w := newScript()
	tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
		{Name: "a", Service: supervise.Func(idle)},
		{Name: "w", Service: w, Policy: limited(1, 0)},
		{Name: "c", Service: supervise.Func(idle)},
	}})
	tr.forget()
	return tr, w
}

func TestOTP34FailingStartsOfARestartCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, fail := readyOnce(errBoom)
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "w", Service: w, WaitReady: true, Policy: limited(3, 0)},
		}})
		tr.forget()
		fail()
		err := tr.wait()
		want := []string{"tend/w backoff 1: boom"}
		for run := 2; run <= 3; run++ {
			want = append(want, fmt.Sprintf("tend/w starting %d", run), fmt.Sprintf("tend/w backoff %d: boom", run))
		}
		tr.want(append(want, "tend/w starting 4", "tend/w failed 4: gave up after 3 restarts within 1m0s: boom",
			"tend stopping 1", "tend failed 1: tend/w: gave up after 3 restarts within 1m0s: boom")...)
		limitError(t, err, "tend/w", supervise.LimitError{Restarts: 3, Window: time.Minute, Err: errBoom})
	})
}

func TestOTP34StartTimeoutsCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := limited(1, time.Hour)
		p.StartTimeout = time.Second
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "w", Service: neverReady, WaitReady: true, Policy: p},
		}})
		err := tr.wait()
		const late = ": not ready within its start timeout"
		tr.want("tend starting 1", "tend/w starting 1", "tend/w stopping 1"+late, "tend/w backoff 1"+late,
			"tend/w starting 2", "tend/w stopping 2"+late, "tend/w failed 2: gave up after 1 restarts within 1h0m0s"+late,
			"tend stopping 1", "tend failed 1: tend/w: gave up after 1 restarts within 1h0m0s"+late)
		limitError(t, err, "tend/w",
			supervise.LimitError{Restarts: 1, Window: time.Hour, Err: supervise.ErrStartTimeout})
	})
}
