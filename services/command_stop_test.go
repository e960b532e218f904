//go:build unix

package services_test

import (
	"context"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

// serveProgram serves a tree of one command.
func serveProgram(t *testing.T, c *services.Command, policy supervise.Policy) *tree {
	t.Helper()
	tr := serve(t, supervise.Child{Name: "program", Service: c, Policy: policy})
	t.Cleanup(tr.cancel)
	return tr
}

// failure is that of a child that is not restarted.
func failure(t *testing.T, tr *tree) error {
	t.Helper()
	eventually(t, "it has failed", func() bool { return tr.child().State == supervise.Failed })
	if err := tr.stop(); err != nil {
		t.Errorf("stop the tree: got %v, want nil", err)
	}
	return tr.child().Err
}

// briefly is for programs that use all of it: long enough to start the step that ignores a signal.
const briefly = 500 * time.Millisecond

func TestStopEndsTheWholeGroup(t *testing.T) {
	h := newHolder(t)
	tr := serveProgram(t, program("child:hold:"+h.addr()+" hang", "hold:"+h.addr(), "hang"), supervise.Policy{})
	one, two := h.next(), h.next()
	if err := tr.stop(); err != nil {
		t.Errorf("got %v, want nil", err)
	}
	one.gone()
	two.gone()
}

func TestWhatAProgramStartedHasItsTimeToStop(t *testing.T) {
	parents, children, gate := newHolder(t), newHolder(t), newHolder(t)
	// The program ends at the signal, as a shell does that waits for a server; the server takes its time.
	server := "child:catch:15 hold:" + children.addr() + " caught await:" + gate.addr() + " hold:" + children.addr()
	tr := serveProgram(t, program(server, "hold:"+parents.addr(), "hang"), supervise.Policy{StopTimeout: time.Minute})
	parent, child := parents.next(), children.next()
	tr.cancel()
	parent.gone()
	gate.release()
	if last := children.next(); last.pid != child.pid {
		t.Errorf("process %d took its time, want %d", last.pid, child.pid)
	}
	if err := <-tr.ended; err != nil {
		t.Errorf("got %v, want nil", err)
	}
	child.gone()
}

func TestStopSignalIsTheOneThatIsSent(t *testing.T) {
	h := newHolder(t)
	c := program("ignore:15", "catch:2", "hold:"+h.addr(), "exit-on-signal:0")
	c.StopSignal = syscall.SIGINT
	tr := serveProgram(t, c, supervise.Policy{})
	h.next()
	if err := tr.stop(); err != nil {
		t.Errorf("got %v, want nil", err)
	}
}

func TestExitCodesAfterTheStopSignal(t *testing.T) {
	for code, clean := range map[string]bool{"0": true, "143": true, "1": false, "130": false} {
		t.Run(code, func(t *testing.T) {
			h := newHolder(t)
			tr := serveProgram(t, program("catch:15", "hold:"+h.addr(), "exit-on-signal:"+code), supervise.Policy{})
			h.next()
			err := tr.stop()
			var status *services.ExitStatusError
			if clean && err != nil || !clean && !errors.As(err, &status) {
				t.Errorf("got %v, want clean %v", err, clean)
			}
		})
	}
}

func TestWhatIgnoresTheStopSignalIsKilledAndNamed(t *testing.T) {
	for name, test := range map[string]struct {
		steps func(addr string) []string
		want  string
	}{
		"the program": {
			func(addr string) []string { return []string{"ignore:15", "hold:" + addr, "hang"} },
			"did not end in time after SIGTERM, and was killed: ",
		},
		"what it started": {
			func(addr string) []string { return []string{"child:ignore:15 hold:" + addr + " hang", "hang"} },
			"what it had started did not end in time after SIGTERM, and was killed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHolder(t)
			tr := serveProgram(t, program(test.steps(h.addr())...), supervise.Policy{StopTimeout: briefly})
			it := h.next()
			err := tr.stop()
			it.gone()
			var stop *supervise.StopError
			if !errors.As(err, &stop) || errors.Is(err, supervise.ErrStuck) {
				t.Fatalf("got %v, want a StopError, and nothing stuck", err)
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %q, want %q in it", err, test.want)
			}
		})
	}
}

func TestWhatAProgramLeavesBehindIsKilled(t *testing.T) {
	h, gate := newHolder(t), newHolder(t)
	var log logBook
	c := program("child:ignore:15 out:child\\n hold:"+h.addr()+" hang", "await:"+gate.addr(), "out:parent\\n")
	c.Log = log.logger()
	ended := make(chan error, 1)
	go func() { ended <- c.Serve(t.Context()) }()
	left := h.next()
	gate.release()
	if err := <-ended; err != nil { // nor does the pipe that is held hang it
		t.Errorf("got %v, want nil", err)
	}
	left.gone()
	for _, line := range []string{"child", "parent"} {
		if !log.has(t, line) {
			t.Errorf("no line %q in the log", line)
		}
	}
}

func TestWhoHasLeftTheGroupHangsNobody(t *testing.T) {
	h, gate := newHolder(t), newHolder(t)
	var log logBook
	c := program("stray:hold:"+h.addr()+" hang", "await:"+gate.addr(), "out:last")
	c.Log = log.logger()
	ended := make(chan error, 1)
	go func() { ended <- c.Serve(t.Context()) }()
	stray := h.next()
	gate.release()
	if err := <-ended; err != nil {
		t.Errorf("got %v, want nil", err)
	}
	if !log.has(t, "last") {
		t.Error("the last words are not in the log")
	}
	if err := syscall.Kill(stray.pid, syscall.SIGKILL); err != nil {
		t.Errorf("kill the stray: %v", err)
	}
	stray.gone()
}

// onceOf is a job that runs a command once.
func onceOf(c *services.Command) supervise.Service {
	return &services.Job{Schedule: services.AtOnce(services.Every(time.Hour)), Do: c.Run, Log: slog.New(slog.DiscardHandler)}
}

func TestAJobIsLeftToFinish(t *testing.T) {
	h, gate := newHolder(t), newHolder(t)
	c := program("hold:"+h.addr(), "await:"+gate.addr())
	tr := serve(t, supervise.Child{Name: "job", Service: onceOf(c), Policy: supervise.Policy{StopTimeout: time.Minute}})
	h.next()
	tr.cancel()
	eventually(t, "it is told to stop", func() bool { return tr.child().State == supervise.Stopping })
	gate.release()
	if err := <-tr.ended; err != nil {
		t.Errorf("got %v, want nil", err)
	}
}

func TestAJobThatDoesNotFinishIsNamed(t *testing.T) {
	for name, test := range map[string]struct {
		before, after string
		want          string
	}{
		"ended by the signal": {"out:", "hang", "not finished (out of time): "},
		"killed":              {"ignore:15", "hang", "not finished (out of time): did not end in time after SIGTERM, and was killed: "},
		"polite":              {"catch:15", "exit-on-signal:0", "ended with exit code 0 after SIGTERM"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHolder(t)
			c := program(test.before, "hold:"+h.addr(), test.after)
			tr := serve(t, supervise.Child{Name: "job", Service: onceOf(c), Policy: supervise.Policy{StopTimeout: briefly}})
			it := h.next()
			err := tr.stop()
			it.gone()
			var stop *supervise.StopError
			var status *services.ExitStatusError
			if !errors.As(err, &stop) || errors.As(err, &status) == (name == "polite") || errors.Is(err, supervise.ErrStuck) {
				t.Fatalf("got %v, want a StopError with an ExitStatusError unless it was polite, and nothing stuck", err)
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %q, want %q in it", err, test.want)
			}
		})
	}
}

func TestAJobWhoseOwnTimeIsOverIsStoppedAtOnce(t *testing.T) {
	h := newHolder(t)
	c := program("hold:"+h.addr(), "hang")
	tooLong := errors.New("too long")
	limited := supervise.Func(func(ctx context.Context) error {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		supervise.Go(ctx, func(context.Context) error {
			h.next()
			cancel(tooLong)
			return nil
		})
		return c.Run(ctx)
	})
	tr := serve(t, supervise.Child{Name: "job", Service: limited, Policy: supervise.Policy{Restart: supervise.Never}})
	var status *services.ExitStatusError
	err := failure(t, tr)
	if !errors.Is(err, tooLong) || !errors.As(err, &status) || status.Signal != syscall.SIGTERM {
		t.Errorf("got %v, want the cause and SIGTERM", err)
	}
	if want := "not finished (too long): " + c.Args[0] + ": ended by SIGTERM"; err.Error() != want { // and not killed
		t.Errorf("got %q, want %q", err, want)
	}
}

func TestStopWhileStarting(t *testing.T) {
	h := newHolder(t)
	c := program("hold:"+h.addr(), "hang")
	c.ReadyLine = regexp.MustCompile("never")
	tr := serveProgram(t, c, supervise.Policy{})
	it := h.next()
	if got := tr.child().State; got != supervise.Starting {
		t.Errorf("got %v, want starting", got)
	}
	if err := tr.stop(); err != nil {
		t.Errorf("got %v, want nil", err)
	}
	it.gone()
}
