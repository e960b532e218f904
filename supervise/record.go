package supervise

import "time"

// record is what the rules know of one child. A pool has a hundred thousand of them, so what only a
// child in trouble needs is apart.
type record struct {
	path   string
	policy *Policy  // with defaults
	keeper *keeper  // who carries out what is decided; nothing to the rules
	hurt   *trouble // nil: nothing to tell

	since time.Time     // when it entered state
	lead  time.Duration // how long before since the present run began

	at       int // its place among the children; -1: it has left the pool
	run      int // number of the last run
	ended    int // number of the last run that is over
	restarts int // runs that a policy or a strategy began

	state       State
	then        fate // while stopping: what comes next
	notifies    bool // starting until it calls Ready
	holds       bool // holds back the next sibling until then
	significant bool
	patient     bool // a group or a pool: ends itself within its budget, so it is not called stuck

	held     bool // an operator wants it stopped
	expelled bool // it is to leave the pool
	passed   bool // does not hold back the next sibling, or no longer
	seen     bool // counted out of unseen
	risen    bool // has been Running since the group's start
	due      bool // in backoff: the delay is over, and it waits for its siblings
	returns  bool // stopped by a strategy: it starts again when its turn comes
	final    bool // while Done: the strategy of its group leaves it so
	tuned    bool // the policy is an operator's
	closable bool // there is something to close when it comes to rest
	open     bool // it has run since it was closed
}

// trouble is what has gone wrong with a child, and what follows.
type trouble struct {
	err      error     // why the last run that is over ended
	next     time.Time // in backoff: when the next run begins
	cause    error     // while stopping as a failure: why
	failures int       // in a row, for the backoff
	made     history   // the latest restarts
	closing  *closing  // what it is to be once it is closed; nil: it is not being closed
}

// inTrouble is c.hurt, made when it is needed first.
func (c *record) inTrouble() *trouble {
	if c.hurt == nil {
		c.hurt = &trouble{}
	}
	return c.hurt
}

// err is why the last run that is over ended; nil when it ended cleanly.
func (c *record) err() error {
	if c.hurt == nil {
		return nil
	}
	return c.hurt.err
}

func (c *record) setErr(err error) {
	if err != nil || c.hurt != nil {
		c.inTrouble().err = err
	}
}

// next is when the next run begins, in backoff.
func (c *record) next() time.Time {
	if c.hurt == nil {
		return time.Time{}
	}
	return c.hurt.next
}

// calm forgets the failures in a row and the delay that they brought.
func (c *record) calm() {
	if c.hurt != nil {
		c.hurt.failures, c.hurt.next = 0, time.Time{}
	}
}

// absolve forgets all failures, but not the last error, nor the delay that is under way.
func (c *record) absolve() {
	c.restarts = 0
	if c.hurt != nil {
		c.hurt.failures, c.hurt.made = 0, history{}
	}
}

// began is when the present run did.
func (c *record) began() time.Time { return c.since.Add(-c.lead) }

// atRest tells whether nothing is under way.
func (c *record) atRest() bool { return c.state == Stopped || c.state == Done || c.state == Failed }

// failure is why the last run ended, as an error of the child.
func (c *record) failure() error {
	if err := c.err(); err != nil {
		return &ChildError{c.path, err}
	}
	return nil
}

// remember takes over what outlives a Serve of the group.
func (c *record) remember(old *record) {
	c.run, c.ended, c.restarts, c.held = old.run, old.run, old.restarts, old.held
	c.open = old.open
	c.setErr(old.err())
	if old.tuned {
		c.policy, c.tuned = old.policy, true
	}
}

func (c *record) status() Status {
	return Status{
		Name: nameOf(c.path), Path: c.path, State: c.state, Run: c.run, Restarts: c.restarts,
		Since: c.since, Next: c.next(), Err: c.err(), Policy: *c.policy,
	}
}

// fate is what becomes of a child when it has stopped.
type fate int8

const (
	rest  fate = iota // Stopped
	again             // the next run, at once
	judge             // as if the run had ended by itself
)
