package supervise_test

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"tend.example/tend/supervise"
)

// modelDraw draws a tree and what is done to it. What is listed first is the simplest, which rapid
// shrinks to; what is listed twice is drawn twice as often.
type modelDraw struct {
	*rapid.T
	count int // of durations, so that no two are alike
}

func modelPick[V any](d *modelDraw, label string, from ...V) V {
	return rapid.SampledFrom(from).Draw(d.T, label)
}

func (d *modelDraw) chance(label string, oneIn int) bool {
	return rapid.IntRange(0, oneIn-1).Draw(d.T, label) == oneIn-1
}

// unlike makes a duration unlike all others; what is not positive stays.
func (d *modelDraw) unlike(t time.Duration) time.Duration {
	d.count++
	if t <= 0 {
		return t
	}
	return t + modelSkew("draw", d.count)
}

const (
	milli  = time.Millisecond
	second = time.Second
	minute = time.Minute
)

// tree draws a root.
func (d *modelDraw) tree() *modelSpec {
	root := d.group("tend", 3)
	return root
}

func (d *modelDraw) group(name string, levels int) *modelSpec {
	s := &modelSpec{
		name: name, kind: kindGroup,
		strategy:    modelPick(d, "strategy", supervise.OneForOne, supervise.OneForAll, supervise.RestForOne, supervise.RestForOne),
		stopTimeout: d.unlike(modelPick(d, "group stop", 0, 0, 0, 2*second, 8*second)),
	}
	if s.strategy == supervise.OneForOne {
		s.concurrent = d.chance("concurrent", 3)
	}
	least := 1
	if levels == 3 && d.chance("empty", 50) {
		return s
	}
	for i := range rapid.IntRange(least, 4).Draw(d.T, "children") {
		s.children = append(s.children, d.child(fmt.Sprintf("%c%d", 'd'-byte(levels), i), levels-1))
	}
	return s
}

func (d *modelDraw) child(name string, levels int) *modelSpec {
	var s *modelSpec
	switch kind := modelPick(d, "kind", kindLeaf, kindLeaf, kindLeaf, kindGroup, kindGroup, kindPool); {
	case kind == kindGroup && levels > 0:
		s = d.group(name, levels)
	case kind == kindPool:
		s = &modelSpec{name: name, kind: kindPool, max: modelPick(d, "max", 0, 0, 2), members: d.policy(kindLeaf, false)}
	default:
		s = d.leaf(name)
	}
	if s.kind != kindPool {
		s.waitReady = d.chance("wait ready", 3)
	}
	s.significant = d.chance("significant", 8)
	s.policy = d.policy(s.kind, s.significant)
	if s.policy.Heartbeat > 0 {
		s.beat = s.policy.Heartbeat/3 + modelSkew("beat", d.count)
	}
	return s
}

func (d *modelDraw) leaf(name string) *modelSpec {
	s := &modelSpec{name: name, kind: kindLeaf}
	for range rapid.IntRange(0, 4).Draw(d.T, "plans") {
		s.plans = append(s.plans, d.plan())
	}
	return s
}

func (d *modelDraw) plan() modelPlan {
	p := modelPlan{
		ready:  d.unlike(modelPick(d, "ready", 1, 1, 200*milli, 5*second, 40*second, modelNever)),
		life:   d.unlike(modelPick(d, "life", modelNever, modelNever, modelNever, 1, 300*milli, 11*second)),
		ending: d.ending(),
		stop:   d.unlike(modelPick(d, "stop", 1, 1, 100*milli, 3*second, 10020*milli, 20*second, modelForever)),
		answer: d.answer(),
	}
	if d.chance("last", 10) {
		p.stop, p.last = d.unlike(1), true
	}
	return p
}

// ending is one of a run's own accord; fatal ones end too much to be frequent.
func (d *modelDraw) ending() modelEnding {
	if d.chance("fatal", 25) {
		return modelPick(d, "ending", endsFatal, endsExit, endsPanicFatal, endsDoneFatal)
	}
	return modelPick(d, "ending", endsError, endsError, endsError, endsError, endsNil, endsNil, endsCancelled, endsDone,
		endsDoneWrapped, endsDoneError, endsPanic, endsGoexit)
}

// answer is one of a run that was told to stop.
func (d *modelDraw) answer() modelEnding {
	if d.chance("fatal", 25) {
		return modelPick(d, "answer", endsFatal, endsExit, endsPanicFatal, endsDoneFatal)
	}
	return modelPick(d, "answer", endsCtx, endsCtx, endsCtx, endsNil, endsCause, endsDone, endsDoneWrapped, endsCancelled,
		endsDoneError, endsError, endsPanic, endsGoexit)
}

// policy draws one that is legal for a child of this kind.
func (d *modelDraw) policy(kind modelKind, significant bool) supervise.Policy {
	var p supervise.Policy
	if p.Restart = modelPick(d, "restart", supervise.Always, supervise.Always, supervise.OnFailure, supervise.Never); significant && p.Restart == supervise.Always {
		p.Restart = supervise.OnFailure
	}
	p.MinBackoff = d.unlike(modelPick(d, "min backoff", 0, 0, -1, second, minute))
	p.MaxBackoff = d.unlike(modelPick(d, "max backoff", 0, 0, 4*second, 5*minute))
	if p.MaxBackoff > 0 && p.MinBackoff > p.MaxBackoff {
		p.MaxBackoff = 0
	}
	p.ResetAfter = d.unlike(modelPick(d, "reset after", 0, 0, second, minute))
	p.MaxRestarts = modelPick(d, "max restarts", 0, 0, 3, 2, 1, -1)
	p.Window = d.unlike(modelPick(d, "window", 0, 10*second, 60*minute))
	p.FailStart = d.chance("fail start", 6)
	p.StartTimeout = d.unlike(modelPick(d, "start timeout", 0, 0, -1, second, 10*second))
	p.StopTimeout = d.unlike(modelPick(d, "stop timeout", 0, 0, -1, second, 5*second))
	if kind == kindLeaf {
		p.Heartbeat = d.unlike(modelPick(d, "heartbeat", 0, 0, 0, 0, minute, 10*minute))
	}
	return p
}

// steps draws what is done to a tree.
func (d *modelDraw) steps() []modelStep {
	var steps []modelStep
	for range rapid.IntRange(1, 30).Draw(d.T, "steps") {
		steps = append(steps, d.step())
	}
	return steps
}

func (d *modelDraw) step() modelStep {
	s := modelStep{do: modelPick(d, "do",
		doDue, doDue, doDue, doDue, doDue, doDue, doWait, doWait, doWait, doAlmost,
		doEnd, doEnd, doEnd, doEnd, doEnd, doEnd, doEnd, doEnd,
		doReady, doHush, doStart, doStart, doStop, doStop, doRestart, doRestart, doSetPolicy, doSetPolicy,
		doAdd, doAdd, doAdd, doAdd, doRemove, doCancel)}
	s.pick = rapid.IntRange(0, 11).Draw(d.T, "pick")
	switch s.do {
	case doWait:
		s.wait = d.unlike(modelPick(d, "wait", 1, milli, 50*milli, 300*milli, 2*second, 15*second, 2*minute, 90*minute))
	case doEnd:
		s.ending = d.ending()
	case doSetPolicy:
		s.policy = d.policy(modelPick(d, "for", kindLeaf, kindGroup), false)
		if d.chance("faulty", 8) {
			s.policy.Window = -1
		}
	case doAdd:
		s.member = d.leaf(fmt.Sprintf("m%d", rapid.IntRange(0, 4).Draw(d.T, "member")))
		s.member.beat = 20*second + modelSkew("member beat", d.count)
	}
	return s
}
