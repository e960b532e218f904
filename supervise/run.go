package supervise

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/thejerf/suture/v4"
)

// run is one run of one child: a call of Serve and the goroutines that it starts by Go. It is the
// ctx that Serve is given.
type run struct {
	context.Context
	cancel context.CancelCauseFunc
	keeper *keeper
	number int
	crash  bool // a panic is to end the process

	mu       sync.Mutex
	ready    bool
	over     bool               // nothing more can be started in it
	alive    int                // goroutines of Go, and groups served inside the run
	gone     chan struct{}      // closed when alive is 0 again and somebody waits
	failures []error            // of goroutines, clean ones left out
	cause    error              // why it was told to stop; nil: it was not
	stop     context.Context    // ends when the run must have returned; nil until it is told
	stopNow  context.CancelFunc // ends stop
	groups   []*serving         // groups that are served inside the run, though not as its service

	startTimer, stopTimer *time.Timer // set under the group's lock
}

type runKey struct{}

// Value finds the run itself, so that a run costs no further context.
func (r *run) Value(key any) any {
	if key == (runKey{}) {
		return r
	}
	return r.Context.Value(key)
}

// runOf is the run that ctx belongs to, or nil.
func runOf(ctx context.Context) *run {
	r, _ := ctx.Value(runKey{}).(*run)
	return r
}

// do calls Serve, waits for every goroutine of the run, and reports how it ended. It reports from a
// deferred call, because Goexit leaves no other way.
func (r *run) do(s Service) {
	var err error
	returned := false
	defer func() {
		if !returned {
			err = r.unwound(recover())
		}
		r.keeper.ended(r, r.finish(err))
	}()
	err = s.Serve(r)
	returned = true
}

// unwound is the failure of a function that did not return: it panicked with value, or, when that
// is nil, called runtime.Goexit.
func (r *run) unwound(value any) error {
	switch {
	case value == nil:
		return errors.New("called runtime.Goexit")
	case r.crash:
		panic(value)
	default:
		return &PanicError{Value: value, Stack: debug.Stack()}
	}
}

// goDo runs f on a goroutine that finish waits for. Once the run is over it does nothing.
func (r *run) goDo(ctx context.Context, f func(context.Context) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return
	}
	r.alive++
	go func() {
		var err error
		returned := false
		defer func() {
			if !returned {
				err = r.unwound(recover())
			}
			r.left(err)
		}()
		err = f(ctx)
		returned = true
	}()
}

// left: a goroutine of the run has ended.
func (r *run) left(err error) {
	if err = r.note(err); err != nil {
		r.keeper.wind(r, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leave()
}

// leave is one less alive. The caller holds mu.
func (r *run) leave() {
	r.alive--
	if r.alive == 0 && r.gone != nil {
		close(r.gone)
		r.gone = nil
	}
}

// note keeps a failure for the outcome, and returns it. A clean answer to being told to stop is none.
func (r *run) note(err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil || r.cause != nil && clean(err, r.cause) || r.noted(err) {
		return nil
	}
	r.failures = append(r.failures, err)
	return err
}

// noted tells whether err says nothing but what a group inside the run has said already.
func (r *run) noted(err error) bool {
	stop, ok := err.(*StopError) //nolint:errorlint // what is around it would be news
	if !ok {
		return false
	}
	for _, failure := range r.failures {
		if failure == error(stop) { //nolint:errorlint // the very same
			return true
		}
	}
	return false
}

// clean tells whether err is a proper answer of a run that was told to stop because of cause: of
// several joined errors, each has to be. Foreign errors are asked, and may panic.
func clean(err, cause error) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	switch err.(type) { //nolint:errorlint // each layer is looked at
	case *PanicError, *StopError, *LimitError, *StuckError:
		return false // whatever is inside
	}
	if err == ErrDone || err == context.Canceled || err == cause { //nolint:errorlint // each layer is looked at
		return true
	}
	switch e := err.(type) { //nolint:errorlint // each layer is looked at
	case interface{ Unwrap() []error }:
		for _, part := range e.Unwrap() {
			if part != nil && !clean(part, cause) {
				return false
			}
		}
		return true
	case interface{ Unwrap() error }:
		inner := e.Unwrap()
		return inner != nil && clean(inner, cause)
	default:
		return false
	}
}

// finish waits for the goroutines, after Serve ended with err, and sums up.
func (r *run) finish(err error) outcome {
	_ = r.note(err) // it is in the outcome
	for {
		gone := r.close()
		if gone == nil {
			return r.outcome()
		}
		// Serve is gone, so what it left behind has no more work: it is told to stop, and is
		// stuck if it does not.
		r.keeper.wind(r, cmp.Or(err, ErrStop))
		<-gone
	}
}

// close ends the run if no goroutine is left; else it returns what to wait for.
func (r *run) close() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.alive > 0 {
		r.gone = make(chan struct{})
		return r.gone
	}
	r.over = true
	return nil
}

// outcome classifies what was noted. Foreign errors are asked here; one that panics then is an
// ordinary failure.
func (r *run) outcome() (o outcome) {
	var panicked *PanicError // never a proper end, whatever its value
	err := join(r.failures...)
	defer func() {
		if recover() != nil {
			o = outcome{kind: failed, err: err}
		}
	}()
	o = outcome{
		err:       err,
		abandoned: errors.Is(err, ErrStuck),
		final:     errors.Is(err, errServedTwice),
	}
	switch {
	case err == nil:
		o.kind = succeeded
	case errors.Is(err, suture.ErrTerminateSupervisorTree):
		o.kind = fatal
	case errors.Is(err, ErrDone) && !errors.As(err, &panicked):
		o.kind = finished
		if err == ErrDone { //nolint:errorlint // with nothing to add there is nothing to show
			o.err = nil
		}
	default:
		o.kind = failed
	}
	return o
}

// stuck is the error of a run that does not return: what failed in it so far, and that.
func (r *run) stuck(err *StuckError) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return join(append(r.failures[:len(r.failures):len(r.failures)], err)...)
}

// tell makes the run's ctx done, because of cause. The run must have returned when stop is done.
func (r *run) tell(stop context.Context, stopNow context.CancelFunc, cause error) {
	r.mu.Lock()
	r.cause, r.stop, r.stopNow = cause, stop, stopNow
	r.mu.Unlock()
	r.cancel(cause)
}

// release frees what a run that is over held.
func (r *run) release() {
	r.cancel(nil)
	if r.stopNow != nil {
		r.stopNow()
	}
	for _, t := range []*time.Timer{r.startTimer, r.stopTimer} {
		if t != nil {
			t.Stop()
		}
	}
}

// mustEnd is stop, and whether the run has been told to stop.
func (r *run) mustEnd() (context.Context, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stop, r.stop != nil
}

// adopt makes a group that is served inside the run a part of the tree: like a goroutine of the
// run, it is waited for, even when the one who serves it, suture for one, does not wait.
func (r *run) adopt(s *serving) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return fmt.Errorf("group %s: the run of %s is over: %w", s.path, r.keeper.path, ErrNotServing)
	}
	for _, other := range r.groups {
		if other.path == s.path {
			return fmt.Errorf("group %s: %w: another group of this name is serving here", s.path, ErrDuplicate)
		}
	}
	r.groups = append(r.groups, s)
	r.alive++
	return nil
}

// disown ends adopt. What did not stop cleanly is kept, because suture forgets it.
func (r *run) disown(s *serving, faults error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if faults != nil && (r.cause != nil || errors.Is(faults, ErrStuck)) {
		r.failures = append(r.failures, faults)
	}
	r.groups = slices.DeleteFunc(slices.Clone(r.groups), func(other *serving) bool { return other == s })
	r.leave()
}

// adopted are the groups served inside the run.
func (r *run) adopted() []*serving {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.groups
}
