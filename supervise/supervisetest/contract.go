package supervisetest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"tend.example/tend/supervise"
)

// TestService checks that a service keeps the contract of Serve, and fails the test with what it does
// against it. newService makes the one service that is tried, ready to serve: with an address that is
// free, or a server of the test's own to talk to.
//
// The service is run in a tree, restarted there, run in another tree and stopped as soon as it begins, called
// with a ctx that is done already, and run once more. It has to
//
//   - return within five seconds of being told to stop, which is also when its StopContext ends, with
//     nil or the error of its ctx;
//   - not fail by itself, nor panic. It may end by itself;
//   - run again, after each of these;
//   - leave no goroutine behind, whether made by Serve or before by newService. One that keeps
//     connections open in a client of the program's does leave some;
//   - call Ready within ten seconds, and before it ends by itself, if it says that it does, by a method
//     NotifiesReady.
//
// The first run that breaks a rule is the last: what it has left behind would be blamed on the next.
//
// It does not see what only the service knows: whether Ready came too early, and whether the work was done;
// nor goroutines that nobody can tell from others: those of time.AfterFunc, and those with pprof labels of
// their own. A Group needs a Name here.
func TestService(t testing.TB, newService func() supervise.Service) {
	t.Helper()
	if err := check(newService); err != nil {
		t.Errorf("against the contract of Serve: %v", err)
	}
}

const (
	promptly  = 5 * time.Second  // between being told to stop and the end of Serve
	readiness = 10 * time.Second // until Ready is called
	settling  = time.Second      // for goroutines that are about to end
)

// trial is one service under trial.
type trial struct {
	service supervise.Service
	ctx     context.Context // bears a label that goroutines inherit
	mark    string          // the label, as the goroutine profile writes it
}

// check tries a service, and tells what it does against the contract.
func check(newService func() supervise.Service) error {
	tr := newTrial(newService)
	if tr.service == nil {
		return errors.New("there is no service")
	}
	for _, part := range []struct {
		what string
		try  func() error
	}{
		{"run, restarted and stopped", tr.restarted},
		{"stopped as soon as it begins", tr.stoppedEarly},
		{"called with a ctx that is done", tr.calledLate},
		{"run once more", tr.restarted},
	} {
		err := part.try()
		if err == nil {
			err = tr.left()
		}
		if err != nil {
			return fmt.Errorf("when it is %s: %w", part.what, err)
		}
	}
	return nil
}

func newTrial(newService func() supervise.Service) *trial {
	key, value := "supervisetest", rand.Text()
	tr := &trial{mark: fmt.Sprintf("%q:%q", key, value)}
	pprof.Do(context.Background(), pprof.Labels(key, value), func(ctx context.Context) {
		tr.ctx = ctx
		tr.service = newService()
	})
	return tr
}

// path of the service in its tree.
const (
	root = "supervisetest"
	path = root + "/service"
)

// restarted runs the service in a tree, restarts it once it is up, and stops it when it is up again.
func (tr *trial) restarted() error {
	return tr.inTree(tr.service, func(ctx context.Context, g *supervise.Group, entered <-chan supervise.Event) error {
		if await(entered, 1) != supervise.Running {
			return nil // it has ended by itself
		}
		err := g.Restart(ctx, path)
		await(entered, 2)
		if child := (*supervise.ChildError)(nil); errors.As(err, &child) {
			return fmt.Errorf("run 1: %w", child.Err)
		}
		return nil // any other answer says that it ended by itself just now
	})
}

// stoppedEarly runs it in a tree, and stops it while it begins.
func (tr *trial) stoppedEarly() error {
	begins := make(chan struct{})
	early := supervise.Func(func(ctx context.Context) error {
		close(begins)
		return tr.service.Serve(ctx)
	})
	return tr.inTree(early, func(context.Context, *supervise.Group, <-chan supervise.Event) error {
		<-begins
		return nil
	})
}

// await waits until the run of this number is up or over, or nothing more can come.
func await(entered <-chan supervise.Event, run int) supervise.State {
	for e := range entered {
		switch e.State {
		case supervise.Stuck:
			return e.State
		case supervise.Running, supervise.Done, supervise.Failed, supervise.Stopped:
			if e.Run >= run {
				return e.State
			}
		case supervise.Idle, supervise.Starting, supervise.Backoff, supervise.Stopping:
		}
	}
	return supervise.Stopped
}

// inTree serves a tree of one service while steps takes place, and tells what went wrong with it.
func (tr *trial) inTree(s supervise.Service, steps func(context.Context, *supervise.Group, <-chan supervise.Event) error) error {
	entered := make(chan supervise.Event, 100) // more than there are
	var fault error                            // the first
	g := &supervise.Group{Name: root, Children: []supervise.Child{{
		Name: "service", Service: s,
		Policy: supervise.Policy{Restart: supervise.Never, StartTimeout: readiness, StopTimeout: promptly},
	}}}
	_, notifies := s.(interface{ NotifiesReady() })
	up := 0 // the run that was Running last
	g.OnEvent = func(e supervise.Event) {
		switch {
		case e.Path != path:
			return
		case e.State == supervise.Running:
			up = e.Run
		case e.State == supervise.Done && notifies && up != e.Run:
			fault = cmp.Or(fault, fmt.Errorf("run %d: over without Ready, though NotifiesReady says that it calls it", e.Run))
		}
		fault = cmp.Or(fault, tr.faultIn(e))
		entered <- e
	}
	ctx, cancel := context.WithCancel(tr.ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { // the line after steps waits for it
		pprof.SetGoroutineLabels(tr.ctx) // for what begins when ctx is done
		err := g.Serve(ctx)
		close(entered) // every event has been delivered
		ended <- err
	}()
	err := steps(ctx, g, entered)
	cancel()
	served := <-ended
	switch {
	case fault != nil: // the others would say it again
		return fault
	case err != nil:
		return err
	case errors.Is(served, supervise.ErrDone):
		return nil
	default:
		return served
	}
}

// faultIn is what an event tells against the service.
func (tr *trial) faultIn(e supervise.Event) error {
	if e.Err == nil || e.State == supervise.Stopping { // then it is the cause
		return nil
	}
	var stuck *supervise.StuckError
	var panicked *supervise.PanicError
	switch {
	case errors.As(e.Err, &stuck):
		return fmt.Errorf("run %d: not back %v after it was told to stop; it hangs here:\n%s", e.Run, promptly, tr.stacks())
	case errors.As(e.Err, &panicked):
		return fmt.Errorf("run %d: %w\n%s", e.Run, e.Err, panicked.Stack)
	default:
		return fmt.Errorf("run %d: %w", e.Run, e.Err)
	}
}

// calledLate calls Serve outside of a tree, with a ctx that is done.
func (tr *trial) calledLate() error {
	ctx, cancel := context.WithCancel(tr.ctx)
	cancel()
	ended := make(chan error, 1)
	go func() { // waited for below, unless it hangs
		pprof.SetGoroutineLabels(ctx)
		ended <- serve(ctx, tr.service)
	}()
	select {
	case err := <-ended:
		if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, supervise.ErrDone) {
			return nil
		}
		return err
	case <-time.After(promptly):
		return fmt.Errorf("not back after %v; it hangs here:\n%s", promptly, tr.stacks())
	}
}

// serve makes an error of a panic.
func serve(ctx context.Context, s supervise.Service) (err error) {
	defer func() {
		if value := recover(); value != nil {
			stack := make([]byte, 64<<10)
			err = &supervise.PanicError{Value: value, Stack: stack[:runtime.Stack(stack, false)]}
		}
	}()
	return s.Serve(ctx)
}

// left tells of goroutines that have not ended, though Serve has returned.
func (tr *trial) left() error {
	var stacks string
	for pause := time.Millisecond; pause < settling; pause *= 2 {
		if stacks = tr.stacks(); stacks == "" {
			return nil
		}
		time.Sleep(pause)
	}
	return fmt.Errorf("goroutines are left:\n%s", stacks)
}

// stacks of all goroutines that bear the label.
func (tr *trial) stacks() string {
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		return err.Error() // a bytes.Buffer takes everything
	}
	var found []string
	for stack := range strings.SplitSeq(profile.String(), "\n\n") {
		_, labels, _ := strings.Cut(stack, "# labels: ")
		labels, _, _ = strings.Cut(labels, "\n")
		if strings.Contains(labels, tr.mark) {
			found = append(found, strings.TrimSpace(stack))
		}
	}
	return strings.Join(found, "\n\n")
}
