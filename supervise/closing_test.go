package supervise_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/thejerf/suture/v4"

	"tend.example/tend/supervise"
	"tend.example/tend/supervise/supervisetest"
)

// ledger is what is open, and what was closed, in order.
type ledger struct {
	mu     sync.Mutex
	open   map[string]bool
	closed []string
}

func newLedger() *ledger { return &ledger{open: map[string]bool{}} }

// wantClosed compares what was closed since the last time, in order.
func (l *ledger) wantClosed(t *testing.T, names ...string) {
	t.Helper()
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if diff := cmp.Diff(names, l.closed); diff != "" {
		t.Errorf("closed (-want +got):\n%s", diff)
	}
	l.closed = nil
}

// door is a service that holds something open between its runs.
type door struct {
	supervise.Service
	name    string
	ledger  *ledger
	closing func() error // may be nil
}

func (l *ledger) door(name string, s supervise.Service) *door {
	return &door{Service: s, name: name, ledger: l}
}

func (d *door) Serve(ctx context.Context) error {
	d.ledger.mu.Lock()
	d.ledger.open[d.name] = true
	d.ledger.mu.Unlock()
	return d.Service.Serve(ctx)
}

func (d *door) Close() error {
	d.ledger.mu.Lock()
	if !d.ledger.open[d.name] {
		d.ledger.closed = append(d.ledger.closed, d.name+" again")
	}
	d.ledger.open[d.name] = false
	d.ledger.closed = append(d.ledger.closed, d.name)
	d.ledger.mu.Unlock()
	if d.closing != nil {
		return d.closing()
	}
	return nil
}

func TestCloserIsClosedWhenItComesToRest(t *testing.T) {
	boom := func(context.Context) error { return errBoom }
	for _, c := range []struct {
		name   string
		serve  supervise.Func
		policy supervise.Policy
		want   []string // events after the start
	}{
		{"done", func(context.Context) error { return supervise.ErrDone }, supervise.Policy{}, []string{
			"tend/w stopping 1", "tend/w done 1",
		}},
		{"failed", boom, supervise.Policy{Restart: supervise.Never}, []string{
			"tend/w stopping 1", "tend/w failed 1: boom",
		}},
		{"given up", boom, supervise.Policy{MaxRestarts: -1}, []string{
			"tend/w stopping 1", "tend stopping 1", "tend/w failed 1: gave up after 0 restarts within 1m0s: boom",
		}},
		{"fatal", func(context.Context) error { return supervise.Fatal(errBoom) }, supervise.Policy{}, []string{
			"tend/w stopping 1", "tend stopping 1", "tend/w failed 1: boom",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLedger()
				tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
					{Name: "a", Service: supervise.Func(idle)},
					{Name: "w", Service: l.door("w", c.serve), Policy: c.policy},
				}})
				l.wantClosed(t, "w")
				var got []string
				for _, e := range tr.events.Events() {
					if line := supervisetest.Line(e); strings.HasPrefix(line, "tend/w s") || slices.Contains(c.want, line) {
						got = append(got, line)
					}
				}
				if diff := cmp.Diff(append([]string{"tend/w starting 1"}, c.want...), got); diff != "" {
					t.Errorf("events (-want +got):\n%s", diff)
				}
				_ = tr.stop()
				l.wantClosed(t)
			})
		})
	}
}

func TestCloserIsClosedAtTheEndOfTheTreeInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "a", Service: l.door("a", supervise.Func(idle))},
			{Name: "g", Service: &supervise.Group{Children: []supervise.Child{
				{Name: "b", Service: l.door("b", supervise.Func(idle))},
				{Name: "h", Service: &supervise.Group{Children: []supervise.Child{
					{Name: "c", Service: l.door("c", supervise.Func(idle))},
				}}},
			}}},
			{Name: "d", Service: l.door("d", supervise.Func(idle))},
		}})
		l.wantClosed(t)
		tr.forget()
		tr.ends(0, nil)
		l.wantClosed(t, "d", "c", "b", "a")
		tr.want(
			"tend stopping 1", "tend/d stopping 1", "tend/d stopped 1",
			"tend/g stopping 1", "tend/g/h stopping 1", "tend/g/h/c stopping 1", "tend/g/h/c stopped 1", "tend/g/h stopped 1",
			"tend/g/b stopping 1", "tend/g/b stopped 1", "tend/g stopped 1",
			"tend/a stopping 1", "tend/a stopped 1", "tend stopped 1",
		)
	})
}

func TestCloserIsNotClosedBetweenTwoRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s := newLedger(), newScript()
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "w", Service: l.door("w", s)},
		}})
		s.end(errBoom)
		time.Sleep(time.Minute)
		s.end(nil)
		time.Sleep(time.Minute)
		s.do(func() error { panic("boom") })
		time.Sleep(time.Minute)
		s.do(func() error { runtime.Goexit(); return nil })
		time.Sleep(time.Minute)
		tr.calls("Restart", "tend/w")
		l.wantClosed(t)
		if got := tr.child("tend/w").Run; got != 6 {
			t.Errorf("run %d, want 6", got)
		}
		tr.ends(0, nil)
		l.wantClosed(t, "w")
	})
}

func TestCloserInBackoffIsClosedWhenItIsStopped(t *testing.T) {
	for name, stop := range map[string]func(*tree) error{
		"by an operator": func(tr *tree) error { return tr.Stop(tr.t.Context(), "tend/w") },
		"with its tree":  func(tr *tree) error { return tr.stop() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLedger()
				tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
					{Name: "w", Service: l.door("w", returns(errBoom)), Policy: hours},
				}})
				l.wantClosed(t)
				takes(t, name, 0, nil, func() error { return stop(tr) })
				l.wantClosed(t, "w")
				if got := tr.child("tend/w").State; got != supervise.Stopped {
					t.Errorf("state %v, want stopped", got)
				}
			})
		})
	}
}

// twoDoors is a OneForAll group of two doors, the second of which does as s says.
func twoDoors(l *ledger, s *script) *supervise.Group {
	return &supervise.Group{Name: "tend", Strategy: supervise.OneForAll, Children: []supervise.Child{
		{Name: "a", Service: l.door("a", supervise.Func(idle))},
		{Name: "b", Service: l.door("b", s), Policy: supervise.Policy{MinBackoff: time.Minute}},
	}}
}

func TestCloserIsNotClosedWhenAStrategyRunsItAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s := newLedger(), newScript()
		tr := serve(t, twoDoors(l, s))
		s.end(errBoom)
		time.Sleep(time.Hour)
		l.wantClosed(t)
		tr.ends(0, nil)
		l.wantClosed(t, "b", "a")
	})
}

func TestCloserThatWaitsForItsTurnIsClosedWhenTheTurnWillNotCome(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(*tree) error
		want []string
	}{
		"the tree ends":           {func(tr *tree) error { return tr.stop() }, []string{"b", "a"}},
		"an operator stops it":    {func(tr *tree) error { return tr.Stop(tr.t.Context(), "tend/a") }, []string{"a"}},
		"an operator stops other": {func(tr *tree) error { return tr.Stop(tr.t.Context(), "tend/b") }, []string{"b"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, s := newLedger(), newScript()
				tr := serve(t, twoDoors(l, s))
				s.end(errBoom) // a is stopped until the backoff of b is over
				synctest.Wait()
				if got := tr.states(); got != "a=stopped b=backoff" {
					t.Fatalf("states %s", got)
				}
				takes(t, name, 0, nil, func() error { return c.end(tr) })
				l.wantClosed(t, c.want...)
			})
		})
	}
}

func TestCloserInAGroupIsClosedOnlyWhenNobodyAboveRunsItAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s := newLedger(), newScript()
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "top", Service: supervise.Func(idle)},
			{Name: "g", Policy: supervise.Policy{MaxRestarts: 2}, Service: &supervise.Group{Children: []supervise.Child{
				{Name: "a", Service: l.door("a", supervise.Func(idle))},
				{Name: "b", Service: l.door("b", s), Policy: supervise.Policy{MaxRestarts: -1}},
			}}},
		}})
		s.end(errBoom) // b is given up, so g fails, and runs again
		time.Sleep(time.Minute)
		l.wantClosed(t)
		tr.calls("Restart", "tend/g")
		l.wantClosed(t)
		tr.calls("Stop", "tend/g")
		l.wantClosed(t, "b", "a")
		tr.calls("Start", "tend/g")
		s.end(supervise.Fatal(errBoom))
		synctest.Wait()
		if err := tr.wait(); !errors.Is(err, errBoom) {
			t.Errorf("Serve: got %v, want boom", err)
		}
		l.wantClosed(t, "b", "a")
	})
}

// A child that had no turn in the last run of its group may still hold what it opened in an earlier one.
func TestCloserOfAnEarlierRunOfItsGroupIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		starts := 0
		first := supervise.Func(func(ctx context.Context) error {
			if starts++; starts > 1 {
				return errBoom
			}
			supervise.Ready(ctx)
			return idle(ctx)
		})
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "g", Policy: supervise.Policy{Restart: supervise.Never}, Service: &supervise.Group{Children: []supervise.Child{
				{Name: "a", Service: first, WaitReady: true, Policy: supervise.Policy{FailStart: true}},
				{Name: "b", Service: l.door("b", supervise.Func(idle))},
			}}},
		}})
		tr.calls("Restart", "tend/g")
		synctest.Wait()
		if got := tr.states(); got != "g=failed a=failed b=idle" {
			t.Errorf("states %s", got)
		}
		l.wantClosed(t, "b")
	})
}

func TestCloserHasTheRestOfItsStopTimeout(t *testing.T) {
	hang := func(end <-chan struct{}) func() error {
		return func() error { <-end; return nil }
	}
	for _, c := range []struct {
		name  string
		serve supervise.Func
		in    func(*door) *supervise.Group
		took  time.Duration
	}{
		{"told", slow(6 * time.Second), func(d *door) *supervise.Group { return single(d, supervise.Policy{}) }, 10*time.Second + 50*time.Millisecond},
		{"in backoff", returns(errBoom), func(d *door) *supervise.Group {
			return single(d, hours)
		}, 10*time.Second + 50*time.Millisecond},
		{"budget", slow(6 * time.Second), func(d *door) *supervise.Group {
			g := single(d, supervise.Policy{})
			g.StopTimeout = 7 * time.Second
			return g
		}, 7*time.Second + 500*time.Millisecond},
		{"below", slow(6 * time.Second), func(d *door) *supervise.Group {
			return single(single(d, supervise.Policy{}), supervise.Policy{})
		}, 16*time.Second + 50*time.Millisecond}, // it has one of its own
		{"below, budget", slow(6 * time.Second), func(d *door) *supervise.Group {
			g := single(single(d, supervise.Policy{StopTimeout: -1}), supervise.Policy{})
			g.StopTimeout = 7 * time.Second
			return g
		}, 7*time.Second + 500*time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, end := newLedger(), make(chan struct{})
				d := l.door("w", c.serve)
				d.closing = hang(end)
				tr := serve(t, c.in(d))
				tr.ends(c.took, supervise.ErrStuck)
				var stuck *supervise.StuckError
				if !errors.As(tr.err, &stuck) || !strings.Contains(string(stuck.Stacks), "closing_test.go") {
					t.Errorf("%v: want the stack of Close in it, got %s", tr.err, stuck.Stacks)
				}
				if err := tr.Serve(t.Context()); !errors.Is(err, supervise.ErrStuck) {
					t.Errorf("a second Serve while Close hangs: got %v, want ErrStuck", err)
				}
				close(end)
				synctest.Wait()
				ctx, cancel := context.WithCancel(t.Context())
				cancel()
				if err := tr.Serve(ctx); err != nil {
					t.Errorf("Serve once Close is back: got %v, want nil", err)
				}
			})
		})
	}
}

func TestCloserThatFailsHasNotStoppedCleanly(t *testing.T) {
	for name, closing := range map[string]func() error{
		"close failed":          func() error { return errors.New("close failed") },
		"panic: oops":           func() error { panic("oops") },
		"called runtime.Goexit": func() error { runtime.Goexit(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLedger()
				d, below := l.door("w", supervise.Func(idle)), l.door("x", supervise.Func(idle))
				d.closing, below.closing = closing, closing
				tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
					{Name: "w", Service: d},
					{Name: "g", Service: &supervise.Group{Children: []supervise.Child{{Name: "x", Service: below}}}},
				}})
				err := tr.Stop(t.Context(), "tend/w")
				var child *supervise.ChildError
				if !errors.As(err, &child) || err.Error() != "tend/w: "+name {
					t.Errorf("Stop: got %v, want tend/w: %s", err, name)
				}
				tr.calls("Start", "tend/w")
				tr.forget()
				tr.cancel()
				err = tr.wait()
				var stop *supervise.StopError
				if !errors.As(err, &stop) || len(stop.Children) != 2 {
					t.Fatalf("Serve: got %v, want a StopError of two", err)
				}
				if got := fmt.Sprint(stop.Children[0].Error(), ", ", stop.Children[1].Error()); got != "tend/g/x: "+name+", tend/w: "+name {
					t.Errorf("got %s", got)
				}
				l.wantClosed(t, "w", "x", "w")
			})
		})
	}
}

func TestCloserThatIsWantedAgainRunsOnceItIsClosed(t *testing.T) {
	for _, call := range []string{"Start", "Restart"} {
		t.Run(call, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLedger()
				d := l.door("w", supervise.Func(idle))
				d.closing = func() error { time.Sleep(time.Second); return nil }
				tr := serve(t, single(d, supervise.Policy{}))
				tr.forget()
				stopped := tr.beside("Stop", "tend/w")
				takes(t, call, time.Second, nil, func() error { return verbs(tr.Group)[call](t.Context(), "tend/w") })
				synctest.Wait()
				if err := <-stopped; err != nil {
					t.Errorf("Stop: %v", err)
				}
				tr.want("tend/w stopping 1", "tend/w starting 2", "tend/w running 2")
				l.wantClosed(t, "w")
				tr.ends(time.Second, nil)
			})
		})
	}
}

func TestCloserIsOpenedAnewByALaterServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		g := single(l.door("w", supervise.Func(idle)), supervise.Policy{})
		for range 2 {
			tr := serve(t, g)
			tr.ends(0, nil)
			l.wantClosed(t, "w")
		}
	})
}

func TestCloserThatWasStoppedIsNotClosedAgainWithItsGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "g", Service: &supervise.Group{Children: []supervise.Child{
				{Name: "a", Service: l.door("a", supervise.Func(idle))},
				{Name: "b", Service: l.door("b", supervise.Func(idle))},
			}}},
		}})
		tr.calls("Stop", "tend/g/a")
		l.wantClosed(t, "a")
		tr.ends(0, nil)
		l.wantClosed(t, "b")
	})
}

func TestPoolClosesItsMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, s := newLedger(), newScript()
		p := &supervise.Pool{}
		tr := serve(t, single(p, supervise.Policy{}))
		for _, err := range []error{
			p.Add("a", l.door("a", s)), p.Add("b", l.door("b", supervise.Func(idle))), p.Add("c", l.door("c", supervise.Func(idle))),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		s.end(errBoom)
		time.Sleep(time.Minute)
		l.wantClosed(t) // it runs again
		s.end(supervise.ErrDone)
		l.wantClosed(t, "a")
		if err := p.Remove(t.Context(), "b"); err != nil {
			t.Error(err)
		}
		l.wantClosed(t, "b")
		tr.calls("Restart", "tend/w") // no member survives that
		l.wantClosed(t, "c")
		if n := p.Len(); n != 0 {
			t.Errorf("%d members, want none", n)
		}
		tr.ends(0, nil)
		l.wantClosed(t)
	})
}

// A group that suture serves inside a run is the top of a tree of its own, as far as closing goes.
func TestGroupBelowSutureClosesAtTheEndOfItsServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		inner := &supervise.Group{Name: "g", Children: []supervise.Child{{Name: "x", Service: l.door("x", supervise.Func(idle))}}}
		tr := serve(t, single(supervise.Func(func(ctx context.Context) error {
			s := suture.NewSimple("theirs")
			s.Add(inner)
			return s.Serve(ctx)
		}), supervise.Policy{}))
		l.wantClosed(t)
		tr.ends(0, nil)
		l.wantClosed(t, "x")
	})
}

// A child that an operator has stopped while its group was coming up again still holds what it opened before.
func TestCloserThatIsStoppedBeforeItsTurnIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		starts := 0
		first := supervise.Func(func(ctx context.Context) error {
			if starts++; starts > 1 {
				time.Sleep(time.Second)
			}
			supervise.Ready(ctx)
			return idle(ctx)
		})
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "g", Service: &supervise.Group{Children: []supervise.Child{
				{Name: "a", Service: first, WaitReady: true},
				{Name: "b", Service: l.door("b", supervise.Func(idle))},
			}}},
		}})
		tr.calls("Restart", "tend/g")
		synctest.Wait()
		tr.calls("Stop", "tend/g/b")
		l.wantClosed(t)
		time.Sleep(2 * time.Second)
		l.wantClosed(t, "b")
		if got := tr.child("tend/g/b").State; got != supervise.Stopped {
			t.Errorf("state %v, want stopped", got)
		}
		tr.ends(0, nil)
	})
}
