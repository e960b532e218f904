package supervise_test

import (
	"slices"
	"strings"

	"tend.example/tend/supervise"
)

// modelCall is a call of an operator that waits for its answer.
type modelCall struct {
	what    string
	look    func() (answer string, come bool)
	answers []string // any of these: what came at one moment may be seen in any of its states
	settled bool     // that moment is over
	dropped bool     // the answer was given, and compared
}

const (
	answerNil        = ""
	answerNotServing = "not serving"
	answerNoChild    = "no child"
	answerStuck      = "stuck"
	answerDuplicate  = "duplicate"
	answerFull       = "full"
	answerRefused    = "refused"
)

// answer looks which calls have their answer.
func (m *modelTree) answer() {
	for _, c := range m.calls {
		if c.settled {
			continue
		}
		if a, come := c.look(); come && !slices.Contains(c.answers, a) {
			c.answers = append(c.answers, a)
		}
	}
}

func modelAnswered(answer string) func() (string, bool) {
	return func() (string, bool) { return answer, true }
}

// call makes a call; what it waits for comes from do, which is left out when it is not even found.
func (m *modelTree) call(what, path string, do func(*modelChild) func() (string, bool)) *modelCall {
	call := &modelCall{what: what + " " + path}
	m.calls = append(m.calls, call)
	m.do(func() {
		c, answer := m.find(path)
		switch {
		case c == nil:
			call.look = modelAnswered(answer)
		case c.in.falling:
			call.look = modelAnswered(answerNotServing)
		case c.state == supervise.Stuck:
			call.look = modelAnswered(answerStuck)
		default:
			call.look = do(c)
		}
	})
	return call
}

// find follows a path; when it leads nowhere it says what the answer is.
func (m *modelTree) find(path string) (*modelChild, string) {
	g := m.root
	if !g.serving {
		return nil, answerNotServing
	}
	below, ok := strings.CutPrefix(path, g.path+"/")
	if !ok {
		return nil, answerNoChild
	}
	for {
		name, rest, deeper := strings.Cut(below, "/")
		k := slices.IndexFunc(g.kids, func(c *modelChild) bool { return c.path == g.path+"/"+name })
		switch {
		case k < 0:
			return nil, answerNoChild
		case !deeper:
			return g.kids[k], ""
		case g.kids[k].sub == nil:
			return nil, answerNoChild
		case !g.kids[k].sub.serving:
			return nil, answerNotServing
		}
		g, below = g.kids[k].sub, rest
	}
}

// start is Start: of a child at rest, or one that stops.
func (c *modelChild) start() func() (string, bool) {
	wanted := c.run
	if c.expelled { // it is as good as gone
		return modelAnswered(answerNoChild)
	}
	switch c.state {
	case supervise.Running:
		return modelAnswered(answerNil)
	case supervise.Backoff:
		return modelAnswered(c.failure())
	case supervise.Starting:
	default:
		wanted++
	}
	c.release()
	return func() (string, bool) {
		switch {
		case c.run >= wanted && (c.state == supervise.Running || c.state == supervise.Done):
			return answerNil, true
		case c.err != nil && (c.over >= wanted || c.state == supervise.Stuck):
			return c.failure(), true
		case c.in.falling:
			return answerNotServing, true
		case c.held: // somebody else stopped it
			return modelChildErr(c.path, causeStop.asErr()).text, true
		default:
			return "", false
		}
	}
}

func (cause modelCause) asErr() *modelErr { return &modelErr{text: cause.text} }

// failure is why the last run ended, as an answer.
func (c *modelChild) failure() string {
	if c.err == nil {
		return answerNil
	}
	return modelChildErr(c.path, c.err).text
}

// release lets it start: at once, when it has stopped, or when its turn comes.
func (c *modelChild) release() {
	c.held = false
	switch {
	case c.waits && c.state != supervise.Idle:
		c.returns = true
		c.failures = 0
	case c.waits:
	case c.state == supervise.Stopping:
		c.then = thenAgain
	case c.atRest():
		c.failures = 0
		c.begin()
	}
	c.in.settle()
}

// stop is Stop.
func (c *modelChild) stop() func() (string, bool) {
	wait := c.oldRun()
	c.held = true
	c.tell(causeStop, thenRest)
	c.in.settle()
	return wait
}

// restart is Restart.
func (c *modelChild) restart() func() (string, bool) {
	if c.expelled {
		return modelAnswered(answerNoChild)
	}
	wait := c.oldRun()
	c.held = false
	switch {
	case c.state == supervise.Backoff:
		c.failures = 0
		c.due, c.next = true, modelUnset
		if !c.waits {
			c.begin()
		}
	case c.waits, c.atRest():
		c.release()
	default:
		c.failures = 0
		c.tell(causeRestart, thenAgain)
	}
	c.in.settle()
	return wait
}

// oldRun waits until the present run is over, or given up on.
func (c *modelChild) oldRun() func() (string, bool) {
	number := c.run
	if c.over == number {
		return modelAnswered(answerNil)
	}
	return func() (string, bool) {
		switch {
		case c.over > number:
			return answerNil, true
		case c.over == number || c.state == supervise.Stuck:
			return c.failure(), true
		default:
			return "", false
		}
	}
}

// setPolicy is SetPolicy. The status is the one that was seen afterwards.
func (m *modelTree) setPolicy(path string, p supervise.Policy, seen func(path string) supervise.Status) string {
	members := strings.HasSuffix(path, "/*")
	c, answer := m.find(strings.TrimSuffix(path, "/*"))
	switch {
	case c == nil:
		return answer
	case p.Window < 0:
		return answerRefused
	case members && c.spec.kind != kindPool:
		return answerNoChild
	case members:
		return c.sub.setMembers(p, seen)
	case p.Heartbeat > 0 && c.sub != nil, c.spec.significant && p.Restart == supervise.Always:
		return answerRefused
	case c.in.falling:
		return answerNotServing
	case c.state == supervise.Stuck:
		return answerStuck
	}
	c.tuned = true
	m.do(func() { c.adopt(modelDefaults(p, c.spec.kind), seen(path)) })
	return answerNil
}

func (g *modelGroup) setMembers(p supervise.Policy, seen func(path string) supervise.Status) string {
	if !g.serving || g.falling {
		return answerNotServing
	}
	g.members = p
	for _, c := range slices.Clone(g.kids) {
		if !c.tuned {
			g.do(func() { c.adopt(modelDefaults(p, kindLeaf), seen(c.path)) })
		}
	}
	return answerNil
}

// adopt lets a child go on by another policy.
func (c *modelChild) adopt(p supervise.Policy, seen supervise.Status) {
	old := c.policy
	c.policy = p
	switch c.state {
	case supervise.Backoff:
		if p.Restart == supervise.Never || p.Restart == supervise.OnFailure && c.err == nil {
			c.forgo()
			return
		}
		if !c.due && (p.MinBackoff != old.MinBackoff || p.MaxBackoff != old.MaxBackoff) {
			c.redelay(seen)
		}
	case supervise.Starting:
		c.upBy = modelEndless
		if c.notifies() && p.StartTimeout > 0 {
			c.upBy = c.began + p.StartTimeout
		}
	case supervise.Running:
		if old.Heartbeat <= 0 {
			c.sign = c.now
		}
		c.beatBy = modelEndless
		if p.Heartbeat > 0 {
			c.beatBy = c.sign + p.Heartbeat
		}
	}
}

// redelay takes the new delay of a backoff as it was seen: one that the policy allows, counted from
// when the backoff began.
func (c *modelChild) redelay(seen supervise.Status) {
	least := modelDelay(c.policy, c.failures-1)
	c.next = c.since + least // when it is over already, there is nothing to be seen
	if seen.State == supervise.Backoff {
		c.next = c.offset(seen.Next)
	}
	if delay := c.next - c.since; delay < least || delay > least+least/2 {
		c.problem("%v %s: delay %v after SetPolicy, want from %v to %v", c.now, c.path, delay, least, least+least/2)
	}
}

// --- pools ------------------------------------------------------------------------------------------------

// add is Pool.Add.
func (g *modelGroup) add(spec *modelSpec) string {
	path := g.path + "/" + spec.name
	switch {
	case !g.serving || g.falling:
		return answerNotServing
	case slices.ContainsFunc(g.kids, func(c *modelChild) bool { return c.path == path }):
		return answerDuplicate
	case g.spec.max > 0 && len(g.kids) >= g.spec.max:
		return answerFull
	}
	c := newModelChild(g, spec, path, g.members)
	c.renew()
	c.waits, c.seen = false, true
	g.kids = append(g.kids, c)
	g.do(c.begin)
	return answerNil
}

// remove is Pool.Remove.
func (m *modelTree) remove(pool, member string) {
	if m.root.child(pool).sub.serving {
		m.call("remove", member, (*modelChild).expel)
		return
	}
	m.calls = append(m.calls, &modelCall{what: "remove " + member, look: modelAnswered(answerNotServing)})
	m.answer()
}

// expel is what Pool.Remove does to a member.
func (c *modelChild) expel() func() (string, bool) {
	wait := c.oldRun()
	c.expelled = true
	if c.atRest() {
		c.leave()
	} else {
		c.held = true
		c.tell(causeStop, thenRest)
	}
	c.in.settle()
	return wait
}
