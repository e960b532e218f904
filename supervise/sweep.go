package supervise

import "time"

// start begins the group's ascent.
func (r *rules) start(now time.Time) {
	r.unseen = len(r.children)
	r.settle(now)
}

// shutdown ends the group because it was told to.
func (r *rules) shutdown(now time.Time) {
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
	r.todo = append(r.todo, action{do: cutShort})
	r.settle(now)
}

// settle does what has become possible: the next step up, or down.
func (r *rules) settle(now time.Time) {
	if !r.falling {
		r.rise(now)
	}
	if !r.falling && r.done == len(r.children) {
		r.fall(ErrDone, now)
	}
	if r.falling {
		r.sink(now)
	}
}

// rise lets children start, each when the one before it holds it back no longer.
func (r *rules) rise(now time.Time) {
	for r.up < len(r.children) && (r.concurrent || r.up == 0 || r.children[r.up-1].passed) {
		k := r.up
		r.up++
		switch c := &r.children[k]; {
		case c.held && c.state == Idle:
			r.enter(k, Stopped, now, nil)
		case c.state == Idle:
			r.begin(k, now)
		}
	}
	if !r.ready && r.unseen == 0 {
		r.ready = true
		r.todo = append(r.todo, action{do: sayReady})
	}
}

// fall begins the descent; a reason that comes later is added to the first.
func (r *rules) fall(reason error, now time.Time) {
	if reason != nil {
		r.reasons = append(r.reasons, reason)
	}
	if r.falling {
		return
	}
	r.falling = true
	r.down = len(r.children) - 1
	for k := range r.children {
		r.children[k].then = rest
	}
	r.todo = append(r.todo, action{do: beginStop})
	for k := range r.children {
		if r.children[k].state == Backoff { // or its next run could begin in the middle of the descent
			r.tell(k, ErrStop, rest, now)
		}
	}
	if r.concurrent {
		r.tellAll(now)
	}
}

// sink tells children to stop, each when the one after it is at rest.
func (r *rules) sink(now time.Time) {
	for ; r.down >= 0 && !r.concurrent && !r.spent; r.down-- {
		r.tell(r.down, ErrStop, rest, now)
		if r.children[r.down].state == Stopping {
			return
		}
	}
	if r.active == 0 && !r.finished {
		r.finished = true
		r.todo = append(r.todo, action{do: finish})
	}
}

func (r *rules) tellAll(now time.Time) {
	for k := len(r.children) - 1; k >= 0; k-- {
		r.tell(k, ErrStop, rest, now)
	}
}

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
