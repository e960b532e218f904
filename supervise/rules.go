package supervise

import (
	"slices"
	"time"
)

// rules are what a group or a pool knows of its children and how it decides: (what the children
// are, what just happened) -> (what they are now, what is to be done). They neither wait nor lock
// nor look at the clock. Each method is one thing that can happen; what is to be done about it is
// left, in order, in todo. This file has the life of one child, operators.go what is asked of it,
// sweep.go the order between children, roster.go those that come and go.
type rules struct {
	strategy   Strategy
	concurrent bool
	loose      bool           // a pool: children come and go, and no order is between them
	top        bool           // no group above decides whether this one is run again
	random     func() float64 // in [0,1)
	children   []*record

	counts [Stuck + 1]int // of children in each state
	ailing int            // of a pool: the children before this one are those that are not Running
	unseen int            // children that have not been Running nor at rest yet
	ready  bool           // no child was unseen at some moment

	up       int   // children before this one have been let start
	felled   error // a strategy is stopping the children from up on, because of this
	falling  bool  // the group is ending
	why      error // what the children are told then: ErrStop, or what the group was told to be run again after
	down     int   // while felled or falling: children after this one are down
	spent    bool  // the budget for stopping is spent
	finished bool  // the group has ended

	reasons []error      // why the group ends; none: because it was told to
	faults  []ChildError // what did not stop cleanly

	stopError *StopError // of the faults

	todo []action
}

// action is something to be done about a decision.
type action struct {
	what  deed
	state State // to report
	child *record
	run   int // to report
	err   error
	time  time.Time
	delay time.Duration // to report
}

type deed int

const (
	report    deed = iota // tell the observers
	launch                // let the child's goroutine begin the run, or get it one
	wake                  // the child's backoff has lost its meaning, or has another end
	cancel                // tell the child's run to stop, because of err
	retime                // the run under way has other bounds
	forget                // the child has left its pool
	sayReady              // the group can do its work
	beginStop             // the group's budget for stopping begins
	cutShort              // it is spent: whoever is still there after a grace period is stuck
	finish                // the group has ended
)

// do adds to what is to be done. The action is to be filled in before the next one is added.
func (r *rules) do(d deed, c *record) *action {
	r.todo = append(r.todo, action{})
	a := &r.todo[len(r.todo)-1]
	a.what, a.child = d, c
	return a
}

// --- what can happen to a child ------------------------------------------------------------------

// launched: the goroutine of a starting child is about to call Serve.
func (r *rules) launched(c *record, now time.Time) {
	c.passed = c.passed || !c.holds
	if !c.notifies {
		r.enter(c, Running, now, nil)
	}
	r.settle(now)
}

// readied: the service called Ready.
func (r *rules) readied(c *record, run int, now time.Time) {
	if c.run == run && c.state == Starting {
		r.enter(c, Running, now, nil)
		r.settle(now)
	}
}

// late: the time to become ready may be over, if no operator has given it more meanwhile.
func (r *rules) late(c *record, run int, now time.Time) {
	limit := c.policy.StartTimeout
	if c.run == run && c.state == Starting && limit > 0 && now.Sub(c.began()) >= limit {
		r.end(c, ErrStartTimeout, now)
	}
}

// silent: the run has not said for too long that it is alive.
func (r *rules) silent(c *record, run int, now time.Time) {
	if c.run == run && c.state == Running {
		r.end(c, ErrHung, now)
	}
}

// end stops a run as a failure of its own.
func (r *rules) end(c *record, cause error, now time.Time) {
	c.inTrouble().cause = cause
	r.tell(c, cause, judge, now)
}

// winding: one part of the run, Serve or a goroutine, has ended and so ends the other parts.
func (r *rules) winding(c *record, run int, cause error, now time.Time) {
	if c.run == run && (c.state == Starting || c.state == Running) {
		r.tell(c, cause, judge, now)
	}
}

// over: the run is.
func (r *rules) over(c *record, o outcome, now time.Time) {
	c.ended = c.run
	if c.state == Stuck { // too late
		return
	}
	var cause error
	if c.hurt != nil {
		cause, c.hurt.cause = c.hurt.cause, nil
	}
	switch {
	case c.state == Stopping && c.then != judge:
		r.stopped(c, o, now)
	case r.falling:
		r.endedUnasked(c, o, now)
	case c.state == Stopping && cause != nil:
		r.judge(c, o.after(cause), now)
	default:
		r.judge(c, o, now)
	}
	r.settle(now)
}

// overdue: the run was told to stop and has not returned in time.
func (r *rules) overdue(c *record, run int, stuck error, now time.Time) {
	if c.run != run || c.state != Stopping {
		return
	}
	c.setErr(stuck)
	r.enter(c, Stuck, now, stuck)
	if r.falling {
		r.fault(c.path, stuck)
	} else {
		// Another run beside one that never ended could do everything twice.
		r.fall(&ChildError{c.path, Fatal(stuck)}, now)
	}
	r.settle(now)
}

// elapsed: the delay of a backoff is over. Under a strategy the run has to wait for its turn.
func (r *rules) elapsed(c *record, now time.Time) {
	switch {
	case c.state != Backoff:
	case r.strategy == OneForOne:
		c.restarts++
		r.begin(c, now)
	default:
		c.due = true
		r.settle(now)
	}
}

// --- what follows -----------------------------------------------------------------------------------

// begin starts the next run.
func (r *rules) begin(c *record, now time.Time) {
	c.run++
	c.due, c.returns, c.final = false, false, false
	c.open = c.closable
	if c.hurt != nil {
		c.hurt.next = time.Time{}
	}
	r.enter(c, Starting, now, nil)
	r.do(launch, c)
}

// tell makes a child stop, if there is anything to stop.
func (r *rules) tell(c *record, cause error, then fate, now time.Time) {
	switch c.state {
	case Backoff:
		c.hurt.next = time.Time{}
		r.land(c, Stopped, now, nil)
		r.do(wake, c)
	case Starting, Running:
		c.then = then
		shown := cause
		if cause == ErrStop || cause == r.why { //nolint:errorlint // a plain stop is no news
			shown = nil
		}
		r.enter(c, Stopping, now, shown)
		r.do(cancel, c).err = cause
	case Stopping:
		c.then = then
	case Stopped, Done:
		if c.returns && r.closes(c) { // but now it does not
			r.shut(c, c.state, now, nil)
		}
	}
}

// stopped: the run ended because it was told to.
func (r *rules) stopped(c *record, o outcome, now time.Time) {
	c.setErr(o.err)
	switch {
	case o.kind == fatal:
		r.topple(c, Failed, now, o.err, &ChildError{c.path, o.err})
	case o.abandoned && !r.falling:
		r.topple(c, Stopped, now, o.err, &ChildError{c.path, Fatal(o.err)})
	case c.then == again:
		if o.err != nil {
			r.enter(c, Stopped, now, o.err) // or nobody would hear of it
		}
		r.begin(c, now)
	default:
		r.land(c, Stopped, now, o.err)
		if r.falling {
			r.fault(c.path, o.err)
		}
	}
}

// endedUnasked: the run ended by itself while the group is ending, so nothing follows it.
func (r *rules) endedUnasked(c *record, o outcome, now time.Time) {
	c.setErr(o.err)
	switch {
	case o.kind == fatal:
		r.topple(c, Failed, now, o.err, &ChildError{c.path, o.err})
	case o.kind == failed:
		r.land(c, Failed, now, o.err)
		r.fault(c.path, o.err)
	case o.kind == finished, c.policy.Restart != Always:
		r.land(c, Done, now, o.err)
		if !clean(o.err, nil) { // ErrDone with more than that to say
			r.fault(c.path, o.err)
		}
	default:
		r.land(c, Stopped, now, nil)
	}
}

// judge decides by the policy what follows a run that ended by itself.
func (r *rules) judge(c *record, o outcome, now time.Time) {
	c.setErr(o.err)
	restart := c.policy.Restart
	switch {
	case o.kind == fatal:
		r.topple(c, Failed, now, o.err, &ChildError{c.path, o.err})
	case o.abandoned:
		r.topple(c, Failed, now, o.err, &ChildError{c.path, Fatal(o.err)})
	case o.kind == finished, o.kind == succeeded && restart != Always:
		r.finish(c, o, now)
	case o.kind == failed && (restart == Never || o.final):
		r.conclude(c, Failed, now, o.err, &ChildError{c.path, o.err})
	case o.kind == failed && c.policy.FailStart && c.notifies && !c.risen:
		r.giveUp(c, o.err, now)
	default:
		r.retry(c, now)
	}
}

// finish is the end of a child that has nothing more to do.
func (r *rules) finish(c *record, o outcome, now time.Time) {
	c.final = o.kind == finished || c.policy.Restart == Never
	r.conclude(c, Done, now, o.err, ErrDone)
}

// retry waits for the next run, or gives up when there were too many.
func (r *rules) retry(c *record, now time.Time) {
	p, hurt := c.policy, c.inTrouble()
	if now.Sub(c.began()) >= p.ResetAfter {
		hurt.failures = 0
	}
	if hurt.made.full(now, p) {
		r.giveUp(c, &LimitError{Restarts: hurt.made.within(now, p.Window), Window: p.Window, Err: hurt.err}, now)
		return
	}
	hurt.made.add(now, p)
	delay := p.delay(hurt.failures, r.random())
	hurt.failures++
	hurt.next = now.Add(delay)
	r.enter(c, Backoff, now, hurt.err)
	r.todo[len(r.todo)-1].delay = delay
	r.fell(c)
}

// giveUp ends the group because of a child.
func (r *rules) giveUp(c *record, err error, now time.Time) {
	c.setErr(err)
	r.topple(c, Failed, now, err, &ChildError{c.path, err})
}

// enter changes a child's state. Every change passes here, so the counts agree with the states.
func (r *rules) enter(c *record, to State, now time.Time, err error) {
	r.counts[c.state]--
	r.counts[to]++
	if to == Running || to == Stopping {
		c.lead += now.Sub(c.since)
	} else {
		c.lead = 0
	}
	c.state, c.since = to, now
	c.risen = c.risen || to == Running
	if to == Running || to == Stuck || c.atRest() && !c.returns {
		r.pass(c)
	}
	a := r.do(report, c)
	a.state, a.run, a.err, a.time = to, c.run, err, now
	if r.loose {
		r.place(c)
	}
}

// pass lets the next sibling start, as far as this child is concerned, and its group be ready.
func (r *rules) pass(c *record) {
	c.passed = true
	if !c.seen {
		c.seen = true
		r.unseen--
	}
}

// active is how many children have a goroutine of the group with them.
func (r *rules) active() int {
	return r.counts[Starting] + r.counts[Running] + r.counts[Backoff] + r.counts[Stopping]
}

// order is the children in the order of stopping, to go through while they change.
func (r *rules) order() []*record {
	order := slices.Clone(r.children)
	slices.Reverse(order)
	return order
}
