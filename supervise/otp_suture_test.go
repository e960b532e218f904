package supervise_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/thejerf/suture/v4"

	"tend.example/tend/supervise"
)

// Case 94 in depth: three levels each way, and each in the other in turn.

// sutures puts services under levels of suture.Supervisors, one inside the other.
func sutures(levels int, services ...suture.Service) *suture.Supervisor {
	s := suture.New(fmt.Sprintf("level %d", levels), suture.Spec{EventHook: func(suture.Event) {}})
	if levels > 1 {
		services = []suture.Service{sutures(levels-1, services...)}
	}
	for _, service := range services {
		s.Add(service)
	}
	return s
}

// anew is three levels of suture that can be served again and again.
func anew(services ...suture.Service) supervise.Func {
	return func(ctx context.Context) error { return sutures(3, services...).Serve(ctx) }
}

// leaves is a group g of a, w, z, of which z takes a second to stop.
func leaves(w supervise.Service, p supervise.Policy) *supervise.Group {
	return &supervise.Group{Name: "g", Children: []supervise.Child{
		{Name: "a", Service: supervise.Func(idle)},
		{Name: "w", Service: w, Policy: p},
		{Name: "z", Service: slow(time.Second)},
	}}
}

// up and down are the events of leaves.
func up(path string, run int) []string {
	return fill("%[1]s starting %[2]d", "%[1]s/a starting %[2]d", "%[1]s/a running %[2]d",
		"%[1]s/w starting %[2]d", "%[1]s/w running %[2]d", "%[1]s/z starting %[2]d", "%[1]s/z running %[2]d",
		"%[1]s running %[2]d")(path, run)
}

func down(path string, run int) []string {
	return fill("%[1]s stopping %[2]d", "%[1]s/z stopping %[2]d", "%[1]s/z stopped %[2]d",
		"%[1]s/w stopping %[2]d", "%[1]s/w stopped %[2]d", "%[1]s/a stopping %[2]d", "%[1]s/a stopped %[2]d",
		"%[1]s stopped %[2]d")(path, run)
}

func fill(lines ...string) func(path string, run int) []string {
	return func(path string, run int) []string {
		var out []string
		for _, l := range lines {
			out = append(out, fmt.Sprintf(l, path, run))
		}
		return out
	}
}

func TestOTP94GroupUnderSuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newScript()
		g := leaves(w, notOnce)
		tr := serveIn(t, g, sutures(3, g))
		tr.want(up("g", 1)...)
		w.end(errBoom) // the group fails, and suture restarts it
		time.Sleep(time.Second)
		tr.want(slices.Concat([]string{
			"g/w failed 1: " + gaveUp, "g stopping 1", "g/z stopping 1", "g/z stopped 1",
			"g/a stopping 1", "g/a stopped 1", "g failed 1: g/w: " + gaveUp,
		}, up("g", 2))...)
		tr.ends(time.Second, context.Canceled)
		tr.want(down("g", 2)...)
	})
}

func TestOTP94FatalUnderSuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newScript()
		g := leaves(w, noBackoff)
		tr := serveIn(t, g, sutures(3, g))
		w.end(supervise.Fatal(errBoom))
		takes(t, "suture", time.Second, suture.ErrTerminateSupervisorTree, tr.wait)
		var child *supervise.ChildError
		if !errors.As(tr.err, &child) || child.Path != "g/w" || !errors.Is(tr.err, errBoom) {
			t.Errorf("suture returned %v, want the ChildError of g/w", tr.err)
		}
	})
}

func TestOTP94StuckUnderSutureEndsSuturesTree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := single(deaf(t), within(time.Second))
		tr := serveIn(t, g, sutures(3, g))
		takes(t, "Stop", 1050*time.Millisecond, supervise.ErrStuck, func() error { return tr.Stop(t.Context(), "tend/w") })
		synctest.Wait()
		select {
		case <-tr.ended:
			takes(t, "suture", 0, suture.ErrTerminateSupervisorTree, tr.wait)
		default:
			t.Error("suture goes on beside a stuck run")
		}
	})
}

func TestOTP94DoneUnderSuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newScript()
		g := single(w, transientNow)
		tr := serveIn(t, g, sutures(3, g))
		tr.forget()
		w.end(nil)
		time.Sleep(time.Hour)
		tr.want("tend/w done 1", "tend stopping 1", "tend done 1") // and is not run again
		tr.ends(0, context.Canceled)
	})
}

// foreign is a tree tend, with anew as its child foreign and g below.
func foreign(g *supervise.Group) *supervise.Group {
	return &supervise.Group{Name: "tend", Children: []supervise.Child{
		{Name: "foreign", Service: anew(g), WaitReady: true, Policy: noBackoff},
		{Name: "last", Service: supervise.Func(idle)},
	}}
}

func TestOTP94SutureUnderAGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newScript()
		tr := serve(t, foreign(leaves(w, noBackoff)))
		// The group below calls Ready, and suture passes the ctx on: so foreign is ready when g is.
		tr.want(slices.Concat([]string{"tend starting 1", "tend/foreign starting 1"}, up("tend/foreign/g", 1),
			[]string{"tend/foreign running 1", "tend/last starting 1", "tend/last running 1", "tend running 1"})...)
		if got, want := tr.states(), "foreign=running g=running a=running w=running z=running last=running"; got != want {
			t.Errorf("states: got %q, want %q", got, want)
		}
		if got := tr.child("tend/foreign/g/w"); got.Path != "tend/foreign/g/w" || got.Run != 1 {
			t.Errorf("status: got %s in run %d, want tend/foreign/g/w in run 1", got.Path, got.Run)
		}
		w.end(errBoom)
		tr.want("tend/foreign/g/w backoff 1: boom", "tend/foreign/g/w starting 2", "tend/foreign/g/w running 2")
		tr.calls("Restart", "tend/last")
		tr.forget()
		tr.ends(time.Second, nil)
		tr.want(slices.Concat([]string{"tend stopping 1", "tend/last stopping 2", "tend/last stopped 2", "tend/foreign stopping 1"},
			[]string{
				"tend/foreign/g stopping 1", "tend/foreign/g/z stopping 1", "tend/foreign/g/z stopped 1",
				"tend/foreign/g/w stopping 2", "tend/foreign/g/w stopped 2", "tend/foreign/g/a stopping 1", "tend/foreign/g/a stopped 1",
			},
			[]string{"tend/foreign/g stopped 1", "tend/foreign stopped 1", "tend stopped 1"})...)
	})
}

func TestOTP94SteeringThroughSuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, foreign(leaves(supervise.Func(idle), noBackoff)))
		tr.forget()
		tr.calls("Stop", "tend/foreign/g/w")
		tr.want("tend/foreign/g/w stopping 1", "tend/foreign/g/w stopped 1")
		tr.calls("Start", "tend/foreign/g/w")
		tr.want("tend/foreign/g/w starting 2", "tend/foreign/g/w running 2")
		for _, path := range []string{"tend/foreign/x", "tend/foreign/x/w", "tend/foreign/g/x", "tend/foreign/g", "tend/foreign/level 1"} {
			if err := tr.Stop(t.Context(), path); !errors.Is(err, supervise.ErrNoChild) {
				t.Errorf("Stop %s: got %v, want ErrNoChild", path, err)
			}
		}
		tr.want()
	})
}

func TestOTP94RestartOfSutureUnderAGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, foreign(leaves(supervise.Func(idle), noBackoff)))
		tr.forget()
		takes(t, "Restart", time.Second, nil, func() error { return tr.Restart(t.Context(), "tend/foreign") })
		tr.want(slices.Concat([]string{"tend/foreign stopping 1: told to restart"}, down("tend/foreign/g", 1),
			[]string{"tend/foreign starting 2"}, up("tend/foreign/g", 2), []string{"tend/foreign running 2"})...)
	})
}

func TestOTP94FatalThroughSuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newScript()
		tr := serve(t, foreign(leaves(w, noBackoff)))
		tr.forget()
		w.end(supervise.Fatal(&supervise.ExitError{Code: 78, Err: errBoom}))
		takes(t, "Serve", time.Second, errBoom, tr.wait)
		const text = ": tend/foreign/g/w: boom"
		tr.want("tend/foreign/g/w failed 1: boom", "tend/foreign/g stopping 1",
			"tend/foreign/g/z stopping 1", "tend/foreign/g/z stopped 1", "tend/foreign/g/a stopping 1", "tend/foreign/g/a stopped 1",
			"tend/foreign/g failed 1"+text, "tend/foreign failed 1"+text,
			"tend stopping 1", "tend/last stopping 1", "tend/last stopped 1", "tend failed 1"+text)
		if got := supervise.ExitCode(tr.err); got != 78 {
			t.Errorf("ExitCode: got %d, want 78", got)
		}
	})
}

func TestOTP94ForeignVerdictsMeanWhatTheyMeanInSuture(t *testing.T) {
	for _, c := range []struct {
		err   error
		state string
		text  string
	}{
		{suture.ErrDoNotRestart, "w=done z=running", ""},
		{suture.ErrTerminateSupervisorTree, "w=failed z=stopped", "tend/w: " + suture.ErrTerminateSupervisorTree.Error()},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newScript()
			g := single(w, noBackoff)
			g.Children = append(g.Children, supervise.Child{Name: "z", Service: supervise.Func(idle)})
			tr := serve(t, g)
			w.end(c.err)
			if got := tr.states(); got != c.state {
				t.Errorf("states: got %q, want %q", got, c.state)
			}
			if err := tr.stop(); err != nil && err.Error() != c.text || err == nil && c.text != "" {
				t.Errorf("Serve: got %v, want %q", err, c.text)
			}
		})
	}
}

// alternate is a group in three sutures in a group, and so on, down to a leaf.
func alternate(levels int, leaf supervise.Service) *supervise.Group {
	if levels == 1 {
		return &supervise.Group{Name: "g1", Children: []supervise.Child{{Name: "w", Service: leaf, Policy: noBackoff}}}
	}
	return &supervise.Group{Name: fmt.Sprintf("g%d", levels), Children: []supervise.Child{
		{Name: "s", WaitReady: true, Service: anew(alternate(levels-1, leaf))},
	}}
}

func TestOTP94EachInTheOtherInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newScript()
		tr := serve(t, alternate(3, w))
		const path = "g3/s/g2/s/g1/w"
		tr.want("g3 starting 1", "g3/s starting 1", "g3/s/g2 starting 1", "g3/s/g2/s starting 1", "g3/s/g2/s/g1 starting 1",
			path+" starting 1", path+" running 1", "g3/s/g2/s/g1 running 1", "g3/s/g2/s running 1", "g3/s/g2 running 1",
			"g3/s running 1", "g3 running 1")
		tr.calls("Stop", path)
		tr.calls("Start", path)
		tr.want(path+" stopping 1", path+" stopped 1", path+" starting 2", path+" running 2")
		if diff := cmp.Diff("s=running g2=running s=running g1=running w=running", tr.states()); diff != "" {
			t.Errorf("states (-want +got):\n%s", diff)
		}
		w.end(supervise.Fatal(errBoom))
		takes(t, "Serve", 0, errBoom, tr.wait)
		if got, want := tr.err.Error(), path+": boom"; got != want {
			t.Errorf("Serve: got %q, want %q", got, want)
		}
	})
}

func TestOTP94TwoGroupsInsideARunNeedTwoNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var second error
		both := supervise.Func(func(ctx context.Context) error {
			supervise.Go(ctx, leaves(supervise.Func(idle), noBackoff).Serve)
			supervise.Go(ctx, func(ctx context.Context) error {
				<-time.After(time.Second)
				second = leaves(supervise.Func(idle), noBackoff).Serve(ctx)
				return nil
			})
			return idle(ctx)
		})
		tr := serve(t, single(both, noBackoff))
		tr.forget()
		time.Sleep(time.Second)
		if tr.want(); !errors.Is(second, supervise.ErrDuplicate) {
			t.Errorf("the second Serve: got %v, want ErrDuplicate", second)
		}
		tr.ends(time.Second, nil)
	})
}

func TestOTP94BudgetThroughSuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := foreign(leaves(slow(5*time.Second), within(time.Minute)))
		g.Children[0].Policy.StopTimeout = 20 * time.Second
		tr := serve(t, g)
		tr.ends(6*time.Second, nil) // z and w, one after another
	})
}

// suture forgets what a service returns after it was cancelled; the tree must not.
func TestOTP94UncleanStopBelowSutureIsNotLost(t *testing.T) {
	for _, c := range []struct {
		name string
		w    func(t *testing.T) supervise.Func
		want string
	}{
		{"stuck", deaf, "tend/foreign/g/w: did not return when told to stop"},
		{"failed", func(*testing.T) supervise.Func {
			return ending(func(context.Context) error { return errBoom })
		}, "tend/foreign/g/w: boom"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := serve(t, foreign(leaves(c.w(t), within(time.Second))))
				wantUnclean(t, tr.stop(), c.want)
			})
		})
	}
}
