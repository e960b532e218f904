package supervise

import "time"

// What an operator can ask of a child, as the rules see it.

// hold stops a child and keeps it stopped.
func (r *rules) hold(c *record, now time.Time) {
	c.held = true // one that has not had its turn is stopped when it comes
	r.tell(c, ErrStop, rest, now)
	r.settle(now)
}

// release starts a child that is at rest. One that has not had its turn yet will get it.
func (r *rules) release(c *record, now time.Time) {
	c.held = false
	switch {
	case c.state == Idle:
	case r.awaitsTurn(c):
		c.returns = true
		c.calm()
	case c.state == Stopping:
		c.then = again
	case c.atRest():
		c.calm()
		r.begin(c, now)
	}
	r.settle(now)
}

// rerun ends the run or the backoff and begins the next run at once, or when its turn comes.
func (r *rules) rerun(c *record, now time.Time) {
	c.held = false
	switch {
	case c.state == Backoff && r.strategy == OneForOne:
		c.calm()
		r.begin(c, now)
	case c.state == Backoff:
		c.calm()
		c.due = true
		r.do(wake, c)
	case r.awaitsTurn(c), c.atRest():
		r.release(c, now)
		return
	default:
		c.calm()
		r.tell(c, ErrRestart, again, now)
	}
	r.settle(now)
}

// setPolicy gives a child another policy. What is under way goes on by it, but for a stop.
func (r *rules) setPolicy(c *record, p *Policy, now time.Time) {
	old := c.policy
	c.policy = p
	switch {
	case c.state == Backoff && (p.Restart == Never || p.Restart == OnFailure && c.err() == nil):
		r.forgo(c, now)
	case c.state == Backoff && !c.due && (p.MinBackoff != old.MinBackoff || p.MaxBackoff != old.MaxBackoff):
		c.hurt.next = c.since.Add(p.delay(c.hurt.failures-1, r.random()))
		r.do(wake, c)
	case c.state == Starting || c.state == Running:
		r.do(retime, c).time = now
	}
}

// forgo leaves out the restart that a child waits for.
func (r *rules) forgo(c *record, now time.Time) {
	c.hurt.next = time.Time{}
	if err := c.err(); err != nil {
		r.conclude(c, Failed, now, err, &ChildError{c.path, err})
	} else {
		r.finish(c, outcome{kind: finished}, now) // or the strategy under way would run it all the same
	}
	r.do(wake, c)
	r.settle(now)
}
