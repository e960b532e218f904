package supervise

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// State is where a child is in its life.
//
//	Idle -> Starting -> Running            from Starting or Running, when the run ends by itself: Backoff | Done | Failed
//	Backoff -> Starting                    when the delay is over, or by Restart; Backoff -> Stopped by Stop
//	Starting, Running -> Stopping          by Stop, Restart, a strategy, shutdown; by ErrStartTimeout, ErrHung, because
//	                                       a part of the run ended before the rest, or to be closed
//	Stopping -> Stopped | Stuck            or -> Starting (Restart), or as if it had ended by itself (the last four)
//	Backoff, Stopped, Done -> Stopping     of an io.Closer, to be closed
//
// While its group stops, a run that ends well by itself is Stopped, and one that fails is Failed.
type State int

// The states, in the order of a child's life.
const (
	Idle     State = iota // not started yet
	Starting              // a run has begun, and has not called Ready yet
	Running               // at work
	Backoff               // a run ended; the next begins after a delay
	Stopping              // the run was told to stop, and has not returned yet
	Stopped               // stopped as asked
	Done                  // finished: nothing more to do
	Failed                // gave up, or is not to be restarted after a failure
	Stuck                 // did not return in time when it was told to stop
)

var stateNames = [...]string{"idle", "starting", "running", "backoff", "stopping", "stopped", "done", "failed", "stuck"}

// String is the state's name in lower case.
func (s State) String() string {
	if s < 0 || int(s) >= len(stateNames) {
		return fmt.Sprintf("state(%d)", int(s))
	}
	return stateNames[s]
}

// MarshalText is String.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *State) UnmarshalText(text []byte) error {
	for i, name := range stateNames {
		if name == string(text) {
			*s = State(i)
			return nil
		}
	}
	return fmt.Errorf("state %q: unknown", text)
}

// Event says that a child, or a group itself, has entered a state.
type Event struct {
	Time  time.Time
	Path  string // of the child, the root's name first: "tend/jobs/sweep"
	State State  // the state entered
	Run   int    // the number of the run, from 1; 0: none yet

	// Err is why the last run ended; nil when it ended cleanly. With Stopping it is why the run is
	// told to stop, and nil when that is a plain stop.
	Err error

	Delay   time.Duration // with Backoff: until the next run
	Dropped int           // events lost just before this one, because the observer was too slow
}

// LogEvents returns an OnEvent that writes one line an event: message "state", attributes service,
// state and run, and where they apply err, delay, dropped, and stack (of a panic, or of the
// goroutines of a stuck service). Failed and Stuck are errors, other failures are warnings.
func LogEvents(log *slog.Logger) func(Event) {
	return func(e Event) {
		attrs := []slog.Attr{
			slog.String("service", e.Path),
			slog.String("state", e.State.String()),
			slog.Int("run", e.Run),
		}
		if e.Err != nil {
			attrs = append(attrs, slog.String("err", errText(e.Err)))
		}
		if e.State == Backoff {
			attrs = append(attrs, slog.String("delay", e.Delay.String()))
		}
		if e.Dropped > 0 {
			attrs = append(attrs, slog.Int("dropped", e.Dropped))
		}
		if stack := stackOf(e.Err); stack != nil {
			attrs = append(attrs, slog.String("stack", string(stack)))
		}
		log.LogAttrs(context.Background(), e.level(), "state", attrs...)
	}
}

func (e Event) level() slog.Level {
	switch {
	case e.State == Failed || e.State == Stuck:
		return slog.LevelError
	case e.Err != nil:
		return slog.LevelWarn
	default:
		return slog.LevelInfo
	}
}

// stackOf is the stack in an error of a child's own. That of a group below or above was shown when
// the child entered its state.
func stackOf(err error) (stack []byte) {
	defer func() { _ = recover() }() // a foreign error may panic when it is asked
	var panicked *PanicError
	var stuck *StuckError
	var child *ChildError
	switch {
	case errors.As(err, &child):
		return nil
	case errors.As(err, &stuck):
		return stuck.Stacks
	case errors.As(err, &panicked):
		return panicked.Stack
	default:
		return nil
	}
}

// errText is err's text. A foreign Error method may panic, which fmt survives.
func errText(err error) string { return fmt.Sprint(err) }
