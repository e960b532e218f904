package supervise_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tend.example/tend/supervise"
)

// OTP cases 85 to 87, where a policy changes at run time, and 88 and 89, of heartbeats.

func (tr *tree) sets(path string, p supervise.Policy) {
	tr.t.Helper()
	if err := tr.SetPolicy(path, p); err != nil {
		tr.t.Errorf("SetPolicy(%q): %v", path, err)
	}
}

func TestOTP85NewLimitCountsTheRestartsAlreadyMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newScript()
		tr := serve(t, single(w, noBackoff))
		for range 5 {
			w.end(errBoom)
			synctest.Wait()
		}
		tr.sets("tend/w", supervise.Policy{MinBackoff: -1, MaxRestarts: 6})
		w.end(errBoom) // the sixth
		synctest.Wait()
		if got := tr.child("tend/w"); got.State != supervise.Running || got.Restarts != 6 {
			t.Fatalf("after the sixth restart: %s, %d restarts", got.State, got.Restarts)
		}
		tr.sets("tend/w", supervise.Policy{MinBackoff: -1, MaxRestarts: 3})
		w.end(errBoom)
		limitError(t, tr.wait(), "tend/w", supervise.LimitError{Restarts: 6, Window: time.Minute, Err: errBoom})
	})
}

func TestOTP86FaultyPolicyIsRefusedAndTheOldStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, of(
			supervise.Child{Name: "s", Service: supervise.Func(idle), Policy: temporary, Significant: true},
			supervise.Child{Name: "g", Service: of(named("w"))},
			supervise.Child{Name: "p", Service: &supervise.Pool{}},
		))
		for _, c := range []struct {
			path string
			p    supervise.Policy
		}{
			{"s", supervise.Policy{MinBackoff: 2, MaxBackoff: 1}},
			{"s", supervise.Policy{}}, // Always
			{"g", supervise.Policy{Heartbeat: time.Second}},
			{"p", supervise.Policy{Heartbeat: time.Second}},
			{"p/*", supervise.Policy{Window: -1}},
			{"g/*", supervise.Policy{}},
			{"none", supervise.Policy{}},
		} {
			path := tr.Name + "/" + c.path
			before := tr.Status()
			if err := tr.SetPolicy(path, c.p); err == nil {
				t.Errorf("SetPolicy(%q, %v): got nil, want it refused", path, c.p)
			}
			if after := tr.Status(); fmt.Sprint(after) != fmt.Sprint(before) {
				t.Errorf("after SetPolicy(%q): got %v, want it as before: %v", path, after, before)
			}
		}
		tr.ends(0, nil)
		if err := tr.SetPolicy(tr.Name+"/g", supervise.Policy{}); !errors.Is(err, supervise.ErrNotServing) {
			t.Errorf("SetPolicy after the end: got %v, want ErrNotServing", err)
		}
	})
}

func TestOTP87SetPolicyDuringBackoff(t *testing.T) {
	for name, c := range map[string]struct {
		to   time.Duration // the delay, and up to half of that more
		took time.Duration // from the failure, at least
	}{
		"shortens":             {5 * time.Second, 5 * time.Second},
		"lengthens":            {20 * time.Hour, 20 * time.Hour},
		"has been long enough": {time.Millisecond, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newScript()
				tr := serve(t, single(w, hours))
				w.end(errBoom)
				synctest.Wait()
				failed := time.Now()
				time.Sleep(2 * time.Second)
				tr.sets("tend/w", supervise.Policy{MinBackoff: c.to, MaxBackoff: 24 * time.Hour})
				next := tr.child("tend/w").Next
				time.Sleep(48 * time.Hour)
				got := tr.child("tend/w")
				took := got.Since.Sub(failed)
				if got.State != supervise.Running || took < c.took || took > max(c.took, c.to*3/2) {
					t.Errorf("%s, restarted after %v, want from %v to %v", got.State, took, c.took, c.to*3/2)
				}
				if c.to > 2*time.Second && !next.Equal(got.Since) {
					t.Errorf("Next: got %v, want %v", next, got.Since)
				}
			})
		})
	}
}

func TestSetPolicyThatLeavesTheBackoffAloneLeavesTheWaitAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newScript()
		tr := serve(t, single(w, hours))
		w.end(errBoom)
		before := tr.child("tend/w").Next
		p := hours
		p.MaxRestarts = 7
		tr.sets("tend/w", p)
		if after := tr.child("tend/w").Next; !after.Equal(before) {
			t.Errorf("Next: got %v, want %v", after, before)
		}
	})
}

func TestSetPolicyOfTheStartTimeoutCountsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := single(supervise.Func(idle), hours)
		g.Children[0].WaitReady = true
		tr := serve(t, g)
		begin := time.Now()
		time.Sleep(10 * time.Second)
		tr.sets("tend/w", supervise.Policy{StartTimeout: 50 * time.Second, MinBackoff: time.Hour})
		time.Sleep(time.Minute)
		if got := tr.child("tend/w"); got.State != supervise.Backoff || got.Since.Sub(begin) != 50*time.Second || !errors.Is(got.Err, supervise.ErrStartTimeout) {
			t.Errorf("got %s after %v (%v), want backoff after 50s", got.State, got.Since.Sub(begin), got.Err)
		}
	})
}

func TestSetPolicyLastsThroughRestartsOfTheGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "g", Service: single(supervise.Func(idle), hours)}}})
		want := supervise.Policy{Restart: supervise.Never}
		tr.sets("tend/g/w", want)
		tr.calls("Restart", "tend/g")
		if got := tr.child("tend/g/w").Policy; got.Restart != supervise.Never || got.MinBackoff != 100*time.Millisecond {
			t.Errorf("policy: got %v, want %v with defaults", got, want)
		}
	})
}

func TestSetPolicyOfAllMembersAndOfOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &supervise.Pool{Policy: noBackoff}
		tr := servePool(t, p)
		all := map[string]*script{}
		for _, name := range []string{"a", "b", "c"} {
			all[name] = newScript()
			if name != "c" {
				add(t, p, name, all[name])
			}
		}
		tr.sets("tend/p/a", noBackoff)
		tr.sets("tend/p/*", temporary)
		add(t, p, "c", all["c"])
		tr.forget()
		all["a"].end(errBoom)
		tr.want("tend/p/a backoff 1: boom", "tend/p/a starting 2", "tend/p/a running 2")
		all["b"].end(errBoom)
		tr.want("tend/p/b failed 1: boom")
		all["c"].end(errBoom)
		tr.want("tend/p/c failed 1: boom")
	})
}

func TestStatusOfAPoolHasThePolicyOfItsMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := servePool(t, &supervise.Pool{Policy: supervise.Policy{MaxRestarts: 5}})
		tr.sets("tend/p/*", supervise.Policy{MaxRestarts: 3, Window: time.Hour})
		st := tr.child("tend/p")
		if st.MemberPolicy == nil || st.MemberPolicy.String() != "limit=3/1h" {
			t.Errorf("got %v, want limit=3/1h", st.MemberPolicy)
		}
		text, err := json.Marshal(st)
		if want := `"member_policy":"backoff=100ms..30s,reset=30s,limit=3/1h,start-timeout=30s,stop-timeout=10s"`; err != nil || !strings.Contains(string(text), want) {
			t.Errorf("got %s, %v, want %s in it", text, err, want)
		}
		st.MemberPolicy.MaxRestarts = 9
		if again := tr.child("tend/p"); again.MemberPolicy.MaxRestarts != 3 {
			t.Errorf("got %d after a change of a status, want 3", again.MemberPolicy.MaxRestarts)
		}
	})
}

// --- heartbeats -----------------------------------------------------------------------------------

// beating is ready after a time, and then beats until it is told to stop, or as often as it shall.
func beating(ready, every time.Duration, times int) supervise.Func {
	return func(ctx context.Context) error {
		select {
		case <-time.After(ready):
		case <-ctx.Done():
			return nil
		}
		supervise.Ready(ctx)
		for range times {
			select {
			case <-time.After(every):
				supervise.Beat(ctx)
			case <-ctx.Done():
				return nil
			}
		}
		return idle(ctx)
	}
}

func watchedBy(heartbeat time.Duration, s supervise.Service) *supervise.Group {
	g := single(s, supervise.Policy{MinBackoff: -1, Heartbeat: heartbeat, StopTimeout: time.Second})
	g.Children[0].WaitReady = true
	return g
}

func TestOTP88HeartbeatMissed(t *testing.T) {
	for _, c := range []struct {
		ready, every time.Duration
		times        int
		hung         time.Duration // after the start
	}{
		{0, 0, 0, 10 * time.Second},
		{20 * time.Second, 0, 0, 30 * time.Second}, // counts from Running
		{0, 9999 * time.Millisecond, 1, 19999 * time.Millisecond},
		{0, 3 * time.Second, 5, 25 * time.Second},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := serve(t, watchedBy(10*time.Second, beating(c.ready, c.every, c.times)))
				begin := time.Now()
				time.Sleep(c.hung - time.Nanosecond)
				if got := tr.child("tend/w"); got.State != supervise.Running || got.Run != 1 {
					t.Fatalf("%s in run %d before its time", got.State, got.Run)
				}
				tr.forget()
				time.Sleep(time.Nanosecond)
				synctest.Wait()
				const hung = ": hung: no sign of life within its heartbeat"
				want := []string{"tend/w stopping 1" + hung, "tend/w backoff 1" + hung, "tend/w starting 2"}
				if c.ready == 0 {
					want = append(want, "tend/w running 2")
				}
				tr.want(want...)
				if got := tr.child("tend/w"); !errors.Is(got.Err, supervise.ErrHung) {
					t.Errorf("error %v after %v, want ErrHung", got.Err, time.Since(begin))
				}
			})
		})
	}
}

func TestOTP88BeatsKeepItAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, watchedBy(10*time.Second, beating(0, 9*time.Second, 1_000_000)))
		time.Sleep(24 * time.Hour)
		if got := tr.child("tend/w"); got.State != supervise.Running || got.Run != 1 {
			t.Errorf("after a day: %s in run %d, want running in run 1", got.State, got.Run)
		}
		tr.ends(0, nil)
	})
}

func TestOTP89HeartbeatMissedByADeafRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := watchedBy(10*time.Second, deaf(t))
		g.Children[0].WaitReady = false
		tr := serve(t, g)
		takes(t, "Serve", 11050*time.Millisecond, supervise.ErrStuck, tr.wait)
		if got := tr.child("tend/w").State; got != supervise.Stuck {
			t.Errorf("state: got %s, want stuck", got)
		}
	})
}

func TestHeartbeatIsSwitchedOnAndOffAtRunTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, single(supervise.Func(idle), noBackoff))
		on := supervise.Policy{MinBackoff: -1, Heartbeat: 10 * time.Second}
		runs := func(after time.Duration, want int) {
			t.Helper()
			time.Sleep(after)
			if got := tr.child("tend/w").Run; got != want {
				t.Errorf("run: got %d, want %d", got, want)
			}
		}
		runs(time.Hour, 1)
		tr.sets("tend/w", on) // counts from now
		runs(9*time.Second, 1)
		tr.sets("tend/w", noBackoff)
		runs(time.Hour, 1)
		tr.sets("tend/w", on)
		runs(9*time.Second, 1)
		on.Heartbeat = 20 * time.Second
		tr.sets("tend/w", on)
		runs(10*time.Second, 1)
		runs(time.Second, 2)
		runs(5*time.Second, 2)
		on.Heartbeat = 2 * time.Second // the silence is longer already
		tr.sets("tend/w", on)
		runs(0, 3)
	})
}

func TestBeatIsHarmlessWhereNobodyWatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		supervise.Beat(t.Context())
		tr := serve(t, single(beating(0, time.Second, 3), noBackoff))
		time.Sleep(time.Hour)
		if got := tr.child("tend/w"); got.Run != 1 {
			t.Errorf("run: got %d, want 1", got.Run)
		}
	})
}
