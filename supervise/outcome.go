package supervise

import (
	"context"
	"errors"
	"slices"

	"github.com/thejerf/suture/v4"
)

// outcome is how a run ended.
type outcome struct {
	kind      outcomeKind
	err       error // nil when it was clean
	abandoned bool  // something of it still runs
	final     bool  // it could not be run again
}

type outcomeKind int

const (
	succeeded outcomeKind = iota
	failed
	finished
	fatal
)

// after is the outcome of a run that was stopped as a failure of its own.
func (o outcome) after(cause error) outcome {
	if o.kind == fatal {
		return o
	}
	o.kind, o.err = failed, join(cause, o.err)
	return o
}

// classify tells what kind of end an error is. Foreign errors are asked here; one that panics then is
// an ordinary failure.
func classify(err error) (o outcome) {
	if err == nil {
		return outcome{kind: succeeded}
	}
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
	case errors.Is(err, suture.ErrTerminateSupervisorTree):
		o.kind = fatal
	case isDone(err):
		o.kind = finished
		if err == ErrDone { //nolint:errorlint // with nothing to add there is nothing to show
			o.err = nil
		}
	default:
		o.kind = failed
	}
	return o
}

// isDone is errors.Is(err, ErrDone), but for what is in a panic, which is no proper end whatever its
// value, or in what did not stop cleanly.
func isDone(err error) bool {
	if err == ErrDone { //nolint:errorlint // each layer is looked at
		return true
	}
	if e, ok := err.(interface{ Is(target error) bool }); ok && e.Is(ErrDone) {
		return true
	}
	switch e := err.(type) { //nolint:errorlint // each layer is looked at
	case *PanicError, *StopError:
		return false
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(e.Unwrap(), isDone)
	case interface{ Unwrap() error }:
		return isDone(e.Unwrap())
	default:
		return false
	}
}

// clean tells whether err is a proper answer of a run that was told to stop because of cause: of
// several joined errors, each has to be. Foreign errors are asked, and may panic.
func clean(err, cause error) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	if err == nil || err == ErrDone || err == context.Canceled || err == cause { //nolint:errorlint // each layer is looked at
		return true
	}
	switch err.(type) { //nolint:errorlint // each layer is looked at
	case *PanicError, *StopError, *LimitError, *StuckError, *ChildError:
		return false // whatever is inside
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
