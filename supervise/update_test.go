package supervise_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tend.example/tend/supervise"
)

// fresh is a child that idles, as a value that can be told from others.
func fresh(name string) supervise.Child {
	return supervise.Child{Name: name, Service: newScript(), Policy: noBackoff}
}

// gated is ready when its gate is open.
type gated struct{ gate chan struct{} }

func (*gated) NotifiesReady() {}

func (g *gated) Serve(ctx context.Context) error {
	<-g.gate
	supervise.Ready(ctx)
	return idle(ctx)
}

// list is the children of these names out of some.
func list(from map[string]supervise.Child, names string) []supervise.Child {
	var children []supervise.Child
	for name := range strings.FieldsSeq(names) {
		if _, ok := from[name]; !ok {
			from[name] = fresh(name)
		}
		children = append(children, from[name])
	}
	return children
}

func (tr *tree) update(children ...supervise.Child) {
	tr.t.Helper()
	if err := tr.Update(tr.t.Context(), children); err != nil {
		tr.t.Errorf("Update: got %v, want nil", err)
	}
}

func TestUpdateStopsInReverseAndStartsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		known := map[string]supervise.Child{}
		tr := serve(t, &supervise.Group{Name: "tend", Children: list(known, "a b c d e")})
		tr.forget()
		known["c"] = fresh("c")
		tr.update(list(known, "x a c y e z")...)
		tr.want(
			"tend/d stopping 1", "tend/d stopped 1", "tend/c stopping 1", "tend/c stopped 1", "tend/b stopping 1", "tend/b stopped 1",
			"tend/x starting 1", "tend/x running 1", "tend/c starting 2", "tend/c running 2",
			"tend/y starting 1", "tend/y running 1", "tend/z starting 1", "tend/z running 1",
		)
		if got, want := tr.states(), "x=running a=running c=running y=running e=running z=running"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		tr.cancel()
		<-tr.ended
		tr.want(
			"tend stopping 1", "tend/z stopping 1", "tend/z stopped 1", "tend/e stopping 1", "tend/e stopped 1", "tend/y stopping 1", "tend/y stopped 1",
			"tend/c stopping 2", "tend/c stopped 2", "tend/a stopping 1", "tend/a stopped 1", "tend/x stopping 1", "tend/x stopped 1", "tend stopped 1",
		)
	})
}

func TestUpdateWaitsForReadiness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		known := map[string]supervise.Child{}
		tr := serve(t, &supervise.Group{Name: "tend", Children: list(known, "a b")})
		tr.forget()
		gate := make(chan struct{})
		late := supervise.Child{Name: "late", Service: &gated{gate}}
		done := make(chan error, 1)
		go func() {
			done <- tr.Update(t.Context(), []supervise.Child{known["a"], late, list(known, "x")[0], known["b"]})
		}()
		tr.want("tend/late starting 1")
		if got, want := tr.states(), "a=running late=starting x=idle b=running"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if err := tr.Update(t.Context(), nil); err == nil || err.Error() != "update tend: another update is under way" {
			t.Errorf("a second update: got %v", err)
		}
		close(gate)
		if err := <-done; err != nil {
			t.Error(err)
		}
		tr.want("tend/late running 1", "tend/x starting 1", "tend/x running 1")
	})
}

func TestUpdateOfPolicies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		known := map[string]supervise.Child{}
		tr := serve(t, &supervise.Group{Name: "tend", Children: list(known, "a b")})
		tr.forget()
		byHand := supervise.Policy{MinBackoff: time.Minute, MaxBackoff: time.Minute}
		for _, path := range []string{"tend/a", "tend/b"} {
			if err := tr.SetPolicy(path, byHand); err != nil {
				t.Fatal(err)
			}
		}
		a := known["a"]
		a.Policy = supervise.Policy{MinBackoff: time.Hour, MaxBackoff: time.Hour}
		tr.update(a, known["b"])
		if got := tr.child("tend/a").Policy.MinBackoff; got != time.Hour {
			t.Errorf("a, whose policy is new in the list: got %v, want 1h", got)
		}
		if got := tr.child("tend/b").Policy.MinBackoff; got != time.Minute {
			t.Errorf("b, whose is not: got %v, want 1m", got)
		}
		tr.want()
	})
}

func TestUpdateLeavesABackoffAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := supervise.Child{Name: "w", Service: newScript(), Policy: supervise.Policy{MinBackoff: time.Hour, MaxBackoff: time.Hour}}
		known := map[string]supervise.Child{"w": w}
		tr := serve(t, &supervise.Group{Name: "tend", Children: list(known, "a w")})
		w.Service.(*script).end(errBoom)
		synctest.Wait()
		before := tr.child("tend/w")
		tr.update(list(known, "x w a")...)
		if got := tr.child("tend/w"); got.State != supervise.Backoff || !got.Next.Equal(before.Next) || got.Restarts != 0 {
			t.Errorf("got %+v, want the same backoff", got)
		}
	})
}

func TestUpdateKeepsWhatAnOperatorStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		known := map[string]supervise.Child{}
		tr := serve(t, &supervise.Group{Name: "tend", Children: list(known, "a b c")})
		for _, path := range []string{"tend/a", "tend/b"} {
			if err := tr.Stop(t.Context(), path); err != nil {
				t.Fatal(err)
			}
		}
		known["b"], known["c"] = fresh("b"), fresh("c")
		tr.update(list(known, "x a b c")...)
		if got, want := tr.states(), "x=running a=stopped b=stopped c=running"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if err := tr.Start(t.Context(), "tend/b"); err != nil {
			t.Error(err)
		}
		if got := tr.child("tend/b"); got.State != supervise.Running || got.Run != 2 {
			t.Errorf("got %+v, want the second run", got)
		}
	})
}

func TestUpdateLastsForTheNextServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		known := map[string]supervise.Child{}
		g := &supervise.Group{Name: "tend", Children: list(known, "a b")}
		if err := g.Update(t.Context(), list(known, "b x")); err != nil { // before the first
			t.Fatal(err)
		}
		for _, c := range g.Status().Children {
			if c.Name == "a" {
				t.Error("a is in the status")
			}
		}
		tr := serve(t, g)
		tr.update(list(known, "x y")...)
		if err := tr.stop(); err != nil {
			t.Error(err)
		}
		tr = serve(t, g)
		if got, want := tr.states(), "x=running y=running"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if got := tr.child("tend/y").Run; got != 2 {
			t.Errorf("run of y: got %d, want 2", got)
		}
		if names := fmt.Sprint(g.Current()[0].Name, g.Current()[1].Name); names != "xy" {
			t.Errorf("Current: got %s", names)
		}
	})
}

func TestUpdateGoesIntoGroupsThatStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		known := map[string]supervise.Child{}
		inner := func(names string) supervise.Child {
			return supervise.Child{Name: "g", Service: &supervise.Group{Strategy: supervise.RestForOne, Children: list(known, names)}}
		}
		first := inner("a b c")
		tr := serve(t, &supervise.Group{Name: "tend", Children: append(list(known, "x"), first)})
		tr.forget()
		tr.update(append(list(known, "x y"), inner("a c d"))...)
		tr.want("tend/g/b stopping 1", "tend/g/b stopped 1", "tend/y starting 1", "tend/y running 1", "tend/g/d starting 1", "tend/g/d running 1")
		if tr.Current()[2].Service != first.Service {
			t.Error("the group is another")
		}
		if err := tr.Stop(t.Context(), "tend/g"); err != nil {
			t.Fatal(err)
		}
		tr.update(append(list(known, "x y"), inner("e"))...) // for its next Serve
		if err := tr.Start(t.Context(), "tend/g"); err != nil {
			t.Fatal(err)
		}
		if got, want := tr.states(), "x=running y=running g=running e=running"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		other := inner("e")
		other.Service.(*supervise.Group).Strategy = supervise.OneForAll // is another group
		tr.update(append(list(known, "x"), other)...)
		if got := tr.child("tend/g"); got.Run != 3 {
			t.Errorf("g: got run %d, want 3", got.Run)
		}
	})
}

func TestUpdateClosesWhatLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLedger()
		open := func(name string) supervise.Child {
			return supervise.Child{Name: name, Service: l.door(name, newScript()), Policy: supervise.Policy{MinBackoff: time.Hour}}
		}
		a, b, c := open("a"), open("b"), open("c")
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{a, b, c}})
		c.Service.(*door).Service.(*script).end(errBoom)
		synctest.Wait()
		tr.update(a, open("b"))
		l.wantClosed(t, "c", "b") // c out of its backoff
		inner := supervise.Child{Name: "g", Service: &supervise.Group{Children: []supervise.Child{fresh("p")}}}
		tr.update(a, inner)
		l.wantClosed(t, "b")
		tr.update(a, supervise.Child{Name: "g", Service: &supervise.Group{Children: []supervise.Child{fresh("p"), open("d")}}})
		if err := tr.stop(); err != nil {
			t.Error(err)
		}
		l.wantClosed(t, "d", "a") // in a group that had nothing to close before
	})
}

func TestUpdateAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		known := map[string]supervise.Child{}
		tr := serve(t, &supervise.Group{Name: "tend", Children: append(list(known, "a"),
			supervise.Child{Name: "bad", Service: supervise.Func(func(ctx context.Context) error { <-ctx.Done(); return errBoom })},
			supervise.Child{Name: "slow", Service: slow(time.Second)},
		)})
		tr.forget()
		err := tr.Update(t.Context(), append(list(known, "a"), supervise.Child{Name: "a", Service: newScript()}))
		if !errors.Is(err, supervise.ErrDuplicate) {
			t.Errorf("two of one name: got %v", err)
		}
		tr.want()

		hurry, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := tr.Update(hurry, list(known, "a")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the ctx's", err)
		}
		if got, want := tr.states(), "a=running bad=running slow=stopping"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		time.Sleep(time.Second)
		if err := tr.Start(t.Context(), "tend/slow"); err != nil {
			t.Errorf("after an update that came to nothing: %v", err)
		}

		fails := supervise.Child{Name: "fails", Service: returns(errBoom), WaitReady: true, Policy: supervise.Policy{MinBackoff: time.Hour}}
		err = tr.Update(t.Context(), append(list(known, "a"), fails))
		for _, path := range []string{"tend/bad", "tend/fails"} {
			if !strings.Contains(fmt.Sprint(err), path+": boom") {
				t.Errorf("got %v, want %s in it", err, path)
			}
		}
		if got, want := tr.states(), "a=running fails=backoff"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if err := tr.Restart(t.Context(), "tend/bad"); !errors.Is(err, supervise.ErrNoChild) {
			t.Errorf("restart of one that has left: got %v", err)
		}
		if err := tr.stop(); err != nil {
			t.Error(err)
		}
		if err := tr.Update(t.Context(), list(known, "a")); err != nil {
			t.Errorf("after Serve: %v", err)
		}
	})
}

func TestUpdateWhileStopping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		known := map[string]supervise.Child{}
		tr := serve(t, &supervise.Group{Name: "tend", Children: append(list(known, "a"), supervise.Child{Name: "slow", Service: slow(time.Second)})})
		tr.cancel()
		synctest.Wait()
		if err := tr.Update(t.Context(), list(known, "a x")); !errors.Is(err, supervise.ErrNotServing) {
			t.Errorf("got %v, want ErrNotServing", err)
		}
	})
}

func TestUpdateToNothingIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{fresh("a")}})
		tr.update()
		if err := tr.wait(); !errors.Is(err, supervise.ErrDone) {
			t.Errorf("got %v, want ErrDone", err)
		}
	})
}

func TestUpdateForgetsWhoHasLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		known := map[string]supervise.Child{}
		over := supervise.Child{Name: "over", Service: returns(supervise.ErrDone)}
		tr := serve(t, &supervise.Group{Name: "tend", Children: append(list(known, "a"), over)})
		tr.update(list(known, "a")...)
		if got, want := tr.states(), "a=running"; got != want { // and not done, as one of two was
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestUpdateInTheMiddleOfARise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		known := map[string]supervise.Child{}
		gate := make(chan struct{})
		late := supervise.Child{Name: "late", Service: &gated{gate}}
		tr := serve(t, &supervise.Group{Name: "tend", Children: append(append(list(known, "a"), late), list(known, "b c")...)})
		done := make(chan error, 1)
		go func() {
			done <- tr.Update(t.Context(), append(append(list(known, "x b a"), late), list(known, "c")...))
		}()
		// b had not begun, and is before late now.
		if got, want := tr.states(), "x=running b=running a=running late=starting c=idle"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if got := tr.Status().State; got != supervise.Starting {
			t.Errorf("the group: got %v, want starting", got)
		}
		close(gate)
		if err := <-done; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if got := tr.Status().State; got != supervise.Running {
			t.Errorf("the group: got %v, want running", got)
		}
	})
}

// What is in both lists keeps its run, whatever else happens; the order is that of the list.
func TestUpdateAtRandom(t *testing.T) {
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 0))
			strategy := supervise.Strategy(rnd.IntN(3))
			known := map[string]supervise.Child{}
			draw := func() []supervise.Child {
				var names []string
				for _, i := range rnd.Perm(8)[:1+rnd.IntN(7)] {
					names = append(names, string(rune('a'+i)))
				}
				return list(known, strings.Join(names, " "))
			}
			children := draw()
			tr := serve(t, &supervise.Group{Name: "tend", Strategy: strategy, Children: children})
			for range 10 {
				before := map[string]supervise.Status{}
				for _, c := range tr.Status().Children {
					before[c.Name] = c
				}
				changed := map[string]bool{}
				for name := range known {
					if rnd.IntN(5) == 0 {
						known[name], changed[name] = fresh(name), true
					}
				}
				children = draw()
				tr.update(children...)
				synctest.Wait()
				st := tr.Status()
				if len(st.Children) != len(children) {
					t.Fatalf("seed %d: %d children, want %d", seed, len(st.Children), len(children))
				}
				for i, c := range st.Children {
					if c.Name != children[i].Name || c.State != supervise.Running {
						t.Fatalf("seed %d: child %d is %s, %v; want %s, running", seed, i, c.Name, c.State, children[i].Name)
					}
					old, was := before[c.Name]
					if want := old.Run + 1; was && changed[c.Name] && c.Run != want || was && !changed[c.Name] && c.Run != old.Run || !was && c.Run != 1 {
						t.Fatalf("seed %d: %s was in run %d, changed %v, and is in run %d", seed, c.Name, old.Run, changed[c.Name], c.Run)
					}
				}
				if rnd.IntN(2) == 0 { // and the strategies know where everybody stands
					i := rnd.IntN(len(children))
					children[i].Service.(*script).end(errBoom)
					synctest.Wait()
					for j, c := range tr.Status().Children {
						again := j == i || strategy == supervise.OneForAll || strategy == supervise.RestForOne && j > i
						if ran := c.Run > st.Children[j].Run; ran != again {
							t.Fatalf("seed %d, %v: %d failed, and %d ran again: %v", seed, strategy, i, j, ran)
						}
					}
				}
			}
			if err := tr.stop(); err != nil {
				t.Errorf("seed %d: %v", seed, err)
			}
		})
	}
}

// An update may come while a strategy stops children, waits for a delay, or starts them again.
func TestUpdateInTheMiddleOfAStrategy(t *testing.T) {
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			known := map[string]supervise.Child{}
			for i := range 6 {
				known[string(rune('a'+i))] = supervise.Child{
					Name: string(rune('a' + i)), Service: &sluggish{script: newScript(), takes: time.Duration(rnd.IntN(3)) * time.Second},
					Policy: supervise.Policy{MinBackoff: 2 * time.Second, MaxBackoff: 2 * time.Second},
				}
			}
			tr := serve(t, &supervise.Group{Name: "tend", Strategy: supervise.Strategy(1 + rnd.IntN(2)), Children: list(known, "a b c d e")})
			time.Sleep(20 * time.Second)
			known[string(rune('a'+rnd.IntN(5)))].Service.(*sluggish).end(errBoom)
			time.Sleep(time.Duration(rnd.IntN(12000)) * time.Millisecond)
			perm := rnd.Perm(6)[:1+rnd.IntN(5)]
			var names []string
			for _, i := range perm {
				names = append(names, string(rune('a'+i)))
			}
			tr.update(list(known, strings.Join(names, " "))...)
			time.Sleep(time.Minute)
			synctest.Wait()
			for i, c := range tr.Status().Children {
				if c.Name != names[i] || c.State != supervise.Running {
					t.Fatalf("seed %d: child %d is %s, %v; want %s, running", seed, i, c.Name, c.State, names[i])
				}
			}
			if got := tr.Status(); got.State != supervise.Running || len(got.Children) != len(names) {
				t.Fatalf("seed %d: got %v with %d children, want running with %d", seed, got.State, len(got.Children), len(names))
			}
			if err := tr.stop(); err != nil {
				t.Errorf("seed %d: %v", seed, err)
			}
		})
	}
}

// sluggish takes its time to be ready and to stop.
type sluggish struct {
	*script
	takes time.Duration
}

func (*sluggish) NotifiesReady() {}

func (s *sluggish) Serve(ctx context.Context) error {
	time.Sleep(s.takes)
	err := s.script.Serve(ctx)
	if ctx.Err() != nil {
		time.Sleep(s.takes)
	}
	return err
}
