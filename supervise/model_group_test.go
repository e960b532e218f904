package supervise_test

import (
	"slices"
	"time"

	"tend.example/tend/supervise"
)

// modelGroup is the model of a group, or of a pool, which is a group whose children come and go,
// have no order, and leave when they are at rest.
type modelGroup struct {
	*modelTree
	spec    *modelSpec
	path    string
	as      *modelChild // whose service it is; nil for the root
	kids    []*modelChild
	members supervise.Policy // of a pool

	serving bool
	falling bool
	ready   bool
	fellAt  time.Duration
	spentAt time.Duration
	spent   bool // the budget is

	why     modelCause // what the children are told while it ends
	drawnBy *modelErr  // why siblings of a failed child are told to stop; nil: nobody is
	reasons []*modelErr
	faults  []*modelErr

	state supervise.State // of a root, which has no parent to have it
	since time.Duration
	run   int
	err   *modelErr
}

func (m *modelTree) group(spec *modelSpec, path string, as *modelChild) *modelGroup {
	g := &modelGroup{modelTree: m, spec: spec, path: path, as: as, since: modelUnset}
	for _, s := range spec.children {
		g.kids = append(g.kids, newModelChild(g, s, path+"/"+s.name, s.policy))
	}
	return g
}

func (g *modelGroup) loose() bool { return g.spec.kind == kindPool }

// own notes a state of the root itself; of another group its parent's events tell.
func (g *modelGroup) own(to supervise.State, err *modelErr) {
	if g.as == nil {
		g.state, g.since, g.err = to, g.now, err
		g.event(g.path, to, g.run, err)
	}
}

func (m *modelTree) event(path string, to supervise.State, run int, err *modelErr) {
	m.note(true, "%s %s %d: %s", path, to, run, err)
}

// serve begins a Serve.
func (g *modelGroup) serve() {
	g.serving, g.falling, g.ready, g.spent = true, false, false, false
	g.drawnBy, g.reasons, g.faults, g.why = nil, nil, nil, causeStop
	if g.loose() {
		g.kids, g.members = nil, g.spec.members
	}
	for _, c := range g.kids {
		c.renew()
	}
	g.run++
	g.own(supervise.Starting, nil)
	g.settle()
}

// shutdown ends it because it was told to.
func (g *modelGroup) shutdown() {
	if g.serving {
		if g.as != nil && !g.falling && g.as.cause.again() {
			g.why = modelCause{text: g.as.cause.text, by: g.as.cause.by}
		}
		g.fall(nil)
		g.settle()
	}
}

// settle does whatever has become possible, one thing after another.
func (g *modelGroup) settle() {
	for g.serving && g.step() {
	}
}

func (g *modelGroup) step() bool {
	switch {
	case g.falling:
		return g.stepDown()
	case g.loose():
		return g.sayReady()
	default:
		return g.tellOne() || g.startOne() || g.sayReady() || g.finish()
	}
}

// --- up ------------------------------------------------------------------------------------------------

// startOne gives the next child that waits for it its turn to start: each when those before it hold
// it back no longer, and none before all that wait are down and their delays over.
func (g *modelGroup) startOne() bool {
	k := slices.IndexFunc(g.kids, func(c *modelChild) bool { return c.waits })
	if k < 0 {
		return false
	}
	for _, c := range g.kids[k:] {
		if c.waits && (c.alive() || c.state == supervise.Backoff && !c.due) {
			return false
		}
	}
	g.drawnBy = nil
	for _, c := range g.kids[:k] {
		if !c.passed && !g.spec.concurrent {
			return false
		}
	}
	if g.spec.concurrent {
		g.beside(g.kids[k].turn)
	} else {
		g.kids[k].turn()
	}
	return true
}

// tellOne tells the last of those to stop that wait for their turn and still run from before.
func (g *modelGroup) tellOne() bool {
	for _, c := range slices.Backward(g.kids) {
		switch {
		case !c.waits:
			return false
		case c.state == supervise.Stopping:
			if c.then == thenAgain { // not before its turn
				c.returns, c.then = true, thenRest
			}
			return false
		case c.alive():
			c.returns = c.returns || c.policy.Restart != supervise.Never
			c.tell(g.drawn(), thenRest)
			return true
		}
	}
	return false
}

// drawn is the cause with which the siblings of a failed child are told to stop.
func (g *modelGroup) drawn() modelCause {
	return modelCause{text: g.drawnBy.text, err: g.drawnBy, by: g.drawnBy}
}

// draw makes those wait for another turn who share the fate of a child that is to be restarted.
func (g *modelGroup) draw(by *modelChild) {
	shared := slices.Index(g.kids, by)
	switch g.spec.strategy {
	case supervise.OneForOne:
		return
	case supervise.OneForAll:
		shared = 0
	}
	if g.drawnBy == nil {
		g.drawnBy = modelChildErr(by.path, by.err)
	}
	for _, c := range g.kids[shared:] {
		c.waits = true
	}
}

// sayReady: each of the children has been Running, or has come to rest.
func (g *modelGroup) sayReady() bool {
	if g.ready || slices.ContainsFunc(g.kids, func(c *modelChild) bool { return !c.seen }) {
		return false
	}
	g.ready = true
	g.own(supervise.Running, nil)
	if g.as != nil {
		run := g.as.run
		g.later(func() { g.as.readied(run) })
	}
	return true
}

// finish ends a group whose children are all done.
func (g *modelGroup) finish() bool {
	for _, c := range g.kids {
		if c.state != supervise.Done {
			return false
		}
	}
	g.fall(modelDone())
	return true
}

// --- down ----------------------------------------------------------------------------------------------

// fall begins to end the group. A reason that comes while it ends is added.
func (g *modelGroup) fall(reason *modelErr) {
	if reason != nil {
		g.reasons = append(g.reasons, reason)
	}
	if g.falling {
		return
	}
	g.falling, g.fellAt = true, g.now
	if reason != nil && g.as != nil && !g.loose() && !reason.fatal && !reason.done { // it may be run again
		g.why = modelCause{text: reason.text, by: reason}
	}
	g.own(supervise.Stopping, nil)
	for _, c := range slices.Clone(g.kids) {
		c.then = thenRest
		if c.atRest() {
			c.leave()
		}
		if c.state == supervise.Backoff {
			g.beside(c.stopNow)
		}
	}
	g.spent = g.deadline() <= g.now
	if g.spent || g.spec.concurrent || g.loose() {
		g.spentAt = g.now
		g.tellAll()
	}
}

func (g *modelGroup) tellAll() {
	for _, c := range slices.Clone(g.kids) {
		g.beside(func() { c.tell(g.why, thenRest) })
	}
}

// stepDown tells the last that still runs to stop, when the one after it is down.
func (g *modelGroup) stepDown() bool {
	for _, c := range slices.Backward(g.kids) {
		if c.alive() {
			c.tell(g.why, thenRest)
			return false // until it is down
		}
	}
	g.serving = false
	g.later(g.end)
	return false
}

// end is when all are down.
func (g *modelGroup) end() {
	verdict := g.verdict()
	state := supervise.Failed
	switch {
	case len(g.reasons) == 0:
		state = supervise.Stopped
	case len(g.reasons) == 1 && g.reasons[0].text == "done":
		state = supervise.Done
	}
	shown := verdict
	if verdict.String() == "done" {
		shown = nil
	}
	g.own(state, shown)
	if g.as != nil {
		g.later(func() { g.as.returned(g.outcome(verdict)) })
	}
}

func (g *modelGroup) verdict() *modelErr {
	return modelJoin(append(slices.Clone(g.reasons), modelStopErr(g.faults))...)
}

// outcome is what the verdict means to the group above.
func (g *modelGroup) outcome(verdict *modelErr) modelOutcome {
	told := g.as.state == supervise.Stopping
	switch {
	case verdict == nil, told && verdict.clean:
		return modelOutcome{}
	case verdict.fatal:
		return modelOutcome{runFatal, verdict}
	case verdict.text == "done":
		return modelOutcome{kind: runFinished}
	case verdict.done:
		return modelOutcome{runFinished, verdict}
	default:
		return modelOutcome{runFailed, verdict}
	}
}

// fault notes what did not stop cleanly; of a group below, the leaves that it has noted.
func (g *modelGroup) fault(path string, err *modelErr) {
	switch {
	case err == nil:
	case err.faults != nil:
		g.faults = append(g.faults, err.faults...)
	default:
		g.faults = append(g.faults, modelChildErr(path, err))
	}
}

// --- time ----------------------------------------------------------------------------------------------

// deadline is when the time for stopping is over: its own, or that of what it is in.
func (g *modelGroup) deadline() time.Duration {
	at := modelEndless
	if g.falling && g.spec.stopTimeout > 0 {
		at = g.fellAt + g.spec.stopTimeout
	}
	if g.falling && g.as != nil {
		at = min(at, g.as.deadline())
	}
	return at
}

// spender is the group whose budget bounds this one's: what becomes of them at its end comes in any
// order.
func (g *modelGroup) spender() *modelGroup {
	if g.as != nil && g.as.in.deadline() <= g.deadline() {
		return g.as.in.spender()
	}
	return g
}

// overspend: order is given up, and whoever is still there after a while is stuck.
func (g *modelGroup) overspend() {
	g.spent, g.spentAt = true, g.now
	g.tellAll()
	g.settle()
}

func (g *modelGroup) due(all []*modelDue) []*modelDue {
	if at := g.deadline(); g.serving && g.falling && !g.spent && at < modelEndless {
		all = append(all, &modelDue{at: at, loose: g.spender(), what: g.path + " spent", do: g.overspend})
	}
	for _, c := range g.kids {
		all = c.allDue(all)
	}
	return all
}

// all is every child and member, depth first.
func (g *modelGroup) all() []*modelChild {
	var all []*modelChild
	for _, c := range g.kids {
		all = append(all, c)
		if c.sub != nil {
			all = append(all, c.sub.all()...)
		}
	}
	return all
}

// child is one of them, by path.
func (g *modelGroup) child(path string) *modelChild {
	all := g.all()
	return all[slices.IndexFunc(all, func(c *modelChild) bool { return c.path == path })]
}
