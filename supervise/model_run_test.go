package supervise_test

import (
	"slices"
	"time"

	"tend.example/tend/supervise"
)

// modelRunning is the model of one run of a leaf: what the service does.
type modelRunning struct {
	*modelChild
	number int
	plan   modelPlan
	began  time.Duration
	ready  bool
	hushed bool
	beats  time.Duration // when it does next
	told   bool
	toldAt time.Duration
}

// serve begins a run.
func (c *modelChild) serve() {
	r := &modelRunning{modelChild: c, number: c.run, plan: c.spec.plan(c.path, c.served), began: c.now, beats: modelEndless}
	c.served++
	if c.spec.beat > 0 {
		r.beats = c.now + c.spec.beat
	}
	if len(c.runs) > 0 {
		c.problem("%v %s: run %d begins beside run %d", c.now, c.path, r.number, c.runs[0].number)
	}
	c.runs = append(c.runs, r)
	c.note(false, "%s begins %d", c.path, c.served)
}

// tell is when its ctx is done.
func (r *modelRunning) tell() {
	r.told, r.toldAt = true, r.now
	r.note(false, "%s told: %s", r.path, r.cause.text)
}

// end ends it.
func (r *modelRunning) end(how modelEnding) {
	r.runs = slices.DeleteFunc(r.runs, func(other *modelRunning) bool { return other == r })
	r.note(false, "%s ends", r.path)
	if r.number == r.run {
		r.returned(how.outcome(r.told))
	}
}

func (r *modelRunning) sayReady() {
	r.ready = true
	if r.spec.waitReady {
		r.readied(r.number)
	}
}

func (r *modelRunning) beat() {
	r.beats += r.spec.beat
	if r.state == supervise.Running {
		r.watch()
	}
}

// returnsAt is when a run that was told to stop does.
func (r *modelRunning) returnsAt() time.Duration {
	switch {
	case r.plan.last && r.number == r.run && r.deadline() < r.toldAt+modelForever:
		return max(r.deadline(), r.toldAt) + r.plan.stop
	case r.plan.last:
		return r.toldAt + modelForever
	default:
		return r.toldAt + r.plan.stop
	}
}

func (r *modelRunning) due(all []*modelDue) []*modelDue {
	add := func(at time.Duration, what string, do func()) {
		if at < modelEndless {
			all = append(all, &modelDue{at, nil, r.path + " " + what, do})
		}
	}
	if r.told {
		add(r.returnsAt(), "returns", func() { r.end(r.plan.answer) })
		return all
	}
	if r.plan.ready >= 0 && !r.ready {
		add(r.began+r.plan.ready, "ready", r.sayReady)
	}
	if r.plan.life >= 0 {
		add(r.began+r.plan.life, "ends", func() { r.end(r.plan.ending) })
	}
	if !r.hushed {
		add(r.beats, "beats", r.beat)
	}
	return all
}
