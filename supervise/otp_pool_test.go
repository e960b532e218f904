package supervise_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/thejerf/suture/v4"

	"tend.example/tend/supervise"
)

// OTP cases 4, 41 to 44, 48, 70, 73, 75 and 77: children that come and go, simple_one_for_one there.

// servePool serves a group with a pool "p" in it.
func servePool(t *testing.T, p *supervise.Pool) *tree {
	t.Helper()
	tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "p", Service: p}}})
	tr.forget()
	return tr
}

func add(t *testing.T, p *supervise.Pool, name string, s supervise.Service) {
	t.Helper()
	if err := p.Add(name, s); err != nil {
		t.Fatalf("Add(%q): %v", name, err)
	}
}

// census compares the counts and the number of members.
func (tr *tree) census(p *supervise.Pool, want map[supervise.State]int) {
	tr.t.Helper()
	got, sum := tr.child("tend/p").Counts, 0
	for _, n := range want {
		sum += n
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || p.Len() != sum {
		tr.t.Errorf("members: got %v (Len %d), want %v", got, p.Len(), want)
	}
}

func TestOTP04IgnoreInPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &supervise.Pool{}
		tr := servePool(t, p)
		add(t, p, "m", returns(supervise.ErrDone))
		tr.want("tend/p/m starting 1", "tend/p/m running 1", "tend/p/m done 1")
		tr.census(p, map[supervise.State]int{})
		tr.ends(0, nil)
	})
}

func TestOTP41MemberThatFailsIsRestartedAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &supervise.Pool{Policy: noBackoff}
		tr := servePool(t, p)
		m := newScript()
		add(t, p, "bystander", supervise.Func(idle))
		add(t, p, "m", m)
		tr.forget()
		m.end(errBoom)
		tr.want("tend/p/m backoff 1: boom", "tend/p/m starting 2", "tend/p/m running 2")
		m.do(goexit)
		tr.want("tend/p/m backoff 2: called runtime.Goexit", "tend/p/m starting 3", "tend/p/m running 3")
		m.do(panics("oops"))
		tr.want("tend/p/m backoff 3: panic: oops", "tend/p/m starting 4", "tend/p/m running 4")
		tr.census(p, map[supervise.State]int{supervise.Running: 2})
		tr.ends(0, nil)
		if p.Len() != 0 {
			t.Errorf("Len after the end: got %d, want 0", p.Len())
		}
	})
}

func TestOTP42PoolShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &supervise.Pool{}
		tr := servePool(t, p)
		for i := range 1000 {
			add(t, p, fmt.Sprint(i), slow(time.Duration(i)*time.Millisecond))
		}
		synctest.Wait()
		tr.ends(999*time.Millisecond, nil)
	})
}

func TestOTP43PoolEscalation(t *testing.T) {
	for name, c := range map[string]struct {
		policy supervise.Policy
		err    error
	}{
		"limit": {notOnce, errBoom},
		"fatal": {noBackoff, supervise.Fatal(errBoom)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &supervise.Pool{Policy: c.policy}
				tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
					{Name: "p", Service: p, Policy: temporary},
					{Name: "z", Service: supervise.Func(idle)},
				}})
				m := newScript()
				add(t, p, "bystander", slow(time.Second))
				add(t, p, "m", m)
				synctest.Wait()
				m.end(c.err)
				time.Sleep(2 * time.Second)
				err := tr.child("tend/p").Err
				var child *supervise.ChildError
				if !errors.As(err, &child) || child.Path != "tend/p/m" || !errors.Is(err, errBoom) {
					t.Errorf("error of the pool: got %v, want the ChildError of tend/p/m", err)
				}
				want := supervise.Running
				if name == "fatal" {
					want = supervise.Failed
				}
				if got := tr.Status().State; got != want {
					t.Errorf("the tree is %s, want %s", got, want)
				}
			})
		})
	}
}

// mass is a service that can be collected, or not.
type mass struct {
	supervise.Func
	_ [1 << 16]byte
}

// addMass keeps no reference to the member.
func addMass(p *supervise.Pool, run supervise.Func) weak.Pointer[mass] {
	m := &mass{Func: run}
	for p.Add("m", m) != nil { // until the pool takes members
		runtime.Gosched()
	}
	return weak.Make(m)
}

func TestOTP44MemberThatIsGoneIsCollectable(t *testing.T) {
	for name, c := range map[string]struct {
		run   supervise.Func
		leave func(p *supervise.Pool) error
	}{
		"done":    {returns(nil), func(*supervise.Pool) error { return nil }},
		"failed":  {returns(errBoom), func(*supervise.Pool) error { return nil }},
		"removed": {idle, func(p *supervise.Pool) error { return p.Remove(context.Background(), "m") }},
	} {
		t.Run(name, func(t *testing.T) {
			p := &supervise.Pool{Policy: temporary}
			ctx, cancel := context.WithCancel(t.Context())
			g := &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "p", Service: p}}}
			ended := make(chan error)
			go func() { ended <- g.Serve(ctx) }()
			gone := addMass(p, c.run)
			if err := c.leave(p); err != nil {
				t.Errorf("leave: %v", err)
			}
			for range 1000 {
				if runtime.GC(); gone.Value() == nil {
					break
				}
				runtime.Gosched()
			}
			if gone.Value() != nil {
				t.Error("still there, want it collected")
			}
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("Serve: %v", err)
			}
		})
	}
}

func TestOTP48StopTimeoutOfAPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &supervise.Pool{Policy: within(3 * time.Second)}
		tr := servePool(t, p)
		hang := deaf(t)
		for i := range 50 {
			add(t, p, fmt.Sprint("good", i), supervise.Func(idle))
			add(t, p, fmt.Sprint("deaf", i), hang)
		}
		synctest.Wait()
		takes(t, "Serve", 3050*time.Millisecond, supervise.ErrStuck, tr.stop)
		var stop *supervise.StopError
		if !errors.As(tr.err, &stop) || len(stop.Children) != 50 {
			t.Fatalf("Serve: got %v, want a StopError with 50 children", tr.err)
		}
		for _, c := range stop.Children {
			var stuck *supervise.StuckError
			if !strings.HasPrefix(c.Path, "tend/p/deaf") || !errors.As(c.Err, &stuck) || !strings.Contains(string(stuck.Stacks), "deaf") {
				t.Errorf("%s: %v, want one of the deaf, with its stacks", c.Path, c.Err)
			}
		}
	})
}

func TestOTP48StuckMemberOutsideOfAShutdownIsFatal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &supervise.Pool{Policy: within(time.Second)}
		tr := servePool(t, p)
		add(t, p, "m", deaf(t))
		synctest.Wait() // or it would be removed before it began
		if err := p.Remove(t.Context(), "m"); !errors.Is(err, supervise.ErrStuck) {
			t.Errorf("Remove: got %v, want ErrStuck", err)
		}
		if err := tr.wait(); supervise.ExitCode(err) != 70 {
			t.Errorf("Serve: got %v, want exit code 70", err)
		}
	})
}

func TestOTP70PathsIntoPools(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &supervise.Pool{Policy: noBackoff}
		tr := servePool(t, p)
		add(t, p, "m", supervise.Func(idle))
		add(t, p, "g", &supervise.Group{Children: []supervise.Child{{Name: "w", Service: supervise.Func(idle)}}})
		tr.forget()
		tr.calls("Stop", "tend/p/m")
		tr.census(p, map[supervise.State]int{supervise.Running: 1, supervise.Stopped: 1})
		tr.calls("Start", "tend/p/m")
		tr.calls("Restart", "tend/p/m")
		tr.want("tend/p/m stopping 1", "tend/p/m stopped 1", "tend/p/m starting 2", "tend/p/m running 2",
			"tend/p/m stopping 2: told to restart", "tend/p/m starting 3", "tend/p/m running 3")
		tr.calls("Restart", "tend/p/g/w")
		tr.want("tend/p/g/w stopping 1: told to restart", "tend/p/g/w starting 2", "tend/p/g/w running 2")
		for _, path := range []string{"tend/p/none", "tend/p/m/x", "tend/p/g/none"} {
			if err := tr.Stop(t.Context(), path); !errors.Is(err, supervise.ErrNoChild) {
				t.Errorf("Stop(%q): got %v, want ErrNoChild", path, err)
			}
		}
		tr.ends(0, nil)
	})
}

func TestOTP73MembersDoNotSurviveARestartOfTheirPool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &supervise.Pool{}
		tr := servePool(t, p)
		add(t, p, "m", supervise.Func(idle))
		tr.forget()
		tr.calls("Restart", "tend/p")
		tr.want("tend/p stopping 1: told to restart", "tend/p/m stopping 1", "tend/p/m stopped 1", "tend/p starting 2", "tend/p running 2")
		tr.census(p, map[supervise.State]int{})
		add(t, p, "m", supervise.Func(idle))
		tr.want("tend/p/m starting 1", "tend/p/m running 1")
	})
}

func TestOTP75StatusOfAPoolCountsAndShowsThoseThatAreNotRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &supervise.Pool{Policy: hours}
		tr := servePool(t, p)
		for i := range 1000 {
			add(t, p, fmt.Sprint(i), supervise.Func(idle))
		}
		add(t, p, "failed", returns(errBoom))
		synctest.Wait()
		if got := tr.child("tend/p").Children; len(got) != 1 || got[0].Name != "failed" || got[0].Next.IsZero() {
			t.Errorf("children: got %+v, want the one that failed", got)
		}
		for i := range 300 {
			tr.calls("Stop", fmt.Sprint("tend/p/", i))
		}
		tr.census(p, map[supervise.State]int{supervise.Running: 700, supervise.Stopped: 300, supervise.Backoff: 1})
		got := tr.child("tend/p").Children
		if len(got) != 100 {
			t.Errorf("children: got %d, want 100", len(got))
		}
		for _, c := range got {
			if c.State == supervise.Running {
				t.Errorf("children: got %s, which is running", c.Path)
			}
		}
	})
}

func TestOTP77AHundredThousandMembers(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
	synctest.Test(t, func(t *testing.T) {
		n := 100_000
		if racing {
			n /= 10 // the detector makes it a minute's work
		}
		p := &supervise.Pool{}
		g := &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "p", Service: p}}}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- g.Serve(ctx) }()
		synctest.Wait()
		names := make([]string, n)
		for i := range names {
			names[i] = fmt.Sprint(i)
			add(t, p, names[i], supervise.Func(idle))
		}
		synctest.Wait()
		if got := g.Status().Children[0].Counts[supervise.Running]; got != n {
			t.Errorf("running: got %d, want %d", got, n)
		}
		for _, name := range names[:n/2] {
			if err := p.Remove(ctx, name); err != nil {
				t.Fatalf("Remove: %v", err)
			}
		}
		if p.Len() != n/2 {
			t.Errorf("Len: got %d, want %d", p.Len(), n/2)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

// --- what a pool takes, and what it refuses ---------------------------------------------------------

func TestOTP12ValidationOfPoolsStrategiesAndHeartbeats(t *testing.T) {
	pool := func(p *supervise.Pool) *supervise.Group { return of(supervise.Child{Name: "p", Service: p}) }
	strategy := func(s supervise.Strategy, concurrent bool) *supervise.Group {
		g := of(named("a"))
		g.Strategy, g.Concurrent = s, concurrent
		return g
	}
	beats := supervise.Policy{Heartbeat: time.Second}
	for name, c := range map[string]struct {
		g    *supervise.Group
		want string
	}{
		"one for all, concurrent":  {strategy(supervise.OneForAll, true), "Concurrent"},
		"rest for one, concurrent": {strategy(supervise.RestForOne, true), "Concurrent"},
		"unknown strategy":         {strategy(3, false), "Strategy"},
		"WaitReady on a pool":      {of(supervise.Child{Name: "p", Service: &supervise.Pool{}, WaitReady: true}), "p: WaitReady"},
		"nil pool":                 {pool(nil), "p: Service"},
		"negative Max":             {pool(&supervise.Pool{Max: -1}), "p: Pool.Max"},
		"policy of the members":    {pool(&supervise.Pool{Policy: supervise.Policy{Window: -1}}), "p: Pool.Policy: Window"},
		"heartbeat of a pool":      {of(supervise.Child{Name: "p", Service: &supervise.Pool{}, Policy: beats}), "p: Policy: Heartbeat"},
		"heartbeat of a group":     {of(supervise.Child{Name: "g", Service: of(named("a")), Policy: beats}), "g: Policy: Heartbeat"},
		"negative heartbeat":       {of(kept(supervise.Policy{Heartbeat: -1})), "Policy: Heartbeat"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { wantRefused(t, c.g, c.want) })
		})
	}
}

func TestPoolRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &supervise.Pool{Max: 2}
		refuses := func(when, name string, s supervise.Service, want error) {
			t.Helper()
			if err := p.Add(name, s); err == nil || want != nil && !errors.Is(err, want) {
				t.Errorf("Add %s: got %v, want %v", when, err, want)
			}
		}
		refuses("before Serve", "a", supervise.Func(idle), supervise.ErrNotServing)
		if err := p.Remove(t.Context(), "a"); !errors.Is(err, supervise.ErrNotServing) {
			t.Errorf("Remove before Serve: got %v, want ErrNotServing", err)
		}
		tr := servePool(t, p)
		add(t, p, "a", slow(time.Second))
		refuses("of a name that is taken", "a", supervise.Func(idle), supervise.ErrDuplicate)
		refuses("of no service", "b", nil, nil)
		refuses("of a path", "b/c", supervise.Func(idle), nil)
		refuses("of every member", "*", supervise.Func(idle), nil)
		refuses("of a faulty group", "b", &supervise.Group{Children: []supervise.Child{{}}}, nil)
		add(t, p, "b", supervise.Func(idle))
		refuses("of one too many", "c", supervise.Func(idle), supervise.ErrFull)
		if err := p.Remove(t.Context(), "b"); err != nil {
			t.Errorf("Remove: %v", err)
		}
		if err := p.Remove(t.Context(), "b"); !errors.Is(err, supervise.ErrNoChild) {
			t.Errorf("Remove twice: got %v, want ErrNoChild", err)
		}
		add(t, p, "b", supervise.Func(idle))
		tr.cancel()
		synctest.Wait()
		refuses("once stopping has begun", "c", supervise.Func(idle), supervise.ErrNotServing)
		if err := tr.wait(); err != nil {
			t.Errorf("Serve: %v", err)
		}
		refuses("after the end", "c", supervise.Func(idle), supervise.ErrNotServing)
	})
}

func TestSiblingAfterAPoolCanAddAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &supervise.Pool{}
		added := errors.New("not tried")
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "p", Service: p},
			{Name: "accept", Service: supervise.Func(func(ctx context.Context) error {
				added = p.Add("m", supervise.Func(idle))
				return idle(ctx)
			})},
		}})
		tr.want("tend starting 1", "tend/p starting 1", "tend/p running 1", "tend/accept starting 1", "tend/accept running 1",
			"tend running 1", "tend/p/m starting 1", "tend/p/m running 1")
		if added != nil {
			t.Errorf("Add: got %v, want nil", added)
		}
		tr.ends(0, nil)
	})
}

func TestRemoveOfAMemberInEachState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &supervise.Pool{Policy: hours}
		tr := servePool(t, p)
		add(t, p, "running", slow(time.Second))
		add(t, p, "backoff", returns(errBoom))
		add(t, p, "stopped", supervise.Func(idle))
		synctest.Wait()
		tr.calls("Stop", "tend/p/stopped")
		for name, took := range map[string]time.Duration{"running": time.Second, "backoff": 0, "stopped": 0} {
			takes(t, "Remove of "+name, took, nil, func() error { return p.Remove(t.Context(), name) })
			add(t, p, name, returns(supervise.ErrDone)) // the name is free
		}
		tr.census(p, map[supervise.State]int{})
		add(t, p, "slow", slow(5*time.Second))
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := p.Remove(ctx, "slow"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Remove with a short ctx: got %v", err)
		}
		add(t, p, "unclean", lastWords(func() error { return errBoom }))
		synctest.Wait()
		if err := p.Remove(t.Context(), "unclean"); !errors.Is(err, errBoom) {
			t.Errorf("Remove of one that fails to stop: got %v, want why", err)
		}
	})
}

func TestMemberThatRemovesItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &supervise.Pool{}
		tr := servePool(t, p)
		add(t, p, "m", supervise.Func(func(ctx context.Context) error {
			return p.Remove(ctx, "m")
		}))
		tr.want("tend/p/m starting 1", "tend/p/m running 1", "tend/p/m stopping 1", "tend/p/m stopped 1")
		tr.census(p, map[supervise.State]int{})
	})
}

func TestAddAndRemoveFromManyGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &supervise.Pool{Policy: noBackoff}
		tr := servePool(t, p)
		var all sync.WaitGroup
		var alive atomic.Int64
		member := func(ctx context.Context) error {
			alive.Add(1)
			defer alive.Add(-1)
			return idle(ctx)
		}
		for i := range 64 {
			all.Go(func() {
				for j := range 50 {
					name := fmt.Sprint(i, "-", j)
					if err := p.Add(name, supervise.Func(member)); err != nil {
						t.Errorf("Add: %v", err)
					}
					if j%2 == 0 {
						if err := p.Remove(t.Context(), name); err != nil {
							t.Errorf("Remove: %v", err)
						}
					}
				}
			})
		}
		all.Wait()
		synctest.Wait()
		if p.Len() != 64*25 || alive.Load() != 64*25 {
			t.Errorf("got %d members, %d alive, want %d", p.Len(), alive.Load(), 64*25)
		}
		tr.ends(0, nil)
		if alive.Load() != 0 {
			t.Errorf("after the end: %d alive", alive.Load())
		}
	})
}

func TestPoolUnderSutureAndBelowAFunc(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alone, below := &supervise.Pool{}, &supervise.Pool{}
		theirs := suture.NewSimple("theirs")
		theirs.Add(alone)
		ctx, cancel := context.WithCancel(t.Context())
		ended := theirs.ServeBackground(ctx)
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "f", Service: supervise.Func(below.Serve)}}})
		var paths []string
		path := func(ctx context.Context) error {
			paths = append(paths, supervise.Path(ctx))
			return idle(ctx)
		}
		add(t, alone, "m", supervise.Func(path))
		synctest.Wait()
		add(t, below, "m", supervise.Func(path))
		synctest.Wait()
		if got, want := fmt.Sprint(paths), "[pool/m tend/f/pool/m]"; got != want {
			t.Errorf("paths: got %s, want %s", got, want)
		}
		tr.calls("Restart", "tend/f/pool/m")
		tr.ends(0, nil)
		cancel()
		<-ended
	})
}

func TestMemberThatIsLeavingIsNotRevived(t *testing.T) {
	for _, verb := range []string{"Start", "Restart"} {
		t.Run(verb, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &supervise.Pool{}
				tr := servePool(t, p)
				add(t, p, "m", slow(time.Second))
				synctest.Wait()
				removed := make(chan error, 1)
				go func() { removed <- p.Remove(t.Context(), "m") }()
				synctest.Wait()
				if err := verbs(tr.Group)[verb](t.Context(), "tend/p/m"); !errors.Is(err, supervise.ErrNoChild) {
					t.Errorf("%s of a member that is leaving: got %v, want ErrNoChild", verb, err)
				}
				if err := <-removed; err != nil || p.Len() != 0 {
					t.Errorf("Remove: %v, and %d members are left, want none", err, p.Len())
				}
			})
		})
	}
}

func TestRemoveAnswersAStartThatItOvertakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &supervise.Pool{Policy: within(-1)}
		tr := servePool(t, p)
		add(t, p, "m", slow(time.Hour))
		synctest.Wait()
		stopped := tr.beside("Stop", "tend/p/m")
		synctest.Wait()
		started := tr.beside("Start", "tend/p/m")
		synctest.Wait()
		begin := time.Now()
		removed := make(chan error, 1)
		go func() { removed <- p.Remove(t.Context(), "m") }()
		if err := <-started; !errors.Is(err, supervise.ErrStop) || time.Since(begin) != 0 {
			t.Errorf("Start: got %v after %v, want ErrStop at once", err, time.Since(begin))
		}
		<-stopped
		<-removed
	})
}
