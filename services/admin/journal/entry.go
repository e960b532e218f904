package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"tend.example/tend/supervise"
)

const (
	longestErr   = 4 << 10  // bytes of an error's text that are kept
	longestStack = 64 << 10 // and of a stack
)

// Entry is an event as the journal keeps it.
type Entry struct {
	// ID numbers the entries of a journal, from 1.
	ID uint64

	// Event is what happened. Its Err is the text of the error that was: an entry neither keeps alive what that
	// refers to, nor asks foreign code a second time. errors.Is still finds what supervise says by itself: ErrStuck,
	// ErrHung, ErrStartTimeout, ErrRestart and ErrStop.
	supervise.Event

	// Stack is where the run panicked, or where the goroutines of a stuck one are. It is kept in the last entry of
	// a path that is a failure; in older ones it is "".
	Stack string
}

// MarshalJSON leaves out zero fields; the error is text, and the delay as in "1.5s".
func (e Entry) MarshalJSON() ([]byte, error) {
	out := struct {
		ID      uint64          `json:"id"`
		Time    time.Time       `json:"time"`
		Path    string          `json:"path"`
		State   supervise.State `json:"state"`
		Run     int             `json:"run,omitzero"`
		Err     string          `json:"err,omitzero"`
		Delay   string          `json:"delay,omitzero"`
		Dropped int             `json:"dropped,omitzero"`
		Stack   string          `json:"stack,omitzero"`
	}{ID: e.ID, Time: e.Time, Path: e.Path, State: e.State, Run: e.Run, Dropped: e.Dropped, Stack: e.Stack}
	if e.Err != nil {
		out.Err = fmt.Sprint(e.Err)
	}
	if e.Delay != 0 {
		out.Delay = e.Delay.String()
	}
	return json.Marshal(out)
}

// text is an error of which only that is left, and which of supervise's own it was.
type text struct {
	string
	is error // nil: none of them
}

func (t text) Error() string { return t.string }
func (t text) Unwrap() error { return t.is }

// newText asks a foreign error, which may panic.
func newText(err error) (t text) {
	t.string = cut(fmt.Sprint(err), longestErr) // which survives an Error method that panics
	defer func() { _ = recover() }()
	for _, own := range []error{supervise.ErrStuck, supervise.ErrHung, supervise.ErrStartTimeout, supervise.ErrRestart, supervise.ErrStop} {
		if errors.Is(err, own) {
			t.is = own
			return t
		}
	}
	return t
}

// newEntry takes from the event's error what is kept of it.
func newEntry(e supervise.Event) *Entry {
	entry := &Entry{Event: e}
	if e.Err != nil {
		entry.Err = newText(e.Err)
	}
	if entry.fails() {
		entry.Stack = cut(stackOf(e.Err), longestStack)
	}
	return entry
}

// fails tells whether this is how a run ended badly.
func (e *Entry) fails() bool { return e.Err != nil && e.State != supervise.Stopping }

// cut shortens s, and makes it valid UTF-8. It does not keep what it leaves out alive.
func cut(s string, most int) string {
	if len(s) > most {
		s = s[:most] + "..."
	}
	return strings.Clone(strings.ToValidUTF8(s, "\uFFFD"))
}

// stackOf is the stack in an error of a child's own. That of a group below or above is in the entry of the child.
func stackOf(err error) (stack string) {
	defer func() { _ = recover() }() // a foreign error may panic when it is asked
	var panicked *supervise.PanicError
	var stuck *supervise.StuckError
	var child *supervise.ChildError
	switch {
	case errors.As(err, &child):
		return ""
	case errors.As(err, &stuck):
		return string(stuck.Stacks)
	case errors.As(err, &panicked):
		return string(panicked.Stack)
	default:
		return ""
	}
}

// cost is about how many bytes an entry takes, without its stack.
func (e *Entry) cost() int {
	if e == nil {
		return 0
	}
	bytes := 128 + len(e.Path)
	if t, ok := e.Err.(text); ok { //nolint:errorlint // newEntry has put it there, bare
		bytes += len(t.string)
	}
	return bytes
}
