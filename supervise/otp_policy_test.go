package supervise_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/thejerf/suture/v4"

	"tend.example/tend/supervise"
)

// OTP cases 14 to 29: what follows the end of a run, by its policy.

const (
	always    = supervise.Always
	onFailure = supervise.OnFailure
	never     = supervise.Never
)

// end is a way in which a run ends.
func end(err error) func() error { return func() error { return err } }

func goexit() error {
	runtime.Goexit()
	return nil
}

func panics(v any) func() error { return func() error { panic(v) } }

// culprit is looked for in stacks.
func culprit() error { panic("oops") }

// watched serves a, which idles, and w, which the test commands, and forgets that they started.
func watched(t *testing.T, restart supervise.Restart) (*tree, *script) {
	t.Helper()
	w := newScript()
	tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
		{Name: "a", Service: supervise.Func(idle)},
		{Name: "w", Service: w, Policy: supervise.Policy{Restart: restart, MinBackoff: -1}},
	}})
	tr.forget()
	return tr, w
}

// wantAfter ends the first run of w, and wants exactly these events of w, and none of a.
func wantAfter(t *testing.T, restart supervise.Restart, ending func() error, lines ...string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Helper()
		tr, w := watched(t, restart)
		w.do(ending)
		tr.want(lines...)
		time.Sleep(24 * time.Hour)
		tr.want()
		if err := tr.stop(); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

// wantRestart is wantAfter with a restart because of the reason: "" or ": reason".
func wantRestart(t *testing.T, restart supervise.Restart, ending func() error, reason string) {
	t.Helper()
	wantAfter(t, restart, ending, "tend/w backoff 1"+reason, "tend/w starting 2", "tend/w running 2")
}

// revive starts w, which is at rest after its first run.
func revive(t *testing.T, tr *tree) {
	t.Helper()
	if err := tr.Start(t.Context(), "tend/w"); err != nil {
		t.Errorf("Start: %v", err)
	}
	tr.want("tend/w starting 2", "tend/w running 2")
}

func TestOTP14PermanentNormal(t *testing.T) {
	wantRestart(t, always, end(nil), "")
}

func TestOTP14PermanentDone(t *testing.T) {
	wantAfter(t, always, end(supervise.ErrDone), "tend/w done 1")
	wantAfter(t, always, end(suture.ErrDoNotRestart), "tend/w done 1")
	wantAfter(t, always, end(fmt.Errorf("all moved: %w", supervise.ErrDone)),
		"tend/w done 1: all moved: service should not be restarted")
	wantAfter(t, always, end(errors.Join(errBoom, supervise.ErrDone)),
		"tend/w done 1: boom\nservice should not be restarted")
}

func TestOTP15PermanentShutdown(t *testing.T) {
	wantRestart(t, always, end(context.Canceled), ": context canceled")
	wantRestart(t, always, end(context.DeadlineExceeded), ": context deadline exceeded")
	wantRestart(t, always, end(supervise.ErrStop), ": told to stop")
}

// Somebody else's cancelled context is an ordinary failure, not a stop.
func TestOTP15ShutdownOfAnotherContext(t *testing.T) {
	wantRestart(t, onFailure, end(context.Canceled), ": context canceled")
	wantRestart(t, onFailure, end(fmt.Errorf("query: %w", context.Canceled)), ": query: context canceled")
	wantAfter(t, never, end(context.Canceled), "tend/w failed 1: context canceled")
}

func TestOTP16PermanentAbnormal(t *testing.T) {
	wantRestart(t, always, end(errBoom), ": boom")
	synctest.Test(t, func(t *testing.T) {
		tr, w := watched(t, always)
		w.end(errBoom)
		got := tr.child("tend/w")
		if got.Run != 2 || got.Restarts != 1 || !errors.Is(got.Err, errBoom) || got.State != supervise.Running {
			t.Errorf("status: got %+v, want run 2, 1 restart, boom, running", got)
		}
	})
}

func TestOTP17Panic(t *testing.T) {
	wantRestart(t, always, culprit, ": panic: oops")
	wantRestart(t, onFailure, culprit, ": panic: oops")
	synctest.Test(t, func(t *testing.T) {
		tr, w := watched(t, always)
		w.do(culprit)
		var panicked *supervise.PanicError
		if err := tr.child("tend/w").Err; !errors.As(err, &panicked) {
			t.Fatalf("status: got %#v, want a PanicError", err)
		}
		if panicked.Value != "oops" {
			t.Errorf("value: got %v, want oops", panicked.Value)
		}
		if stack := string(panicked.Stack); !strings.Contains(stack, "supervise_test.culprit") {
			t.Errorf("want culprit in the stack:\n%s", stack)
		}
	})
}

// A goroutine that died is brought back however often it does.
func TestOTP18Goexit(t *testing.T) {
	wantRestart(t, always, goexit, ": called runtime.Goexit")
	wantRestart(t, onFailure, goexit, ": called runtime.Goexit")
	synctest.Test(t, func(t *testing.T) {
		tr, w := watched(t, always)
		for run := 1; run <= 20; run++ {
			w.do(goexit)
			tr.want(fmt.Sprintf("tend/w backoff %d: called runtime.Goexit", run),
				fmt.Sprintf("tend/w starting %d", run+1), fmt.Sprintf("tend/w running %d", run+1))
		}
		if err := tr.stop(); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

// Where no restart follows the goroutine is gone for good, and that harms neither Start nor the end.
func TestOTP18GoexitAtTheEnd(t *testing.T) {
	wantAfter(t, never, goexit, "tend/w failed 1: called runtime.Goexit")
	synctest.Test(t, func(t *testing.T) {
		tr, w := watched(t, never)
		w.do(goexit)
		tr.want("tend/w failed 1: called runtime.Goexit")
		revive(t, tr)
		if err := tr.stop(); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

func TestOTP19PanicNil(t *testing.T) {
	wantRestart(t, always, panics(nil), ": panic: "+new(runtime.PanicNilError).Error())
	wantAfter(t, never, panics(nil), "tend/w failed 1: panic: "+new(runtime.PanicNilError).Error())
}

func TestOTP20TransientNormal(t *testing.T) {
	wantAfter(t, onFailure, end(nil), "tend/w done 1")
	synctest.Test(t, func(t *testing.T) {
		tr, w := watched(t, onFailure)
		w.end(nil)
		if got, want := tr.states(), "a=running w=done"; got != want {
			t.Errorf("states: got %q, want %q", got, want)
		}
		tr.forget()
		revive(t, tr)
	})
}

func TestOTP21TransientShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr, _ := watched(t, onFailure)
		if err := tr.Stop(t.Context(), "tend/w"); err != nil {
			t.Errorf("Stop: %v", err)
		}
		time.Sleep(24 * time.Hour)
		tr.want("tend/w stopping 1", "tend/w stopped 1")
		if got, want := tr.states(), "a=running w=stopped"; got != want {
			t.Errorf("states: got %q, want %q", got, want)
		}
		revive(t, tr)
	})
}

func TestOTP22TransientAbnormal(t *testing.T) {
	wantRestart(t, onFailure, end(errBoom), ": boom")
	wantAfter(t, onFailure, end(supervise.ErrDone), "tend/w done 1")
}

func TestOTP23TemporaryNormal(t *testing.T) {
	wantAfter(t, never, end(nil), "tend/w done 1")
	synctest.Test(t, func(t *testing.T) {
		tr, w := watched(t, never)
		w.end(nil)
		tr.want("tend/w done 1")
		revive(t, tr)
	})
}

func TestOTP24TemporaryAbnormal(t *testing.T) {
	wantAfter(t, never, end(errBoom), "tend/w failed 1: boom")
	wantAfter(t, never, culprit, "tend/w failed 1: panic: oops")
	wantAfter(t, never, end(supervise.ErrDone), "tend/w done 1")
	synctest.Test(t, func(t *testing.T) {
		tr, w := watched(t, never)
		w.end(errBoom)
		tr.want("tend/w failed 1: boom")
		revive(t, tr)
		w.end(errBoom)
		tr.want("tend/w failed 2: boom")
	})
}

// Never and an error is Failed, and the group lives on, even when nothing else is in it.
func TestOTP24TemporaryAbnormalAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "w", Service: returns(errBoom), Policy: supervise.Policy{Restart: never}},
		}})
		time.Sleep(24 * time.Hour)
		tr.want("tend starting 1", "tend/w starting 1", "tend/w running 1", "tend running 1", "tend/w failed 1: boom")
		if err := tr.stop(); err != nil {
			t.Errorf("Serve: %v", err)
		}
		tr.want("tend stopping 1", "tend stopped 1")
	})
}

// wantFatal ends the first run of w, and wants the tree to end because of it.
func wantFatal(t *testing.T, restart supervise.Restart, ending func() error, text string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Helper()
		tr, w := watched(t, restart)
		w.do(ending)
		err := tr.wait()
		tr.want("tend/w failed 1: "+text, "tend stopping 1",
			"tend/a stopping 1", "tend/a stopped 1", "tend failed 1: tend/w: "+text)
		wantChildError(t, err, "tend/w")
		if !errors.Is(err, suture.ErrTerminateSupervisorTree) {
			t.Errorf("Serve: got %v, want it to be fatal to suture as well", err)
		}
	})
}

func TestOTP26FatalBeatsDone(t *testing.T) {
	fatal := supervise.Fatal(errBoom)
	for _, tt := range []struct {
		name string
		err  error
		text string
	}{
		{"fatal", fatal, "boom"},
		{"suture's", suture.ErrTerminateSupervisorTree, "tree should be terminated"},
		{"wrapped", fmt.Errorf("disk: %w", fatal), "disk: boom"},
		{"joined after done", errors.Join(supervise.ErrDone, fatal), "service should not be restarted\nboom"},
		{"joined before done", errors.Join(fatal, supervise.ErrDone), "boom\nservice should not be restarted"},
		{"of done", supervise.Fatal(supervise.ErrDone), "service should not be restarted"},
		{"of nothing", supervise.Fatal(nil), "fatal"},
	} {
		for _, restart := range []supervise.Restart{always, onFailure, never} {
			t.Run(fmt.Sprintf("%s, %v", tt.name, restart), func(t *testing.T) {
				wantFatal(t, restart, end(tt.err), tt.text)
			})
		}
	}
}

// Fatal passes every group, each of which stops in order before the one above.
func TestOTP26FatalFromBelow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newScript()
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "a", Service: supervise.Func(idle)},
			{Name: "g", Policy: supervise.Policy{Restart: never}, Service: &supervise.Group{Children: []supervise.Child{
				{Name: "x", Service: supervise.Func(idle)},
				{Name: "w", Service: w},
				{Name: "y", Service: supervise.Func(idle)},
			}}},
			{Name: "z", Service: supervise.Func(idle)},
		}})
		tr.forget()
		w.end(supervise.Fatal(&supervise.ExitError{Code: 78, Err: errBoom}))
		err := tr.wait()
		tr.want("tend/g/w failed 1: boom",
			"tend/g/y stopping 1", "tend/g/y stopped 1", "tend/g/x stopping 1", "tend/g/x stopped 1",
			"tend/g failed 1: tend/g/w: boom", "tend stopping 1",
			"tend/z stopping 1", "tend/z stopped 1", "tend/a stopping 1", "tend/a stopped 1",
			"tend failed 1: tend/g/w: boom")
		if code := supervise.ExitCode(err); code != 78 || !errors.Is(err, errBoom) {
			t.Errorf("Serve: got %v, exit code %d; want boom, 78", err, code)
		}
	})
}

func TestOTP27PanicWithFatal(t *testing.T) {
	fatal := supervise.Fatal(errBoom)
	wantFatal(t, always, panics(fatal), "panic: boom")
	wantFatal(t, never, panics(fmt.Errorf("disk: %w", fatal)), "panic: disk: boom")
	wantFatal(t, onFailure, panics(errors.Join(supervise.ErrDone, fatal)), "panic: service should not be restarted\nboom")
}

// lastWords is a service that ends in its own way when it is told to stop.
func lastWords(ending func() error) supervise.Func {
	return func(ctx context.Context) error {
		<-ctx.Done()
		return ending()
	}
}

func TestOTP28FatalWhileStopping(t *testing.T) {
	fatal := supervise.Fatal(&supervise.ExitError{Code: 78, Err: errBoom})
	for _, tt := range []struct {
		name string
		w    supervise.Func
		text string
	}{
		{"returned", lastWords(end(fatal)), "boom"},
		{"joined to a clean answer", lastWords(end(errors.Join(context.Canceled, fatal))), "context canceled\nboom"},
		{"joined to done", lastWords(end(errors.Join(supervise.ErrDone, fatal))), "service should not be restarted\nboom"},
		{"panic", lastWords(panics(fatal)), "panic: boom"},
		{"of a goroutine", func(ctx context.Context) error {
			supervise.Go(ctx, lastWords(end(fatal)))
			return idle(ctx)
		}, "boom"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testFatalWhileStopping(t, tt.w, tt.text) })
		})
	}
}

func testFatalWhileStopping(t *testing.T, w supervise.Func, text string) {
	tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
		{Name: "a", Service: supervise.Func(idle)},
		{Name: "w", Service: w},
	}})
	tr.forget()
	err := tr.stop()
	tr.want("tend stopping 1", "tend/w stopping 1", "tend/w failed 1: "+text,
		"tend/a stopping 1", "tend/a stopped 1", "tend failed 1: tend/w: "+text)
	if code := supervise.ExitCode(err); code != 78 || !errors.Is(err, errBoom) {
		t.Errorf("Serve: got %v, exit code %d; want boom, 78", err, code)
	}
}

// A run that an operator stops can still be fatal.
func TestOTP28FatalWhileAnOperatorStops(t *testing.T) {
	for name, ask := range map[string]func(*tree, context.Context, string) error{
		"stop":    func(tr *tree, ctx context.Context, path string) error { return tr.Stop(ctx, path) },
		"restart": func(tr *tree, ctx context.Context, path string) error { return tr.Restart(ctx, path) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
					{Name: "a", Service: supervise.Func(idle)},
					{Name: "w", Service: lastWords(end(supervise.Fatal(errBoom)))},
				}})
				if err := ask(tr, t.Context(), "tend/w"); !errors.Is(err, errBoom) {
					t.Errorf("%s: got %v, want boom", name, err)
				}
				wantChildError(t, tr.wait(), "tend/w")
				if got, want := tr.states(), "a=stopped w=failed"; got != want {
					t.Errorf("states: got %q, want %q", got, want)
				}
			})
		})
	}
}

func TestOTP29TwoFatalsAtOnce(t *testing.T) {
	errOne, errTwo := errors.New("one"), errors.New("two")
	for _, concurrent := range []bool{false, true} {
		t.Run(fmt.Sprintf("concurrent=%t", concurrent), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				die := make(chan struct{})
				dies := func(err error) supervise.Func {
					return func(context.Context) error {
						<-die
						return supervise.Fatal(err)
					}
				}
				tr := serve(t, &supervise.Group{Name: "tend", Concurrent: concurrent, Children: []supervise.Child{
					{Name: "a", Service: dies(errOne)},
					{Name: "b", Service: dies(errTwo)},
				}})
				close(die)
				if err := tr.wait(); !errors.Is(err, errOne) || !errors.Is(err, errTwo) {
					t.Errorf("Serve: got %v, want one and two", err)
				}
				if got, want := tr.states(), "a=failed b=failed"; got != want {
					t.Errorf("states: got %q, want %q", got, want)
				}
			})
		})
	}
}

// The second comes by itself while the first already ends the tree, before its turn to stop.
func TestOTP29SecondFatalWhileFalling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newScript(), newScript()
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "a", Service: a},
			{Name: "b", Service: b},
			{Name: "c", Service: slow(time.Second)},
		}})
		tr.forget()
		b.end(supervise.Fatal(errors.New("first")))
		tr.want("tend/b failed 1: first", "tend stopping 1", "tend/c stopping 1")
		a.end(supervise.Fatal(errors.New("second")))
		tr.want("tend/a failed 1: second")
		err := tr.wait()
		tr.want("tend/c stopped 1", "tend failed 1: tend/b: first; tend/a: second")
		if code := supervise.ExitCode(err); code != 1 {
			t.Errorf("exit code: got %d, want 1", code)
		}
	})
}
