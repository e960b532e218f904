package supervise_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tend.example/tend/supervise"
)

// OTP cases 12 and 13: which trees are refused before anything starts, and which are not.

// runner is a service that is a pointer, so that one value can be told from an equal one.
type runner struct{ supervise.Func }

func newRunner() *runner { return &runner{idle} }

// of is a valid child called "ok", followed by the children under test.
func of(children ...supervise.Child) *supervise.Group {
	ok := supervise.Child{Name: "ok", Service: newRunner()}
	return &supervise.Group{Name: "tend", Children: append([]supervise.Child{ok}, children...)}
}

func named(name string) supervise.Child { return supervise.Child{Name: name, Service: newRunner()} }

func kept(p supervise.Policy) supervise.Child {
	return supervise.Child{Name: "w", Service: newRunner(), Policy: p}
}

func twice() *supervise.Group {
	s := newRunner()
	return of(supervise.Child{Name: "v", Service: s}, supervise.Child{Name: "w", Service: s})
}

func twiceInTwoGroups() *supervise.Group {
	s := newRunner()
	sub := &supervise.Group{Children: []supervise.Child{{Name: "w", Service: s}}}
	return of(supervise.Child{Name: "v", Service: s}, supervise.Child{Name: "g", Service: sub})
}

func insideItself() *supervise.Group {
	g := of()
	g.Children = append(g.Children, supervise.Child{Name: "w", Service: g})
	return g
}

func withStopTimeout(d time.Duration) *supervise.Group {
	g := of()
	g.StopTimeout = d
	return g
}

func TestOTP12Validation(t *testing.T) {
	for _, tt := range []struct {
		name string
		tree *supervise.Group
		want []string // all of it is in the error
	}{
		{"no name", &supervise.Group{}, []string{"Name", "empty"}},
		{"slash in the root's name", &supervise.Group{Name: "te/nd"}, []string{`te/nd`, "Name", "slash"}},
		{"nil service", of(supervise.Child{Name: "w"}), []string{"tend/w", "Service"}},
		{"nil group", of(supervise.Child{Name: "w", Service: (*supervise.Group)(nil)}), []string{"tend/w", "Service"}},
		{"empty name", of(named("")), []string{"tend: child 1", "Name", "empty"}},
		{"slash", of(named("a/b")), []string{"tend: child 1", "Name", "slash", `"a/b"`}},
		{"only a slash", of(named("/")), []string{"tend: child 1", "Name", "slash"}},
		{"newline", of(named("a\nb")), []string{"tend: child 1", "Name", "control", `"a\nb"`}},
		{"nul", of(named("\x00")), []string{"tend: child 1", "Name", "control"}},
		{"control character of C1", of(named("a\u0085")), []string{"tend: child 1", "Name", "control"}},
		{"129 bytes", of(named(strings.Repeat("x", 129))), []string{"tend: child 1", "Name", "129"}},
		{"130 bytes, 65 runes", of(named(strings.Repeat("é", 65))), []string{"tend: child 1", "Name", "130"}},
		{"duplicate name", of(named("w"), named("w")), []string{"tend/w", "Name", "duplicate"}},
		{"same service twice", twice(), []string{"tend/w", "Service", "duplicate", "tend/v"}},
		{"same service in two groups", twiceInTwoGroups(), []string{"tend/g/w", "Service", "duplicate", "tend/v"}},
		{"a group in itself", insideItself(), []string{"tend/w: Service: duplicate: the same value is tend"}},
		{
			"significant and always", of(supervise.Child{Name: "w", Service: newRunner(), Significant: true}),
			[]string{"tend/w", "Significant", "Always"},
		},
		{"negative budget", withStopTimeout(-1), []string{"tend", "StopTimeout"}},
		{"backoff upside down", of(kept(supervise.Policy{MinBackoff: 2, MaxBackoff: 1})), []string{"tend/w", "Policy", "MinBackoff"}},
		{"negative window", of(kept(supervise.Policy{Window: -1})), []string{"tend/w", "Policy", "Window"}},
		{"negative longest backoff", of(kept(supervise.Policy{MaxBackoff: -1})), []string{"tend/w", "Policy", "MaxBackoff"}},
		{"negative reset", of(kept(supervise.Policy{ResetAfter: -1})), []string{"tend/w", "Policy", "ResetAfter"}},
		{"no such restart", of(kept(supervise.Policy{Restart: 3})), []string{"tend/w", "Policy", "Restart"}},
		{"negative restart", of(kept(supervise.Policy{Restart: -1})), []string{"tend/w", "Policy", "Restart"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { wantRefused(t, tt.tree, tt.want...) })
		})
	}
}

// wantRefused serves g and wants an error with all of texts in it, and no child started.
func wantRefused(t *testing.T, g *supervise.Group, texts ...string) {
	t.Helper()
	tr := serve(t, g)
	err := tr.stop()
	for _, text := range texts {
		if !strings.Contains(errText(err), text) {
			t.Errorf("Serve: got %q, want %q in it", errText(err), text)
		}
	}
	tr.want()
}

func TestOTP12ValidationFindsFaultsBelow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		deepest := &supervise.Group{StopTimeout: -1, Children: []supervise.Child{{Name: "w"}, named("a/b")}}
		wantRefused(t, of(supervise.Child{Name: "g", Service: &supervise.Group{Children: []supervise.Child{
			{Name: "h", Service: deepest},
		}}}), "tend/g/h: StopTimeout", "tend/g/h/w: Service", "tend/g/h: child 1: Name")
	})
}

func TestOTP12ValidationNamesEveryFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wantRefused(t, of(
			supervise.Child{Name: "nil"},
			supervise.Child{Name: "sig", Service: newRunner(), Significant: true},
			named("ok"),
		), "tend/nil: Service", "tend/sig: Significant", "tend/ok: Name")
	})
}

func TestOTP12ValidationDuplicateIsErrDuplicate(t *testing.T) {
	for name, g := range map[string]*supervise.Group{
		"name":    of(named("w"), named("w")),
		"service": twice(),
	} {
		synctest.Test(t, func(t *testing.T) {
			if err := serve(t, g).stop(); !errors.Is(err, supervise.ErrDuplicate) {
				t.Errorf("same %s: got %v, want ErrDuplicate", name, err)
			}
		})
	}
}

func TestOTP12ValidationAtItsLimits(t *testing.T) {
	fn := supervise.Func(idle) // a function has no identity, so it may stand twice
	for name, g := range map[string]*supervise.Group{
		"128 bytes":             of(named(strings.Repeat("x", 128))),
		"spaces and dots":       of(named(" "), named("."), named("a b")),
		"letters of all kinds":  of(named("größe"), named("寸法")),
		"names differ in case":  of(named("w"), named("W")),
		"same name, two groups": of(named("g"), supervise.Child{Name: "h", Service: of(named("g"))}),
		"same function twice":   of(supervise.Child{Name: "v", Service: fn}, supervise.Child{Name: "w", Service: fn}),
		"equal services":        of(supervise.Child{Name: "v", Service: nobody{}}, supervise.Child{Name: "w", Service: nobody{}}),
		"pointers to nothing":   of(supervise.Child{Name: "v", Service: &nobody{}}, supervise.Child{Name: "w", Service: &nobody{}}),
		"equal backoffs":        of(kept(supervise.Policy{MinBackoff: time.Second, MaxBackoff: time.Second})),
		"only a least backoff":  of(kept(supervise.Policy{MinBackoff: time.Minute})),
		"no least backoff":      of(kept(supervise.Policy{MinBackoff: -1, MaxBackoff: time.Second})),
		"no restart at all":     of(kept(supervise.Policy{MaxRestarts: -1})),
		"no timeouts":           of(kept(supervise.Policy{StartTimeout: -1, StopTimeout: -1})),
		"significant, once":     of(supervise.Child{Name: "w", Service: newRunner(), Significant: true, Policy: supervise.Policy{Restart: supervise.Never}}),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { wantAccepted(t, g) })
		})
	}
}

// nobody is a service of no size: all pointers to one may be the same.
type nobody struct{}

func (nobody) Serve(ctx context.Context) error { return idle(ctx) }

// wantAccepted serves g, wants it to come up, and stops it.
func wantAccepted(t *testing.T, g *supervise.Group) {
	t.Helper()
	tr := serve(t, g)
	if got := tr.Status().State; got != supervise.Running {
		t.Errorf("state: got %v, want running", got)
	}
	if err := tr.stop(); err != nil {
		t.Errorf("Serve: %v", err)
	}
}

// combinations are all children and groups that differ in their enumerations and switches.
func combinations() []*supervise.Group {
	var all []*supervise.Group
	for _, restart := range []supervise.Restart{supervise.Always, supervise.OnFailure, supervise.Never} {
		for bits := range 1 << 5 {
			on := func(bit int) bool { return bits>>bit&1 == 1 }
			all = append(all, &supervise.Group{Name: "tend", Concurrent: on(0), Children: []supervise.Child{{
				Name:        "w",
				WaitReady:   on(1),
				Significant: on(2),
				Policy:      supervise.Policy{Restart: restart, FailStart: on(3), CrashOnPanic: on(4)},
			}}})
		}
	}
	return all
}

func TestOTP13LegalCombinations(t *testing.T) {
	accepted := 0
	for _, g := range combinations() {
		child := &g.Children[0]
		if child.Significant && child.Policy.Restart == supervise.Always {
			continue // refused, by case 12
		}
		accepted++
		name := fmt.Sprintf("%+v concurrent=%t", *child, g.Concurrent)
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				child.Service = newScript()
				testComesUpAndStops(t, g)
			})
		})
	}
	if want := 80; accepted != want {
		t.Errorf("combinations: got %d, want %d", accepted, want)
	}
}

func testComesUpAndStops(t *testing.T, g *supervise.Group) {
	tr := serve(t, g)
	tr.want("tend starting 1", "tend/w starting 1", "tend/w running 1", "tend running 1")
	if err := tr.stop(); err != nil {
		t.Errorf("Serve: %v", err)
	}
	tr.want("tend stopping 1", "tend/w stopping 1", "tend/w stopped 1", "tend stopped 1")
}
