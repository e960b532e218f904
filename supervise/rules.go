package supervise

import "time"

// rules are what a group knows of its children and how it decides: (what the children are, what
// just happened) -> (what they are now, what is to be done). They neither wait nor lock nor look
// at the clock. Each method is one thing that can happen; what is to be done about it is left, in
// order, in todo. This file has the life of one child, sweep.go the order between children.
type rules struct {
	concurrent bool
	random     func() float64 // in [0,1)
	children   []record

	active int  // children that are starting, running, in backoff or stopping
	done   int  // children that are Done
	unseen int  // children that have not been Running nor at rest yet
	ready  bool // no child was unseen at some moment

	up       int  // children before this one have been let start
	falling  bool // the group is ending
	down     int  // while falling: children after this one are at rest
	spent    bool // the budget for stopping is spent
	finished bool // the group has ended

	reasons []error      // why the group ends; none: because it was told to
	faults  []ChildError // what did not stop cleanly

	stopError *StopError // of the faults

	todo []action
}

// record is what the rules know of one child.
type record struct {
	name        string
	path        string
	policy      Policy // with defaults
	notifies    bool   // starting until it calls Ready
	holds       bool   // holds back the next sibling until then
	significant bool
	patient     bool // a group: ends itself within its budget, so it is not called stuck

	state    State
	since    time.Time // when it entered state
	began    time.Time // when the last run did
	next     time.Time // in backoff: when the next run begins
	err      error     // why the last run that is over ended
	run      int       // number of the last run
	ended    int       // number of the last run that is over
	restarts int       // runs that the policy began

	held     bool        // an operator wants it stopped
	passed   bool        // does not hold back the next sibling, or no longer
	seen     bool        // counted out of unseen
	risen    bool        // has been Running since the group's start
	then     fate        // while stopping: what comes next
	cause    error       // while stopping: why
	failures int         // in a row, for the backoff
	made     []time.Time // the restarts within the policy's window
}

// fate is what becomes of a child when it has stopped.
type fate int

const (
	rest  fate = iota // Stopped
	again             // the next run, at once
	judge             // as if the run had ended by itself
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

// action is something to be done about a decision.
type action struct {
	do    deed
	child int
	err   error
	event Event
}

type deed int

const (
	report    deed = iota // tell the observers
	launch                // let the child's goroutine begin the run, or get it one
	wake                  // the child's backoff has lost its meaning
	cancel                // tell the child's run to stop, because of err
	sayReady              // the group can do its work
	beginStop             // the group's budget for stopping begins
	cutShort              // it is spent: whoever is still there after a grace period is stuck
	finish                // the group has ended
)

// --- what can happen to a child ------------------------------------------------------------------

// launched: the goroutine of a starting child is about to call Serve.
func (r *rules) launched(k int, now time.Time) {
	c := &r.children[k]
	c.passed = c.passed || !c.holds
	if !c.notifies {
		r.enter(k, Running, now, nil)
	}
	r.settle(now)
}

// readied: the service called Ready.
func (r *rules) readied(k, run int, now time.Time) {
	if c := &r.children[k]; c.run == run && c.state == Starting {
		r.enter(k, Running, now, nil)
		r.settle(now)
	}
}

// late: the time to become ready is over.
func (r *rules) late(k, run int, now time.Time) {
	if c := &r.children[k]; c.run == run && c.state == Starting {
		r.tell(k, ErrStartTimeout, judge, now)
	}
}

// winding: one part of the run, Serve or a goroutine, has ended and so ends the other parts.
func (r *rules) winding(k, run int, cause error, now time.Time) {
	if c := &r.children[k]; c.run == run && (c.state == Starting || c.state == Running) {
		r.tell(k, cause, judge, now)
	}
}

// ended: the run is over.
func (r *rules) ended(k int, o outcome, now time.Time) {
	c := &r.children[k]
	c.ended = c.run
	switch {
	case c.state == Stuck: // too late
		return
	case c.state == Stopping && c.then != judge:
		r.stopped(k, o, now)
	case r.falling:
		r.endedUnasked(k, o, now)
	case c.state == Stopping && c.cause == ErrStartTimeout: //nolint:errorlint // our own sentinel
		r.judge(k, o.after(c.cause), now)
	default:
		r.judge(k, o, now)
	}
	r.settle(now)
}

// after is the outcome of a run that was stopped as a failure of its own.
func (o outcome) after(cause error) outcome {
	if o.kind == fatal {
		return o
	}
	o.kind, o.err = failed, join(cause, o.err)
	return o
}

// overdue: the run was told to stop and has not returned in time.
func (r *rules) overdue(k, run int, stuck error, now time.Time) {
	c := &r.children[k]
	if c.run != run || c.state != Stopping {
		return
	}
	c.err = stuck
	r.enter(k, Stuck, now, stuck)
	if r.falling {
		r.fault(c.path, stuck)
	} else {
		// Another run beside one that never ended could do everything twice.
		r.fall(&ChildError{c.path, Fatal(stuck)}, now)
	}
	r.settle(now)
}

// due: the delay of a backoff is over.
func (r *rules) due(k int, now time.Time) {
	if c := &r.children[k]; c.state == Backoff {
		c.restarts++
		r.begin(k, now)
	}
}

// --- what an operator can ask ---------------------------------------------------------------------

// hold stops a child and keeps it stopped.
func (r *rules) hold(k int, now time.Time) {
	c := &r.children[k]
	c.held = true // one that has not had its turn is stopped when it comes
	r.tell(k, ErrStop, rest, now)
	r.settle(now)
}

// release starts a child that is at rest. One that has not had its turn yet will get it.
func (r *rules) release(k int, now time.Time) {
	c := &r.children[k]
	c.held = false
	switch c.state {
	case Stopping:
		c.then = again
	case Stopped, Done, Failed:
		c.failures = 0
		r.begin(k, now)
	}
	r.settle(now)
}

// rerun ends the run or the backoff and begins the next run at once.
func (r *rules) rerun(k int, now time.Time) {
	c := &r.children[k]
	c.held, c.failures = false, 0
	switch c.state {
	case Backoff:
		r.begin(k, now)
		r.settle(now)
	case Starting, Running, Stopping:
		r.tell(k, ErrRestart, again, now)
	default:
		r.release(k, now)
	}
}

// --- what follows -----------------------------------------------------------------------------------

// begin starts the next run.
func (r *rules) begin(k int, now time.Time) {
	c := &r.children[k]
	c.run++
	c.began, c.next = now, time.Time{}
	r.enter(k, Starting, now, nil)
	r.todo = append(r.todo, action{do: launch, child: k})
}

// tell makes a child stop, if there is anything to stop.
func (r *rules) tell(k int, cause error, then fate, now time.Time) {
	c := &r.children[k]
	switch c.state {
	case Backoff:
		c.next = time.Time{}
		r.enter(k, Stopped, now, nil)
		r.todo = append(r.todo, action{do: wake, child: k})
	case Starting, Running:
		c.then, c.cause = then, cause
		if cause == ErrStop { //nolint:errorlint // the plain stop is no news
			r.enter(k, Stopping, now, nil)
		} else {
			r.enter(k, Stopping, now, cause)
		}
		r.todo = append(r.todo, action{do: cancel, child: k, err: cause})
	case Stopping:
		c.then = then
	}
}

// stopped: the run ended because it was told to.
func (r *rules) stopped(k int, o outcome, now time.Time) {
	c := &r.children[k]
	c.err = o.err
	switch {
	case o.kind == fatal:
		r.enter(k, Failed, now, o.err)
		r.fall(&ChildError{c.path, o.err}, now)
	case o.abandoned && !r.falling:
		r.enter(k, Stopped, now, o.err)
		r.fall(&ChildError{c.path, Fatal(o.err)}, now)
	case c.then == again:
		if o.err != nil {
			r.enter(k, Stopped, now, o.err) // or nobody would hear of it
		}
		r.begin(k, now)
	default:
		r.enter(k, Stopped, now, o.err)
		if r.falling {
			r.fault(c.path, o.err)
		}
	}
}

// endedUnasked: the run ended by itself while the group is ending, so nothing follows it.
func (r *rules) endedUnasked(k int, o outcome, now time.Time) {
	c := &r.children[k]
	c.err = o.err
	switch {
	case o.kind == fatal:
		r.enter(k, Failed, now, o.err)
		r.fall(&ChildError{c.path, o.err}, now)
	case o.kind == failed:
		r.enter(k, Failed, now, o.err)
		r.fault(c.path, o.err)
	case o.kind == finished, c.policy.Restart != Always:
		r.enter(k, Done, now, o.err)
		r.fault(c.path, o.err)
	default:
		r.enter(k, Stopped, now, nil)
	}
}

// judge decides by the policy what follows a run that ended by itself.
func (r *rules) judge(k int, o outcome, now time.Time) {
	c := &r.children[k]
	c.err = o.err
	restart := c.policy.Restart
	switch {
	case o.kind == fatal:
		r.enter(k, Failed, now, o.err)
		r.fall(&ChildError{c.path, o.err}, now)
	case o.abandoned:
		r.enter(k, Failed, now, o.err)
		r.fall(&ChildError{c.path, Fatal(o.err)}, now)
	case o.kind == finished, o.kind == succeeded && restart != Always:
		r.enter(k, Done, now, o.err)
		if c.significant {
			r.fall(ErrDone, now)
		}
	case o.kind == failed && (restart == Never || o.final):
		r.enter(k, Failed, now, o.err)
		if c.significant {
			r.fall(&ChildError{c.path, o.err}, now)
		}
	case o.kind == failed && c.policy.FailStart && c.notifies && !c.risen:
		r.giveUp(k, o.err, now)
	default:
		r.retry(k, now)
	}
}

// retry waits for the next run, or gives up when there were too many.
func (r *rules) retry(k int, now time.Time) {
	c := &r.children[k]
	p := &c.policy
	if now.Sub(c.began) >= p.ResetAfter {
		c.failures = 0
	}
	if !c.mayRestart(now) {
		r.giveUp(k, &LimitError{Restarts: len(c.made), Window: p.Window, Err: c.err}, now)
		return
	}
	delay := p.delay(c.failures, r.random())
	c.failures++
	c.next = now.Add(delay)
	r.enter(k, Backoff, now, c.err)
	r.todo[len(r.todo)-1].event.Delay = delay
}

// mayRestart counts one more restart against the limit, if the policy has one.
func (c *record) mayRestart(now time.Time) bool {
	if c.policy.MaxRestarts == 0 {
		return true
	}
	kept := c.made[:0]
	for _, t := range c.made {
		if now.Sub(t) < c.policy.Window {
			kept = append(kept, t)
		}
	}
	c.made = kept
	if len(c.made) >= c.policy.MaxRestarts {
		return false
	}
	c.made = append(c.made, now)
	return true
}

// giveUp ends the group because of a child.
func (r *rules) giveUp(k int, err error, now time.Time) {
	c := &r.children[k]
	c.err = err
	r.enter(k, Failed, now, err)
	r.fall(&ChildError{c.path, err}, now)
}

// enter changes a child's state. Every change passes here, so the counts agree with the states.
func (r *rules) enter(k int, to State, now time.Time, err error) {
	c := &r.children[k]
	r.active += count(to.active()) - count(c.state.active())
	r.done += count(to == Done) - count(c.state == Done)
	c.state, c.since = to, now
	switch to {
	case Running, Done, Failed, Stopped, Stuck:
		c.passed = true
		c.risen = c.risen || to == Running
		if !c.seen {
			c.seen = true
			r.unseen--
		}
	}
	r.todo = append(r.todo, action{do: report, child: k, event: Event{
		Time: now, Path: c.path, State: to, Run: c.run, Err: err,
	}})
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}
