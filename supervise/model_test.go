package supervise_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// modelTrees is how many trees the everyday run grows; TEND_MODEL_TREES=100000 is the long mode, and
// -short takes a fifth.
const modelTrees = "2500"

// TestModel grows random trees, does random things to them, and after every step compares the tree
// with a plain model of what the documents promise: the states, the numbers of runs and restarts, the
// errors, every event and its time, which runs are under way and in which order they began and ended,
// the delays, the answers to operators, and at the end the verdict and the exit code.
//
//	go test ./supervise -run TestModel                                     2,500 trees
//	TEND_MODEL_TREES=100000 go test ./supervise -run TestModel -timeout 1h
//	go test ./supervise -run TestModel -rapid.seed=N                       a failure again
//
// The delays of backoffs are random beyond the reach of a seed, so a failure that hangs on one may
// take several tries to come back; what it prints is complete all the same.
func TestModel(t *testing.T) {
	trees := modelTrees
	if n := os.Getenv("TEND_MODEL_TREES"); n != "" {
		trees = n
	}
	setRapid(t, "rapid.checks", trees)
	setRapid(t, "rapid.nofailfile", "true")
	open := 0
	rapid.Check(t, func(rt *rapid.T) {
		c := rapid.Custom(drawModelCase).Draw(rt, "case")
		rapid.SyncTest(rt, func(rt *rapid.T) {
			if report := c.run(); report != "" {
				rt.Fatal(report)
			}
		})
		if c.model.open {
			open++
		}
	})
	t.Logf("in %d of %s trees the order of two things was open, and what follows was left out", open, trees)
}

// setRapid sets a flag of rapid for this test alone, unless it is given on the command line.
func setRapid(t *testing.T, name, value string) {
	t.Helper()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	if given {
		return
	}
	f := flag.Lookup(name)
	old := f.Value.String()
	if err := f.Value.Set(value); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Value.Set(old) })
}

// modelCase is one random tree and what is done to it.
type modelCase struct {
	spec  *modelSpec
	steps []modelStep

	model *modelTree
	world *modelWorld
	trace []string // what was done, and what followed
	wrong []string
}

func drawModelCase(t *rapid.T) *modelCase {
	d := &modelDraw{T: t}
	return &modelCase{spec: d.tree(), steps: d.steps()}
}

// GoString keeps rapid from printing what the report says better.
func (c *modelCase) GoString() string { return fmt.Sprintf("%d steps", len(c.steps)) }

// run does it in a bubble, and reports where the tree and the model differ.
func (c *modelCase) run() string {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c.model = newModelTree(c.spec)
	c.world = newModelWorld(ctx, c.spec, c.model.begin)
	c.did("serve", c.world.serve, c.model.root.serve)
	for _, s := range c.steps {
		if c.over() {
			break
		}
		c.step(s)
	}
	c.letEnd()
	c.world.cancel()
	cancel()
	close(c.world.release)
	<-c.world.ended
	if len(c.wrong) == 0 {
		return ""
	}
	return fmt.Sprintf("%s\n\n%s\n%s", strings.Join(c.wrong, "\n"), c.spec.describe(""), strings.Join(c.trace, "\n"))
}

func (c *modelCase) over() bool { return c.model.open || len(c.wrong) > 0 }

// letEnd ends the tree in its own time.
func (c *modelCase) letEnd() {
	if c.model.root.serving && !c.over() {
		c.did("cancel", c.world.cancel, c.model.root.shutdown)
	}
	for range 100 {
		busy := c.model.root.serving || slices.ContainsFunc(c.model.root.all(), func(m *modelChild) bool { return len(m.runs) > 0 })
		if c.over() || !busy {
			return
		}
		c.pass(c.model.now + modelForever + 1)
	}
	c.wrong = append(c.wrong, "does not end")
}

// did does one thing to the tree and to the model, and compares them.
func (c *modelCase) did(what string, actual, model func()) {
	c.trace = append(c.trace, fmt.Sprintf("--- at %v: %s", c.model.now, what))
	actual()
	synctest.Wait()
	c.compare(func() { c.model.do(model) })
}

// pass lets time pass.
func (c *modelCase) pass(until time.Duration) {
	c.trace = append(c.trace, fmt.Sprintf("--- at %v: until %v", c.model.now, until))
	time.Sleep(time.Until(c.model.begin.Add(until)))
	synctest.Wait()
	c.compare(func() { c.model.pass(until) })
}

// step does one of the steps, if there is a target for it.
func (c *modelCase) step(s modelStep) {
	switch s.do {
	case doWait:
		c.pass(c.model.now + s.wait)
	case doDue:
		c.untilDue(1)
	case doAlmost:
		c.untilDue(-1)
	case doEnd, doReady, doHush:
		c.command(s)
	case doStart, doStop, doRestart:
		c.operate(s)
	case doSetPolicy:
		c.setPolicy(s)
	case doAdd, doRemove:
		c.populate(s)
	case doCancel:
		if c.model.root.serving {
			c.did("cancel", c.world.cancel, c.model.root.shutdown)
		} else if !slices.ContainsFunc(c.model.root.all(), func(m *modelChild) bool { return len(m.runs) > 0 }) {
			c.did("serve again", c.world.serve, c.model.root.serve)
		}
	}
}

func (c *modelCase) untilDue(offset time.Duration) {
	if due := c.model.due(); due != nil && due.at+offset > c.model.now && !c.model.open {
		c.pass(due.at + offset)
	}
}

// modelPicked is one of several targets.
func modelPicked[V any](s modelStep, from []V) (v V, ok bool) {
	if len(from) == 0 {
		return v, false
	}
	return from[s.pick%len(from)], true
}

// command tells the run of a leaf to do something.
func (c *modelCase) command(s modelStep) {
	var runs []*modelRunning
	for _, m := range c.model.root.all() {
		for _, r := range m.runs {
			if s.do == doEnd || s.do == doReady && !r.ready && !r.told || s.do == doHush && r.beats < modelEndless && !r.hushed && !r.told {
				runs = append(runs, r)
			}
		}
	}
	r, ok := modelPicked(s, runs)
	if !ok {
		return
	}
	service := c.world.services[r.path]
	switch s.do {
	case doEnd:
		c.did(fmt.Sprintf("%s ends: %s", r.path, s.ending), func() { service.told <- s.ending }, func() { r.end(s.ending) })
	case doReady:
		c.did(r.path+" is ready", func() { service.say <- struct{}{} }, r.sayReady)
	case doHush:
		c.did(r.path+" is silent", func() { service.hush <- struct{}{} }, func() { r.hushed = true })
	}
}

// operate makes a call of an operator.
func (c *modelCase) operate(s modelStep) {
	paths := []string{"tend", "tend/none"}
	for _, m := range c.model.root.all() {
		paths = append(paths, m.path)
	}
	if len(paths) > 2 && s.pick > 0 {
		paths = paths[2:]
	}
	path, _ := modelPicked(s, paths)
	actual := c.world.group.Start
	model := (*modelChild).start
	switch s.do {
	case doStop:
		actual, model = c.world.group.Stop, (*modelChild).stop
	case doRestart:
		actual, model = c.world.group.Restart, (*modelChild).restart
	}
	c.call(fmt.Sprintf("%s %s", s.do, path), func(ctx context.Context) error { return actual(ctx, path) }, func() {
		c.model.call(s.do.String(), path, model)
	})
}

// call makes one that may wait for its answer.
func (c *modelCase) call(what string, actual func(context.Context) error, model func()) {
	c.trace = append(c.trace, fmt.Sprintf("--- at %v: %s", c.model.now, what))
	c.world.call(what, actual)
	synctest.Wait()
	c.compare(model)
}

func (c *modelCase) setPolicy(s modelStep) {
	var paths []string
	for _, m := range c.model.root.all() {
		paths = append(paths, m.path)
		if m.spec.kind == kindPool {
			paths = append(paths, m.path+"/*")
		}
	}
	path, ok := modelPicked(s, paths)
	if !ok {
		return
	}
	var got string
	c.trace = append(c.trace, fmt.Sprintf("--- at %v: setpolicy %s %v", c.model.now, path, s.policy))
	got = modelAnswerOf(c.world.group.SetPolicy(path, s.policy))
	synctest.Wait()
	c.compare(func() {
		want := c.model.setPolicy(path, s.policy, c.world.status)
		if faulty := s.policy.Window < 0; got != want && (!faulty || got != answerRefused) {
			c.model.problem("SetPolicy %s: got %q, want %q", path, got, want)
		}
	})
}

// populate adds a member to a pool, or removes one.
func (c *modelCase) populate(s modelStep) {
	var pools []*modelGroup
	for _, m := range c.model.root.all() {
		if m.spec.kind == kindPool {
			pools = append(pools, m.sub)
		}
	}
	g, ok := modelPicked(s, pools)
	if !ok {
		return
	}
	if s.do == doAdd {
		c.add(g, s.member)
		return
	}
	name := fmt.Sprintf("m%d", s.pick%5)
	path := g.path + "/" + name
	c.call("remove "+path, func(ctx context.Context) error { return c.world.pools[g.path].Remove(ctx, name) }, func() {
		if g.serving {
			c.model.call("remove", path, (*modelChild).expel)
		} else {
			c.model.calls = append(c.model.calls, &modelCall{what: "remove " + path, look: modelAnswered(answerNotServing)})
			c.model.answer()
		}
	})
}

func (c *modelCase) add(g *modelGroup, member *modelSpec) {
	path := g.path + "/" + member.name
	service := c.world.service(member, path)
	c.trace = append(c.trace, fmt.Sprintf("--- at %v: add %s", c.model.now, member.describe("")))
	got := modelAnswerOf(c.world.pools[g.path].Add(member.name, service))
	if got == answerNil {
		c.world.services[path] = service
	}
	synctest.Wait()
	c.compare(func() {
		if want := g.add(member); got != want {
			c.model.problem("Add %s: got %q, want %q", path, got, want)
		}
	})
}

// describe is a spec in a few lines.
func (s *modelSpec) describe(indent string) string {
	text := fmt.Sprintf("%s%s: %v wait=%t significant=%t beat=%v", indent, s.name, s.policy, s.waitReady, s.significant, s.beat)
	switch s.kind {
	case kindGroup:
		text = fmt.Sprintf("%s %v concurrent=%t stop=%v", text, s.strategy, s.concurrent, s.stopTimeout)
	case kindPool:
		text = fmt.Sprintf("%s pool of %d: %v", text, s.max, s.members)
	}
	for _, p := range s.plans {
		text += fmt.Sprintf("\n%s    run: %+v", indent, p)
	}
	for _, child := range s.children {
		text += "\n" + child.describe(indent+"  ")
	}
	return text
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
