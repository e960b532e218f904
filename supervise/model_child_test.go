package supervise_test

import (
	"fmt"
	"math"
	"slices"
	"time"

	"tend.example/tend/supervise"
)

const (
	modelUnset   = time.Duration(-1)            // of a time that is not there
	modelEndless = time.Duration(math.MaxInt64) // of a time that does not come

	modelSlack = 50 * time.Millisecond  // beyond its time, a run is stuck
	modelGrace = 500 * time.Millisecond // when a budget is spent
)

// modelChild is the model of one child of a group, or member of a pool.
type modelChild struct {
	*modelTree
	in     *modelGroup
	spec   *modelSpec
	path   string
	policy supervise.Policy // with its defaults
	sub    *modelGroup      // what it runs, when that is a group or a pool

	state    supervise.State
	since    time.Duration
	next     time.Duration // in Backoff
	run      int
	over     int // number of the last run that is over
	restarts int
	err      *modelErr

	held     bool // an operator wants it stopped
	waits    bool // has yet to be given its turn to start
	returns  bool // will start again when its turn comes
	final    bool // Done, whatever its siblings do
	due      bool // in Backoff: the delay is over
	passed   bool // holds back nobody
	seen     bool // has been Running or at rest
	risen    bool // has been Running
	expelled bool // to leave its pool
	tuned    bool // has a policy of its own
	failures int
	made     []time.Duration // restarts, ever

	began   time.Duration
	beganIn int
	runs    []*modelRunning // a leaf's runs under way: more than one would be a mistake
	served  int             // how many there have been
	then    modelFate       // while Stopping
	cause   modelCause
	toldAt  time.Duration
	stopFor time.Duration // the StopTimeout of that moment
	upBy    time.Duration // when the start timeout is over
	sign    time.Duration // the last sign of life
	beatBy  time.Duration // when it is hung
}

// modelFate is what comes after Stopping.
type modelFate int

const (
	thenRest  modelFate = iota
	thenAgain           // the next run
	thenJudge           // as if it had ended by itself
)

// modelCause is why a run is told to stop.
type modelCause struct {
	text string
	err  *modelErr // as the event shows it
	by   *modelErr // that of a failed sibling
}

// again tells whether what is below a group that is told so is told the same: it will be run again with it.
func (c modelCause) again() bool { return c.by != nil || c.text == causeRestart.text }

var (
	causeStop    = modelCause{text: "stop"}
	causeRestart = modelCause{text: "restart", err: &modelErr{text: "restart"}}
	causeLate    = modelCause{text: "late", err: &modelErr{text: "late"}}
	causeHung    = modelCause{text: "hung", err: &modelErr{text: "hung"}}
)

func newModelChild(in *modelGroup, spec *modelSpec, path string, policy supervise.Policy) *modelChild {
	c := &modelChild{
		modelTree: in.modelTree, in: in, spec: spec, path: path, policy: modelDefaults(policy, spec.kind),
		since: modelUnset, next: modelUnset,
	}
	if spec.kind != kindLeaf {
		c.sub = in.group(spec, path, c)
	}
	return c
}

// notifies tells whether it is Starting until it says that it is ready.
func (c *modelChild) notifies() bool { return c.spec.waitReady || c.sub != nil }

// holds tells whether it holds back the next sibling until then.
func (c *modelChild) holds() bool { return c.spec.waitReady || c.spec.kind == kindPool }

// alive tells whether a run is under way.
func (c *modelChild) alive() bool {
	return c.state == supervise.Starting || c.state == supervise.Running || c.state == supervise.Stopping
}

func (c *modelChild) atRest() bool {
	return c.state == supervise.Stopped || c.state == supervise.Done || c.state == supervise.Failed
}

// renew is what a new Serve of its group makes of it.
func (c *modelChild) renew() {
	c.state, c.since, c.next = supervise.Idle, modelUnset, modelUnset
	c.waits, c.returns, c.final, c.due = true, false, false, false
	c.passed, c.seen, c.risen = false, false, false
	c.failures, c.made = 0, nil
	c.over = c.run
}

func (c *modelChild) enter(to supervise.State, err *modelErr) {
	c.state, c.since = to, c.now
	if to != supervise.Backoff {
		c.next = modelUnset
	}
	c.risen = c.risen || to == supervise.Running
	if to == supervise.Running || to == supervise.Stuck || c.atRest() && !c.returns {
		c.passed, c.seen = true, true
	}
	c.event(c.path, to, c.run, err)
	if to == supervise.Done || to == supervise.Failed || to == supervise.Stopped && (c.expelled || c.in.falling) {
		c.leave()
	}
}

// --- a run -----------------------------------------------------------------------------------------------

// turn: it may start now, if it is one that starts.
func (c *modelChild) turn() {
	c.waits = false
	switch {
	case c.held && c.state == supervise.Idle:
		c.enter(supervise.Stopped, nil)
	case c.held:
		c.passed, c.seen = true, true
	case c.state == supervise.Idle:
		c.begin()
	case c.state == supervise.Backoff, c.returns, c.state == supervise.Done && !c.final:
		c.passed = false
		c.restarts++
		c.begin()
	}
}

// begin begins the next run.
func (c *modelChild) begin() {
	c.run++
	c.began, c.beganIn = c.now, c.moment
	c.returns, c.final, c.due = false, false, false
	c.upBy, c.beatBy = modelEndless, modelEndless
	c.enter(supervise.Starting, nil)
	c.later(c.launch)
}

// launch is when the service is called.
func (c *modelChild) launch() {
	if c.state != supervise.Starting {
		c.open = true // told to stop before it began
		return
	}
	c.passed = c.passed || !c.holds()
	if c.notifies() {
		if c.policy.StartTimeout > 0 {
			c.upBy = c.now + c.policy.StartTimeout
		}
	} else {
		c.running()
	}
	if c.sub != nil {
		c.later(c.sub.serve)
	} else {
		c.beside(c.serve)
	}
	c.in.settle()
}

func (c *modelChild) running() {
	c.upBy = modelEndless
	c.enter(supervise.Running, nil)
	c.watch()
}

func (c *modelChild) readied(run int) {
	if c.run == run && c.state == supervise.Starting {
		c.passed = true
		c.running()
		c.in.settle()
	}
}

func (c *modelChild) late() {
	c.upBy = modelEndless
	c.tell(causeLate, thenJudge)
	c.in.settle()
}

// watch counts the silence from now.
func (c *modelChild) watch() {
	c.sign, c.beatBy = c.now, modelEndless
	if c.policy.Heartbeat > 0 {
		c.beatBy = c.now + c.policy.Heartbeat
	}
}

func (c *modelChild) hung() {
	c.beatBy = modelEndless
	c.tell(causeHung, thenJudge)
	c.in.settle()
}

// tell makes it stop, if there is anything to stop.
func (c *modelChild) tell(cause modelCause, then modelFate) {
	switch c.state {
	case supervise.Backoff:
		c.stopNow()
	case supervise.Starting, supervise.Running:
		c.open = c.open || c.beganIn == c.moment // it may have begun, or not
		c.cause, c.then = cause, then
		c.toldAt, c.stopFor = c.now, c.policy.StopTimeout
		c.upBy, c.beatBy = modelEndless, modelEndless
		c.enter(supervise.Stopping, cause.err)
		c.later(c.told)
	case supervise.Stopping:
		c.then = then
	}
}

// stopNow ends a backoff.
func (c *modelChild) stopNow() { c.enter(supervise.Stopped, nil) }

// told is when the service notices.
func (c *modelChild) told() {
	if c.sub != nil {
		c.sub.shutdown()
		return
	}
	for _, r := range c.runs {
		if !r.told {
			r.tell()
		}
	}
}

// deadline is when a run that was told to stop must have returned.
func (c *modelChild) deadline() time.Duration {
	if c.state != supervise.Stopping {
		return modelEndless
	}
	at := c.in.deadline()
	if c.stopFor > 0 {
		at = min(at, c.toldAt+c.stopFor)
	}
	return at
}

// stuckAt is when it is given up on.
func (c *modelChild) stuckAt() time.Duration {
	switch {
	case c.state != supervise.Stopping || c.sub != nil:
		return modelEndless
	case c.in.spent:
		return max(c.toldAt, c.in.spentAt) + modelGrace
	case c.stopFor > 0:
		return c.toldAt + c.stopFor + modelSlack
	default:
		return modelEndless
	}
}

// stuckWith is the group others of which are given up on at the same moment, in any order.
func (c *modelChild) stuckWith() *modelGroup {
	switch {
	case !c.in.falling:
		return nil
	case c.in.spent:
		return c.in.spender()
	default:
		return c.in
	}
}

func (c *modelChild) stick() {
	c.err = &modelErr{text: "stuck", stuck: true}
	c.enter(supervise.Stuck, c.err)
	if c.in.falling {
		c.in.fault(c.path, c.err)
	} else {
		c.in.fall(c.fatal(c.err))
	}
	c.in.settle()
}

// fatal is the error of a child that has to end the whole tree.
func (c *modelChild) fatal(err *modelErr) *modelErr {
	e := modelChildErr(c.path, err.with("fatal{%s}", err))
	e.fatal = true
	return e
}

// returned: the run is over.
func (c *modelChild) returned(o modelOutcome) {
	c.over = c.run
	switch {
	case c.state == supervise.Stuck:
		return // too late
	case c.state == supervise.Stopping && c.then != thenJudge:
		c.stopped(o)
	case c.in.falling:
		c.endedWhileFalling(o)
	case c.state == supervise.Stopping && o.kind != runFatal:
		c.judge(modelOutcome{runFailed, modelJoin(c.cause.err, o.err)})
	default:
		c.judge(o)
	}
	c.in.settle()
}

// stopped: it ended because it was told to.
func (c *modelChild) stopped(o modelOutcome) {
	c.err = o.err
	switch {
	case o.kind == runFatal:
		c.enter(supervise.Failed, c.err)
		c.in.fall(modelChildErr(c.path, c.err))
	case c.err != nil && c.err.stuck && !c.in.falling:
		c.enter(supervise.Stopped, c.err)
		c.in.fall(c.fatal(c.err))
	case c.then == thenAgain:
		if c.err != nil {
			c.enter(supervise.Stopped, c.err)
		}
		c.begin()
	default:
		c.enter(supervise.Stopped, c.err)
		if c.in.falling {
			c.in.fault(c.path, c.err)
		}
	}
}

// endedWhileFalling: it ended by itself while its group stops, so nothing follows.
func (c *modelChild) endedWhileFalling(o modelOutcome) {
	c.err = o.err
	switch {
	case o.kind == runFatal:
		c.enter(supervise.Failed, c.err)
		c.in.fall(modelChildErr(c.path, c.err))
	case o.kind == runFailed:
		c.enter(supervise.Failed, c.err)
		c.in.fault(c.path, c.err)
	case o.kind == runFinished || c.policy.Restart != supervise.Always:
		c.enter(supervise.Done, c.err)
		if c.err != nil && !c.err.clean {
			c.in.fault(c.path, c.err)
		}
	default:
		c.enter(supervise.Stopped, nil)
	}
}

// judge decides by the policy what follows a run that ended by itself.
func (c *modelChild) judge(o modelOutcome) {
	c.err = o.err
	switch p := c.policy; {
	case o.kind == runFatal:
		c.enter(supervise.Failed, c.err)
		c.in.fall(modelChildErr(c.path, c.err))
	case c.err != nil && c.err.stuck:
		c.enter(supervise.Failed, c.err)
		c.in.fall(c.fatal(c.err))
	case o.kind == runFinished, o.kind == runSucceeded && p.Restart != supervise.Always:
		c.final = o.kind == runFinished || p.Restart == supervise.Never
		c.enter(supervise.Done, c.err)
		c.ended(modelDone())
	case o.kind == runFailed && p.Restart == supervise.Never:
		c.enter(supervise.Failed, c.err)
		c.ended(modelChildErr(c.path, c.err))
	case o.kind == runFailed && p.FailStart && c.notifies() && !c.risen:
		c.giveUp(c.err)
	default:
		c.retry()
	}
}

// forgo leaves out the restart that it waits for.
func (c *modelChild) forgo() {
	if c.err != nil {
		c.enter(supervise.Failed, c.err)
		c.ended(modelChildErr(c.path, c.err))
	} else {
		c.final = true // or the strategy under way would run it all the same
		c.enter(supervise.Done, nil)
		c.ended(modelDone())
	}
	c.in.settle()
}

// ended: no run follows, because of why.
func (c *modelChild) ended(why *modelErr) {
	if c.spec.significant {
		c.in.fall(why)
	}
}

// giveUp ends the group because of it.
func (c *modelChild) giveUp(err *modelErr) {
	c.err = err
	c.enter(supervise.Failed, err)
	c.in.fall(modelChildErr(c.path, err))
}

// leave takes it out of its pool.
func (c *modelChild) leave() {
	if c.in.loose() {
		c.in.kids = slices.DeleteFunc(c.in.kids, func(other *modelChild) bool { return other == c })
	}
}

func modelLimit(n int, window time.Duration, err *modelErr) *modelErr {
	limit := &modelErr{}
	if err != nil {
		limit = err.with("")
	}
	limit.clean = false
	limit.text = fmt.Sprintf("limit(%d/%v){%s}", n, window, err)
	return limit
}

// retry waits for the next run, unless there were too many.
func (c *modelChild) retry() {
	p := c.policy
	if c.now-c.began >= p.ResetAfter {
		c.failures = 0
	}
	within := 0
	for _, at := range c.made {
		if c.now-at < p.Window {
			within++
		}
	}
	if p.MaxRestarts < 0 || p.MaxRestarts > 0 && within >= p.MaxRestarts {
		c.giveUp(modelLimit(within, p.Window, c.err))
		return
	}
	c.made = append(c.made, c.now)
	delay := c.delay(c.path, c.run, p, c.failures)
	c.failures++
	c.enter(supervise.Backoff, c.err)
	c.next = c.now + delay
	c.in.draw(c)
}

// elapsed: the delay is over.
func (c *modelChild) elapsed() {
	c.due = true
	if !c.waits {
		c.restarts++
		c.begin()
	}
	c.in.settle()
}

// allDue is everything that is due of it and below.
func (c *modelChild) allDue(all []*modelDue) []*modelDue {
	add := func(at time.Duration, loose *modelGroup, what string, do func()) {
		if at < modelEndless {
			all = append(all, &modelDue{at, loose, c.path + " " + what, do})
		}
	}
	switch c.state {
	case supervise.Backoff:
		if !c.due {
			add(c.next, nil, "backoff", c.elapsed)
		}
	case supervise.Starting:
		add(c.upBy, nil, "late", c.late)
	case supervise.Running:
		add(c.beatBy, nil, "hung", c.hung)
	case supervise.Stopping:
		add(c.stuckAt(), c.stuckWith(), "stuck", c.stick)
	}
	for _, r := range c.runs {
		all = r.due(all)
	}
	if c.sub != nil {
		all = c.sub.due(all)
	}
	return all
}
