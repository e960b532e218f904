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
	// refers to, nor asks foreign code a second time.
	supervise.Event

	// Stack is where the run panicked, or where the goroutines of a stuck one are. It is kept in the last entry of
	// a path that has an Err; in older ones it is "".
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

// text is an error of which only that is left.
type text string

func (t text) Error() string { return string(t) }

// newEntry takes from the event's error what is kept of it.
func newEntry(e supervise.Event) *Entry {
	entry := &Entry{Event: e}
	if e.Err != nil {
		entry.Err = text(cut(fmt.Sprint(e.Err), longestErr)) // fmt survives an Error method that panics
		entry.Stack = cut(stackOf(e.Err), longestStack)
	}
	return entry
}

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
		bytes += len(t)
	}
	return bytes
}

// ring keeps the last entries. Its zero value is empty.
type ring struct {
	entries []*Entry
	first   int // of the oldest, once there are as many as there may be
}

// add keeps e, and returns what had to go for it, or nil.
func (r *ring) add(e *Entry, most int) (gone *Entry) {
	if len(r.entries) < most {
		r.entries = append(r.entries, e)
		return nil
	}
	gone, r.entries[r.first] = r.entries[r.first], e
	r.first = (r.first + 1) % most
	return gone
}

// at is the i-th entry, the oldest being the first.
func (r *ring) at(i int) *Entry { return r.entries[(r.first+i)%len(r.entries)] }

// last is copies of the last n, the newest last.
func (r *ring) last(n int) []Entry {
	begin := max(0, len(r.entries)-n)
	entries := make([]Entry, 0, len(r.entries)-begin)
	for i := begin; i < len(r.entries); i++ {
		entries = append(entries, *r.at(i))
	}
	return entries
}
