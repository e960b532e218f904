package supervise

import (
	"errors"
	"slices"
	"time"

	"github.com/thejerf/suture/v4"
)

// start begins the group's ascent.
func (r *rules) start(now time.Time) {
	r.unseen = len(r.children)
	r.counts[Idle] = len(r.children)
	r.settle(now)
}

// shutdown ends the group because it was told to. Its children are told that they will be run again, if
// the group will.
func (r *rules) shutdown(cause error, now time.Time) {
	var sibling *ChildError
	if !r.falling && !r.top && (cause == ErrRestart || errors.As(cause, &sibling)) { //nolint:errorlint // it is the very one
		r.why = cause
	}
	r.fall(nil, now)
	r.settle(now)
}

// overspent: the budget for stopping is spent, and so order is given up.
func (r *rules) overspent(now time.Time) {
	if r.spent || r.finished {
		return
	}
	r.spent = true
	r.tellAll(now)
	r.do(cutShort, nil)
	r.settle(now)
}

// settle does what has become possible: the next step up, or down.
func (r *rules) settle(now time.Time) {
	if !r.falling && r.felled != nil {
		r.regroup(now)
	}
	if !r.falling {
		r.rise(now)
	}
	if !r.falling && !r.loose && r.counts[Done] == len(r.children) {
		r.fall(ErrDone, now)
	}
	if r.falling {
		r.sink(now)
	}
}

// --- up -------------------------------------------------------------------------------------------

// rise lets children start, each when the one before it holds it back no longer.
func (r *rules) rise(now time.Time) {
	for r.mayRise() {
		c := r.children[r.up]
		r.up++
		switch {
		case c.held && c.state == Idle:
			r.land(c, Stopped, now, nil)
		case c.held:
			r.pass(c)
		case c.state == Idle:
			r.begin(c, now)
		case c.state == Backoff && r.strategy != OneForOne, c.returns && c.atRest():
			c.passed = false
			c.restarts++
			r.begin(c, now)
		}
	}
	if !r.ready && r.unseen == 0 {
		r.ready = true
		r.do(sayReady, nil)
	}
}

// mayRise tells whether it is the next child's turn.
func (r *rules) mayRise() bool {
	if r.loose || r.felled != nil || r.up == len(r.children) {
		return false
	}
	return r.concurrent || r.up == 0 || r.children[r.up-1].passed
}

// awaitsTurn tells whether a child will be started when those before it are up.
func (r *rules) awaitsTurn(c *record) bool { return !r.loose && c.at >= r.up }

// --- down, and up again ---------------------------------------------------------------------------

// fell makes the siblings that share a child's fate stop, to start again with it. It is the descent
// of fall, down to the first of them, and the ascent of rise from there.
func (r *rules) fell(c *record) {
	switch r.strategy {
	case OneForAll:
		r.up = 0
	case RestForOne:
		r.up = min(r.up, c.at)
	default:
		return
	}
	r.down = len(r.children) - 1
	if r.felled == nil {
		err := c.err()
		if err == nil {
			err = errEnded
		}
		r.felled = &ChildError{c.path, err}
	}
}

// regroup tells the children from up on to stop, each when the one after it is down. It is over
// when all are, and every delay among them too.
func (r *rules) regroup(now time.Time) {
	for ; r.down >= r.up; r.down-- {
		c := r.children[r.down]
		r.fellOne(c, now)
		if c.state == Stopping {
			return
		}
	}
	for _, c := range r.children[r.up:] {
		if c.state == Backoff && !c.due {
			return
		}
	}
	r.felled = nil
}

// fellOne stops a child to start it again, if it is one that starts again.
func (r *rules) fellOne(c *record, now time.Time) {
	switch c.state {
	case Starting, Running:
		c.returns = c.returns || c.policy.Restart != Never
		r.tell(c, r.felled, rest, now)
	case Stopping:
		if c.then == again {
			c.returns, c.then = true, rest
		}
	case Done:
		c.returns = c.returns || !c.final
	}
}

// --- down -----------------------------------------------------------------------------------------

// fall begins the descent; a reason that comes later is added to the first.
func (r *rules) fall(reason error, now time.Time) {
	if reason != nil {
		r.reasons = append(r.reasons, reason)
	}
	if r.falling {
		return
	}
	r.falling, r.felled = true, nil
	if r.why == nil {
		r.why = r.causeBelow(reason)
	}
	r.down = len(r.children) - 1
	for _, c := range r.children {
		c.then = rest
	}
	r.do(beginStop, nil)
	for _, c := range r.order() {
		if r.loose && c.atRest() {
			r.drop(c) // nothing of it is kept
		}
		if c.state == Backoff { // or its next run could begin in the middle of the descent
			r.tell(c, r.why, rest, now)
		}
	}
	if r.concurrent {
		r.tellAll(now)
	}
}

// causeBelow is what the children are told when the group ends for a reason of its own. After a failure that is not
// fatal the group above may well run it again; should it not, it closes what they have left open.
func (r *rules) causeBelow(reason error) error {
	isFinal := reason == nil || isDone(reason) || errors.Is(reason, suture.ErrTerminateSupervisorTree)
	if r.top || r.loose || isFinal {
		return ErrStop
	}
	return reason
}

// sink tells children to stop, each when the one after it is at rest.
func (r *rules) sink(now time.Time) {
	for ; r.down >= 0 && !r.concurrent && !r.spent; r.down-- {
		c := r.children[r.down]
		r.tell(c, r.why, rest, now)
		if c.state == Stopping {
			return
		}
	}
	if r.active() == 0 && !r.finished {
		r.finished = true
		r.do(finish, nil)
	}
}

func (r *rules) tellAll(now time.Time) {
	order := r.order()
	r.todo = slices.Grow(r.todo, 2*len(order))
	for _, c := range order {
		r.tell(c, r.why, rest, now)
	}
}

// --- the end --------------------------------------------------------------------------------------

// fault notes what did not stop cleanly. A group's own list replaces the group.
func (r *rules) fault(path string, err error) {
	switch stop, ok := err.(*StopError); { //nolint:errorlint // only a bare list says everything
	case err == nil:
	case ok:
		r.faults = append(r.faults, stop.Children...)
	default:
		r.faults = append(r.faults, ChildError{path, err})
	}
}

// verdict is what the group's Serve returns.
func (r *rules) verdict() error {
	return join(append(r.reasons[:len(r.reasons):len(r.reasons)], r.unclean())...)
}

// unclean is the StopError in the verdict of a group that has ended, always the same; nil when all stopped cleanly.
func (r *rules) unclean() error {
	if len(r.faults) == 0 {
		return nil
	}
	if r.stopError == nil {
		r.stopError = &StopError{r.faults}
	}
	return r.stopError
}

// finalState is the group's state once it has ended.
func (r *rules) finalState() State {
	switch {
	case len(r.reasons) == 0:
		return Stopped
	case len(r.reasons) == 1 && r.reasons[0] == ErrDone: //nolint:errorlint // set by fall
		return Done
	default:
		return Failed
	}
}
