package supervisetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tend.example/tend/supervise"
)

// patience is how long is waited for what has to happen. It is no measure of speed: what does not happen
// within it does not happen at all.
const patience = 10 * time.Second

// Recorder has the events of a tree. Its methods may be called from any goroutine, but those that wait
// or compare from that of the test only.
type Recorder struct {
	t testing.TB

	mu     sync.Mutex
	events []supervise.Event
	news   chan struct{} // closed at the next event
}

// Record collects the events of g, which has to be the root of a tree. Call it before g serves; an OnEvent
// that is set already is called as before.
func Record(t testing.TB, g *supervise.Group) *Recorder {
	t.Helper()
	r := &Recorder{t: t, news: make(chan struct{})}
	observe := g.OnEvent
	g.OnEvent = func(e supervise.Event) {
		r.note(e)
		if observe != nil {
			observe(e)
		}
	}
	return r
}

func (r *Recorder) note(e supervise.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	close(r.news)
	r.news = make(chan struct{})
}

// Events are those that have come and that no Want and no Forget has taken.
func (r *Recorder) Events() []supervise.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

// Line is an event as Want and WaitFor have it: path, state, number of the run, and after a colon why the last
// run ended, if it did not end well. Times and delays are left out, as delays are random.
//
//	shop/web backoff 1: listen on :8080: address already in use
func Line(e supervise.Event) string {
	s := fmt.Sprintf("%s %s %d", e.Path, e.State, e.Run)
	if e.Err != nil {
		s += fmt.Sprintf(": %v", e.Err)
	}
	if e.Dropped > 0 {
		s += fmt.Sprintf(" (%d events dropped before this)", e.Dropped)
	}
	return s
}

// Want takes the events since the last Want or Forget and fails the test unless they are these, in this
// order. It waits until as many have come.
//
// That there are no more is seen only by the next Want: in a bubble, call synctest.Wait before, and both
// are exact. A concurrent group has no order of its children: compare a sorted copy of Events.
func (r *Recorder) Want(lines ...string) {
	r.t.Helper()
	r.wait(func() bool { return len(r.events) >= len(lines) })
	got := r.take()
	if !slices.Equal(got, lines) {
		r.t.Errorf("events are not as wanted\n%s", compared(lines, got))
	}
}

// WaitFor waits until an event has come that reads like this since the last Want or Forget, and takes none
// away. When it does not come, it ends the test.
func (r *Recorder) WaitFor(line string) {
	r.t.Helper()
	has := func() bool {
		return slices.ContainsFunc(r.events, func(e supervise.Event) bool { return Line(e) == line })
	}
	if !r.wait(has) {
		r.t.Fatalf("no event: %s\ngot:\n\t%s", line, strings.Join(r.take(), "\n\t"))
	}
}

// Forget takes away the events so far.
func (r *Recorder) Forget() { r.take() }

// take takes the events away, as lines.
func (r *Recorder) take() []string {
	r.mu.Lock()
	events := r.events
	r.events = nil
	r.mu.Unlock()
	lines := make([]string, len(events))
	for i, e := range events {
		lines[i] = Line(e) // asks foreign errors, so not under the lock
	}
	return lines
}

// wait waits until enough says yes, which it asks under the lock, and tells whether it did.
func (r *Recorder) wait(enough func() bool) bool {
	over := time.NewTimer(patience)
	defer over.Stop()
	for {
		r.mu.Lock()
		done, news := enough(), r.news
		r.mu.Unlock()
		if done {
			return true
		}
		select {
		case <-news:
		case <-over.C:
			return false
		}
	}
}

// compared shows both sequences in full, from the first difference on with marks.
func compared(want, got []string) string {
	same := 0
	for same < min(len(want), len(got)) && want[same] == got[same] {
		same++
	}
	var b strings.Builder
	show := func(title string, lines []string, mark byte) {
		fmt.Fprintf(&b, "%s:\n", title)
		for i, line := range lines {
			sign := byte(' ')
			if i >= same {
				sign = mark
			}
			fmt.Fprintf(&b, "  %c %s\n", sign, line)
		}
	}
	show("want", want, '-')
	show("got", got, '+')
	return b.String()
}
