package supervisetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tend.example/tend/supervise"
)

func sprintf(format string, args ...any) string { return fmt.Sprintf(format, args...) }

// lone is a tree of one service that is restarted at once.
func lone(s supervise.Service) *supervise.Group {
	return &supervise.Group{Name: "g", Children: []supervise.Child{
		{Name: "a", Service: s, Policy: supervise.Policy{MinBackoff: -1}},
	}}
}

// serveTree serves g until the end of the test.
func serveTree(t *testing.T, g *supervise.Group) {
	t.Helper()
	ended := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(ended)
		_ = g.Serve(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
}

// flakyEvents are those of lone(Flaky(1, refused)).
var flakyEvents = []string{
	"g starting 1",
	"g/a starting 1",
	"g/a running 1",
	"g running 1",
	"g/a backoff 1: refused",
	"g/a starting 2",
	"g/a running 2",
}

func TestWantTakesTheWholeSequence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := lone(Flaky(1, errors.New("refused")))
		events := Record(t, g)
		serveTree(t, g)
		events.Want(flakyEvents...)
		synctest.Wait()
		events.Want()
	})
}

func TestWantWaitsOutsideOfABubble(t *testing.T) {
	g := lone(Flaky(1, errors.New("refused")))
	events := Record(t, g)
	serveTree(t, g)
	events.Want(flakyEvents...)
}

func TestWantFailsTheTest(t *testing.T) {
	all := flakyEvents
	for _, c := range []struct {
		name string
		want []string
		said string // "": whatever
	}{
		{"missing", append(all[:2:2], all[3:]...), ""},
		{"in excess", append(all[:len(all):len(all)], "g/a done 2"), ""},
		{"in another order", []string{all[1], all[0], all[2], all[3], all[4], all[5], all[6]}, ""},
		{"other text", []string{"g starting 1", "g/a starting 2"}, `events are not as wanted
want:
    g starting 1
  - g/a starting 2
got:
    g starting 1
  + g/a starting 1
  + g/a running 1
  + g running 1
  + g/a backoff 1: refused
  + g/a starting 2
  + g/a running 2
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := lone(Flaky(1, errors.New("refused")))
				said := saidBy(t, func(tb testing.TB) {
					events := Record(tb, g)
					serveTree(t, g)
					synctest.Wait()
					events.Want(c.want...)
				})
				if len(said) != 1 || c.said != "" && said[0] != c.said {
					t.Errorf("said %q, want %q", said, c.said)
				}
			})
		})
	}
}

func TestWaitForTakesNothingAway(t *testing.T) {
	g := lone(Flaky(1, errors.New("refused")))
	events := Record(t, g)
	serveTree(t, g)
	events.WaitFor("g/a running 2")
	events.WaitFor("g/a backoff 1: refused")
	events.Want(flakyEvents...)
}

func TestWaitForEndsATestThatWaitsInVain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := lone(Flaky(0, nil))
		said := saidBy(t, func(tb testing.TB) {
			events := Record(tb, g)
			serveTree(t, g)
			events.WaitFor("g/a running 2")
			t.Error("it went on")
		})
		want := []string{"no event: g/a running 2\ngot:\n\tg starting 1\n\tg/a starting 1\n\tg/a running 1\n\tg running 1"}
		if diff := cmp.Diff(want, said); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestEventsAreThoseThatNobodyTook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := lone(Flaky(0, nil))
		events := Record(t, g)
		serveTree(t, g)
		synctest.Wait()
		got := events.Events()
		if len(got) != 4 || got[1].Path != "g/a" || got[1].State != supervise.Starting {
			t.Errorf("got %v", got)
		}
		got[1].Path = "mine"
		if again := events.Events(); again[1].Path != "g/a" {
			t.Error("what Events gives is not the caller's own")
		}
		events.Forget()
		if got := events.Events(); len(got) != 0 {
			t.Errorf("after Forget: got %v, want none", got)
		}
	})
}

func TestRecordLeavesAnObserverInPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := lone(Flaky(0, nil))
		seen := 0
		g.OnEvent = func(supervise.Event) { seen++ }
		events := Record(t, g)
		serveTree(t, g)
		synctest.Wait()
		events.Want(flakyEvents[:4]...)
		if seen != 4 {
			t.Errorf("the observer saw %d events, want 4", seen)
		}
	})
}

func TestLineTellsOfDroppedEvents(t *testing.T) {
	e := supervise.Event{Path: "g/a", State: supervise.Failed, Run: 3, Err: errors.New("refused"), Dropped: 2}
	want := "g/a failed 3: refused (2 events dropped before this)"
	if got := Line(e); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestServicesFailToOrder(t *testing.T) {
	for _, c := range []struct {
		name    string
		service func(t *testing.T) supervise.Service
		policy  supervise.Policy
		want    []string
	}{
		{"flaky", func(*testing.T) supervise.Service { return Flaky(2, errors.New("refused")) }, supervise.Policy{}, []string{
			"g/a backoff 1: refused", "g/a starting 2", "g/a running 2",
			"g/a backoff 2: refused", "g/a starting 3", "g/a running 3",
		}},
		{"panics", func(*testing.T) supervise.Service { return PanicAfter(time.Second, "boom") }, supervise.Policy{MaxRestarts: 1, Window: time.Hour}, []string{
			"g/a backoff 1: panic: boom", "g/a starting 2", "g/a running 2", "g/a failed 2: gave up after 1 restarts within 1h0m0s: panic: boom",
		}},
		{"hangs", func(t *testing.T) supervise.Service { return Hang(t) }, supervise.Policy{Heartbeat: time.Second, StopTimeout: time.Second}, []string{
			"g/a stopping 1: hung: no sign of life within its heartbeat",
			"g/a stuck 1: did not return when told to stop",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := lone(c.service(t))
				g.Children[0].Policy = c.policy
				events := Record(t, g)
				serveTree(t, g)
				for _, line := range c.want {
					events.WaitFor(line)
				}
				var got []string
				for _, e := range events.Events()[4:] { // after the start
					got = append(got, Line(e))
				}
				if diff := cmp.Diff(c.want, got[:len(c.want)]); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestServicesThatFailToOrderKeepTheRestOfTheContract(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		TestService(t, func() supervise.Service { return PanicAfter(time.Hour, "boom") })
	})
}
