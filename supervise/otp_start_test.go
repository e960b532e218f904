package supervise_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tend.example/tend/supervise"
	"tend.example/tend/supervise/supervisetest"
)

// The tests called TestOTP... are the cases of Erlang/OTP's own supervisor test suite that have a
// meaning here, by number. These are about starting.

// neverReady runs until it is told to stop, and never calls Ready.
var neverReady = supervise.Func(idle)

// readyOnce is ready in its first run only; every later one fails before, with err.
func readyOnce(err error) (s supervise.Service, fail func()) {
	first := true
	die := make(chan struct{})
	return supervise.Func(func(ctx context.Context) error {
		if first {
			first = false
			supervise.Ready(ctx)
			<-die
		}
		return err
	}), func() { close(die) }
}

func TestOTP01StartNormal(t *testing.T) {
	t.Run("an empty group is done at once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			tr := serve(t, &supervise.Group{Name: "tend"})
			if err := tr.wait(); err != supervise.ErrDone { //nolint:errorlint // exactly ErrDone is promised
				t.Errorf("Serve: got %v, want ErrDone", err)
			}
			tr.want("tend starting 1", "tend running 1", "tend stopping 1", "tend done 1")
			if got := tr.Status().State; got != supervise.Done {
				t.Errorf("state: got %v, want done", got)
			}
		})
	})
	t.Run("but not when it is cancelled first", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			g := &supervise.Group{Name: "tend", OnEvent: func(e supervise.Event) { t.Errorf("event: %s", supervisetest.Line(e)) }}
			if err := g.Serve(ctx); err != nil {
				t.Errorf("Serve: got %v, want nil", err)
			}
			if got := g.Status().State; got != supervise.Idle {
				t.Errorf("state: got %v, want idle", got)
			}
		})
	})
	t.Run("an empty group below is done and no failure", func(t *testing.T) {
		for range 20 { // being ready and being done come at one moment
			synctest.Test(t, testEmptyBelow)
		}
	})
}

func testEmptyBelow(t *testing.T) {
	tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
		{Name: "g", Service: &supervise.Group{}},
	}})
	if err := tr.wait(); err != supervise.ErrDone { //nolint:errorlint // exactly ErrDone is promised
		t.Errorf("Serve: got %v, want ErrDone", err)
	}
	tr.want("tend starting 1", "tend/g starting 1", "tend/g running 1", "tend running 1",
		"tend/g done 1", "tend stopping 1", "tend done 1")
}

func TestOTP02IgnoreInit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "a", Service: supervise.Func(idle)},
			{Name: "b", Service: returns(supervise.ErrDone), WaitReady: true},
			{Name: "c", Service: supervise.Func(idle)},
		}})
		tr.want("tend starting 1", "tend/a starting 1", "tend/a running 1",
			"tend/b starting 1", "tend/b done 1",
			"tend/c starting 1", "tend/c running 1", "tend running 1")
		time.Sleep(time.Hour)
		tr.want()
		if got, want := tr.states(), "a=running b=done c=running"; got != want {
			t.Errorf("states: got %q, want %q", got, want)
		}
		if err := tr.stop(); err != nil {
			t.Errorf("Serve: %v", err)
		}
		tr.want("tend stopping 1", "tend/c stopping 1", "tend/c stopped 1",
			"tend/a stopping 1", "tend/a stopped 1", "tend stopped 1")
	})
}

func TestOTP03IgnoreTemporary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "a", Service: supervise.Func(idle)},
			{Name: "b", Service: returns(nil), Policy: supervise.Policy{Restart: supervise.Never}},
		}})
		time.Sleep(time.Hour)
		tr.want("tend starting 1", "tend/a starting 1", "tend/a running 1",
			"tend/b starting 1", "tend/b running 1", "tend running 1", "tend/b done 1")
		if err := tr.stop(); err != nil {
			t.Errorf("Serve: %v", err)
		}
		tr.want("tend stopping 1", "tend/a stopping 1", "tend/a stopped 1", "tend stopped 1")
	})
}

func TestOTP05StartErrorReturn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started := supervise.Func(func(context.Context) error {
			t.Error("a child of an invalid tree was started")
			return nil
		})
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "a", Service: started},
			{Name: "g", Service: &supervise.Group{Children: []supervise.Child{
				{Name: "x", Service: started},
				{Name: "y"},
			}}},
		}})
		err := tr.wait()
		if got, want := errText(err), "tend/g/y: Service: missing"; got != want {
			t.Errorf("Serve: got %q, want %q", got, want)
		}
		tr.want()
		if got, want := tr.states(), "a=idle g=idle x=idle y=idle"; got != want {
			t.Errorf("states: got %q, want %q", got, want)
		}
		tr.Children[1].Service = supervise.Func(idle) // it may be put right, and served
		tr.Children[0].Service = supervise.Func(idle)
		again := serve(t, tr.Group)
		if err := again.stop(); err != nil {
			t.Errorf("Serve of the repaired tree: %v", err)
		}
	})
}

// errText is err's text, "<nil>" for none.
func errText(err error) string {
	if err == nil {
		return "<nil>"
	}
	return err.Error()
}

func TestOTP06StartFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{
				Name: "a", Service: supervise.Func(func(context.Context) error { panic(errBoom) }),
				WaitReady: true, Policy: supervise.Policy{FailStart: true},
			},
			{Name: "b", Service: supervise.Func(idle)},
		}})
		err := tr.wait()
		tr.want("tend starting 1", "tend/a starting 1", "tend/a failed 1: panic: boom",
			"tend stopping 1", "tend failed 1: tend/a: panic: boom")
		wantChildError(t, err, "tend/a")
		var panicked *supervise.PanicError
		if !errors.As(err, &panicked) || panicked.Value != any(errBoom) || !errors.Is(err, errBoom) {
			t.Errorf("Serve: got %#v, want a PanicError of errBoom", err)
		}
	})
}

// wantChildError checks that err is a ChildError with the path and without a LimitError.
func wantChildError(t *testing.T, err error, path string) {
	t.Helper()
	var child *supervise.ChildError
	var limit *supervise.LimitError
	if !errors.As(err, &child) || child.Path != path {
		t.Errorf("got %#v, want a ChildError of %s", err, path)
	}
	if errors.As(err, &limit) {
		t.Errorf("got %v, want no LimitError", err)
	}
	if code := supervise.ExitCode(err); code != 1 {
		t.Errorf("exit code: got %d, want 1", code)
	}
}

func TestOTP07ChildReturnsError(t *testing.T) {
	t.Run("fails before it is ready", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
				{Name: "a", Service: returns(errBoom), WaitReady: true, Policy: supervise.Policy{FailStart: true}},
			}})
			err := tr.wait()
			tr.want("tend starting 1", "tend/a starting 1", "tend/a failed 1: boom",
				"tend stopping 1", "tend failed 1: tend/a: boom")
			wantChildError(t, err, "tend/a")
			if !errors.Is(err, errBoom) {
				t.Errorf("Serve: got %v, want it to hold boom", err)
			}
		})
	})
	t.Run("is not ready in time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
				{Name: "a", Service: neverReady, WaitReady: true, Policy: supervise.Policy{FailStart: true}},
			}})
			err := tr.wait()
			tr.want("tend starting 1", "tend/a starting 1",
				"tend/a stopping 1: not ready within its start timeout",
				"tend/a failed 1: not ready within its start timeout",
				"tend stopping 1", "tend failed 1: tend/a: not ready within its start timeout")
			wantChildError(t, err, "tend/a")
			if !errors.Is(err, supervise.ErrStartTimeout) {
				t.Errorf("Serve: got %v, want it to hold ErrStartTimeout", err)
			}
		})
	})
	t.Run("fails after it was ready once", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			a, fail := readyOnce(errBoom)
			tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
				{Name: "a", Service: a, WaitReady: true, Policy: supervise.Policy{FailStart: true}},
			}})
			tr.forget()
			fail()
			tr.want("tend/a backoff 1: boom")
			time.Sleep(150 * time.Millisecond)
			tr.want("tend/a starting 2", "tend/a backoff 2: boom")
		})
	})
	t.Run("without WaitReady there is no start to fail", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
				{Name: "a", Service: returns(errBoom), Policy: supervise.Policy{FailStart: true}},
			}})
			tr.want("tend starting 1", "tend/a starting 1", "tend/a running 1", "tend running 1", "tend/a backoff 1: boom")
		})
	})
}

func TestOTP08RestartChildReturnsError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "a", WaitReady: true, Service: supervise.Func(func(ctx context.Context) error {
				if broken.Load() {
					return errBoom
				}
				supervise.Ready(ctx)
				return idle(ctx)
			})},
		}})
		if err := tr.Stop(t.Context(), "tend/a"); err != nil {
			t.Errorf("Stop: %v", err)
		}
		tr.forget()
		broken.Store(true)
		err := tr.Start(t.Context(), "tend/a")
		tr.want("tend/a starting 2", "tend/a backoff 2: boom")
		want := &supervise.ChildError{Path: "tend/a", Err: errBoom}
		if diff := cmp.Diff(error(want), err, cmp.Comparer(sameErr)); diff != "" {
			t.Errorf("Start (-want +got):\n%s", diff)
		}
		broken.Store(false)
		time.Sleep(150 * time.Millisecond)
		tr.want("tend/a starting 3", "tend/a running 3")
	})
}

// sameErr compares errors by type and text.
func sameErr(a, b error) bool {
	return errors.Is(a, b) || a != nil && b != nil && a.Error() == b.Error()
}

func TestOTP09FaultyApplication(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "a", Service: slow(time.Second)},
			{Name: "b", Service: slow(time.Second)},
			{Name: "c", Service: returns(errBoom), WaitReady: true, Policy: supervise.Policy{FailStart: true}},
			{Name: "d", Service: supervise.Func(idle)},
		}})
		begin := time.Now()
		err := tr.wait()
		tr.want("tend starting 1", "tend/a starting 1", "tend/a running 1", "tend/b starting 1", "tend/b running 1",
			"tend/c starting 1", "tend/c failed 1: boom",
			"tend stopping 1", "tend/b stopping 1", "tend/b stopped 1", "tend/a stopping 1", "tend/a stopped 1",
			"tend failed 1: tend/c: boom")
		wantChildError(t, err, "tend/c")
		if took := time.Since(begin); took != 2*time.Second {
			t.Errorf("stopping b, then a, took %s, want 2s", took)
		}
		if got, want := tr.states(), "a=stopped b=stopped c=failed d=idle"; got != want {
			t.Errorf("states: got %q, want %q", got, want)
		}
	})
}

func TestOTP10StartTimeout(t *testing.T) {
	for _, tt := range []struct {
		name    string
		timeout time.Duration
		after   time.Duration
	}{
		{"given", 3 * time.Second, 3 * time.Second},
		{"default", 0, 30 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testStartTimeout(t, tt.timeout, tt.after) })
		})
	}
}

func testStartTimeout(t *testing.T, timeout, after time.Duration) {
	var cause error
	tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
		{
			Name: "a", WaitReady: true, Policy: supervise.Policy{MinBackoff: -1, StartTimeout: timeout},
			Service: supervise.Func(func(ctx context.Context) error {
				<-ctx.Done()
				cause = context.Cause(ctx)
				return ctx.Err()
			}),
		},
		{Name: "b", Service: supervise.Func(idle)},
	}})
	time.Sleep(after - time.Nanosecond)
	tr.want("tend starting 1", "tend/a starting 1")
	time.Sleep(time.Nanosecond)
	tr.want("tend/a stopping 1: not ready within its start timeout",
		"tend/a backoff 1: not ready within its start timeout", "tend/a starting 2")
	if cause != supervise.ErrStartTimeout { //nolint:errorlint // exactly that is promised
		t.Errorf("cause: got %v, want ErrStartTimeout", cause)
	}
	if err := tr.child("tend/a").Err; !errors.Is(err, supervise.ErrStartTimeout) {
		t.Errorf("status: got %v, want ErrStartTimeout", err)
	}
}

func TestOTP10StartTimeoutNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "a", Service: neverReady, WaitReady: true, Policy: supervise.Policy{StartTimeout: -1}},
		}})
		time.Sleep(24 * time.Hour)
		tr.want("tend starting 1", "tend/a starting 1")
	})
}

func TestOTP10StartTimeoutIsOverOnceReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "a", Service: newScript(), WaitReady: true, Policy: supervise.Policy{StartTimeout: time.Second}},
			{Name: "b", Service: neverReady, Policy: supervise.Policy{StartTimeout: time.Second}},
		}})
		time.Sleep(time.Hour)
		tr.want("tend starting 1", "tend/a starting 1", "tend/a running 1",
			"tend/b starting 1", "tend/b running 1", "tend running 1")
	})
}

func TestOTP10StartTimeoutKeepsTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "a", WaitReady: true, Service: supervise.Func(func(ctx context.Context) error {
				<-ctx.Done()
				supervise.Ready(ctx) // too late to count
				return errBoom
			})},
		}})
		time.Sleep(30 * time.Second)
		tr.want("tend starting 1", "tend/a starting 1", "tend/a stopping 1: not ready within its start timeout",
			"tend/a backoff 1: not ready within its start timeout; boom")
	})
}

func TestOTP10FatalAnswerToAStartTimeoutEndsTheTree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fatal := ending(func(context.Context) error { return supervise.Fatal(errBoom) })
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "a", Service: fatal, WaitReady: true}}})
		time.Sleep(30 * time.Second)
		tr.want("tend starting 1", "tend/a starting 1", "tend/a stopping 1: not ready within its start timeout",
			"tend/a failed 1: boom", "tend stopping 1", "tend failed 1: tend/a: boom")
	})
}

func TestOTP10StartTimeoutOfADeafRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "a", Service: supervise.Func(idle)},
			{Name: "b", Service: deaf(t), WaitReady: true, Policy: supervise.Policy{StartTimeout: time.Second, StopTimeout: time.Second}},
		}})
		begin := time.Now()
		err := tr.wait()
		tr.want("tend starting 1", "tend/a starting 1", "tend/a running 1", "tend/b starting 1",
			"tend/b stopping 1: not ready within its start timeout",
			"tend/b stuck 1: did not return when told to stop",
			"tend stopping 1", "tend/a stopping 1", "tend/a stopped 1",
			"tend failed 1: tend/b: did not return when told to stop")
		if took, want := time.Since(begin), 2*time.Second+50*time.Millisecond; took != want {
			t.Errorf("took %s, want %s", took, want)
		}
		if code := supervise.ExitCode(err); !errors.Is(err, supervise.ErrStuck) || code != 70 {
			t.Errorf("Serve: got %v, exit code %d; want ErrStuck, 70", err, code)
		}
	})
}

func TestOTP11Defaults(t *testing.T) {
	service := supervise.Policy{
		MinBackoff: 100 * time.Millisecond, MaxBackoff: 30 * time.Second, ResetAfter: 30 * time.Second,
		Window: time.Minute, StartTimeout: 30 * time.Second, StopTimeout: 10 * time.Second,
	}
	group := service
	group.StartTimeout, group.StopTimeout = -1, -1
	short := service
	short.MaxBackoff, short.ResetAfter = time.Second, 10*time.Second
	long := service
	long.MinBackoff, long.MaxBackoff, long.ResetAfter = time.Hour, time.Hour, time.Hour
	set := supervise.Policy{
		Restart: supervise.OnFailure, MinBackoff: 1, MaxBackoff: 2, ResetAfter: 3, MaxRestarts: 4, Window: 5,
		FailStart: true, StartTimeout: 6, StopTimeout: 7, CrashOnPanic: true,
	}
	off := service
	off.MinBackoff, off.MaxRestarts, off.StartTimeout, off.StopTimeout = -1, -1, -1, -1
	synctest.Test(t, func(t *testing.T) {
		g := &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "zero", Service: supervise.Func(idle)},
			{Name: "group", Service: &supervise.Group{Children: []supervise.Child{{Name: "x", Service: supervise.Func(idle)}}}},
			{Name: "short", Service: supervise.Func(idle), Policy: supervise.Policy{MaxBackoff: time.Second}},
			{Name: "long", Service: supervise.Func(idle), Policy: supervise.Policy{MinBackoff: time.Hour}},
			{Name: "set", Service: supervise.Func(idle), Policy: set},
			{Name: "off", Service: supervise.Func(idle), Policy: supervise.Policy{
				MinBackoff: -2, MaxRestarts: -2, StartTimeout: -2, StopTimeout: -2,
			}},
		}}
		want := map[string]supervise.Policy{"zero": service, "group": group, "group/x": service, "short": short, "long": long, "set": set, "off": off}
		wantPolicies(t, "before Serve", g.Status(), want)
		tr := serve(t, g)
		wantPolicies(t, "while serving", tr.Status(), want)
	})
}

// wantPolicies compares the policies in a status, by path below the root.
func wantPolicies(t *testing.T, when string, st supervise.Status, want map[string]supervise.Policy) {
	t.Helper()
	got := map[string]supervise.Policy{}
	var walk func(string, []supervise.Status)
	walk = func(above string, children []supervise.Status) {
		for _, c := range children {
			got[above+c.Name] = c.Policy
			walk(above+c.Name+"/", c.Children)
		}
	}
	walk("", st.Children)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("policies %s (-want +got):\n%s", when, diff)
	}
}
