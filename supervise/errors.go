package supervise

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/thejerf/suture/v4"
)

// ErrDone is what Serve returns when a service is finished for good, whatever its policy; and what
// a group returns when all its children are. It is suture's ErrDoNotRestart.
var ErrDone = suture.ErrDoNotRestart

// These are causes of a run's end: context.Cause of its ctx is one of the first four, the
// [*ChildError] of a sibling that failed under [OneForAll] or [RestForOne], or by which a group below another one
// fails, the error of a goroutine of the run's own, or context.Canceled once the run is over. When a group is told
// ErrRestart, or stopped by a strategy, what is below it is told the same, as it will be run again with it.
var (
	ErrStop         = errors.New("told to stop")
	ErrRestart      = errors.New("told to restart")
	ErrHung         = errors.New("hung: no sign of life within its heartbeat")
	ErrStartTimeout = errors.New("not ready within its start timeout")
	ErrStuck        = errors.New("did not return when told to stop")
)

// errEnded is what a child with [Always] did to its siblings when its run ended without an error.
var errEnded = errors.New("its run ended")

// These are answers to a call.
var (
	ErrNoChild    = errors.New("no such child")
	ErrNotServing = errors.New("not serving")
	ErrDuplicate  = errors.New("duplicate")
	ErrFull       = errors.New("full")
)

// errGoexit is the failure of a function that ended its goroutine.
var errGoexit = errors.New("called runtime.Goexit")

// errServedTwice keeps a trap of suture out of reach.
var errServedTwice = errors.New("a suture.Supervisor cannot be served again: use a Func that makes a new one for each run")

// Fatal makes an error that ends the whole tree when Serve returns it: every group stops its
// children in reverse order and returns it to the group above. It wraps err and suture's
// ErrTerminateSupervisorTree.
func Fatal(err error) error {
	if err == nil {
		err = errors.New("fatal")
	}
	return &fatalError{err}
}

type fatalError struct{ err error }

func (e *fatalError) Error() string { return errText(e.err) }
func (e *fatalError) Unwrap() []error {
	return []error{e.err, suture.ErrTerminateSupervisorTree}
}

// ExitError chooses the exit code of the process: return Fatal(&ExitError{78, err}).
type ExitError struct {
	Code int
	Err  error
}

func (e *ExitError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit code %d", e.Code)
	}
	return errText(e.Err)
}

// Unwrap returns Err.
func (e *ExitError) Unwrap() error { return e.Err }

// ExitCode is the exit code for what a root's Serve returned: that of an ExitError in it, else 70
// when something did not stop cleanly (EX_SOFTWARE of sysexits), else 0 for nil and ErrDone, else 1.
func ExitCode(err error) (code int) {
	defer func() {
		if recover() != nil { // a foreign error that cannot be asked
			code = 1
		}
	}()
	var exit *ExitError
	var stop *StopError
	switch {
	case errors.As(err, &exit):
		return exit.Code
	case errors.As(err, &stop), errors.Is(err, ErrStuck):
		return 70
	case err == nil:
		return 0
	case errors.Is(err, suture.ErrTerminateSupervisorTree):
		return 1
	case errors.Is(err, ErrDone):
		return 0
	default:
		return 1
	}
}

// ChildError says which child an error is from.
type ChildError struct {
	Path string
	Err  error
}

// Error is the path, a colon and the error; of nested ChildErrors only the deepest path is shown,
// as it contains the others.
func (e *ChildError) Error() string {
	if inner, ok := e.Err.(*ChildError); ok && strings.HasPrefix(inner.Path, e.Path+"/") { //nolint:errorlint // only the outermost layer may be left out
		return inner.Error()
	}
	return e.Path + ": " + errText(e.Err)
}

// Unwrap returns Err.
func (e *ChildError) Unwrap() error { return e.Err }

// LimitError says that a child was restarted too often: one more restart than Policy.MaxRestarts
// allows within Window would have been needed.
type LimitError struct {
	Restarts int           // how many were made within Window
	Window   time.Duration // Policy.Window
	Err      error         // why the last run ended; nil when it ended cleanly
}

func (e *LimitError) Error() string {
	text := fmt.Sprintf("gave up after %d restarts within %s", e.Restarts, e.Window)
	if e.Err == nil {
		return text
	}
	return text + ": " + errText(e.Err)
}

// Unwrap returns Err.
func (e *LimitError) Unwrap() error { return e.Err }

// PanicError is a panic of a service, or of a goroutine that it started by Go. It unwraps to the
// value when that is an error.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap returns Value when it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// StuckError is an ErrStuck with the stacks of the service's goroutines, those with the pprof
// label service=<path>, as they were when its time was over.
type StuckError struct {
	Stacks []byte
}

func (e *StuckError) Error() string { return ErrStuck.Error() }

// Unwrap returns ErrStuck.
func (e *StuckError) Unwrap() error { return ErrStuck }

// StopError lists the children that did not stop cleanly: stuck (ErrStuck), or failed while the
// group was stopping.
type StopError struct {
	Children []ChildError
}

func (e *StopError) Error() string {
	texts := make([]string, len(e.Children))
	for i := range e.Children {
		texts[i] = e.Children[i].Error()
	}
	return "did not stop cleanly: " + strings.Join(texts, "; ")
}

// Unwrap returns the children's errors.
func (e *StopError) Unwrap() []error {
	errs := make([]error, len(e.Children))
	for i := range e.Children {
		errs[i] = &e.Children[i]
	}
	return errs
}

// join is errors.Join on one line; a single error stays itself.
func join(errs ...error) error {
	kept := make([]error, 0, len(errs))
	for _, err := range errs {
		if err != nil {
			kept = append(kept, err)
		}
	}
	switch len(kept) {
	case 0:
		return nil
	case 1:
		return kept[0]
	default:
		return &joinedError{kept}
	}
}

type joinedError struct{ errs []error }

func (e *joinedError) Unwrap() []error { return e.errs }
func (e *joinedError) Error() string {
	texts := make([]string, len(e.errs))
	for i, err := range e.errs {
		texts[i] = errText(err)
	}
	return strings.Join(texts, "; ")
}
