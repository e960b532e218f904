package supervise

import (
	"context"
	"time"
)

// stopping is the time that a group has for it. Its fields are guarded by the group's lock.
type stopping struct {
	budget context.Context // ends when the time does; without end until stopping begins
	frees  []func()        // what it holds
	common *bound          // of all members of a pool that are stopped together
}

func (st *stopping) free() {
	for _, free := range st.frees {
		free()
	}
}

func (st *stopping) holds(frees ...func()) { st.frees = append(st.frees, frees...) }

// after calls f, unless the group has ended before.
func (st *stopping) after(d time.Duration, f func()) {
	timer := time.AfterFunc(d, f)
	st.holds(func() { timer.Stop() })
}

// bound is the time that a run has to return once it was told to stop.
type bound struct {
	cause error           // why it was told
	ctx   context.Context // ends when the run must have returned
	end   context.CancelFunc
}

// newBound is within a budget. limit is a Policy's StopTimeout.
func newBound(budget context.Context, limit time.Duration, cause error) *bound {
	b := &bound{cause: cause}
	if limit > 0 {
		b.ctx, b.end = context.WithTimeout(budget, limit)
	} else {
		b.ctx, b.end = context.WithCancel(budget)
	}
	return b
}

// beginBudget starts the time for stopping: the group's own, within that of the run it is part of.
func (s *serving) beginBudget() {
	within, free := context.WithCancel(context.Background())
	if s.parent != nil {
		within, free = StopContext(s.ctx)
	}
	s.stopping.holds(free)
	if g, ok := s.branch.(*Group); ok {
		if limit := g.stopTimeout(); limit > 0 {
			within, free = context.WithTimeout(within, limit)
			s.stopping.holds(free)
		}
	}
	forget := context.AfterFunc(within, func() { s.feed((*rules).overspent) })
	s.stopping.holds(func() { forget() })
	s.stopping.budget = within
}

// cutShort ends the time of all runs that were told to stop, after a grace period.
func (s *serving) cutShort() {
	for _, c := range s.rules.children {
		if r := c.keeper.present(); r != nil && c.state == Stopping {
			r.cutShort()
		}
	}
	s.stopping.after(grace, func() { s.overdue(nil) })
}

// together is the bound that all members of a pool share when the pool stops: a timer and a
// context for each would take longer than the stopping.
func (s *serving) together(p *Policy) *bound {
	st := &s.stopping
	if st.common == nil {
		b := newBound(st.budget, p.StopTimeout, s.rules.why)
		st.common = b
		st.holds(b.end)
		if p.StopTimeout > 0 {
			st.after(p.StopTimeout+stuckAfter, func() { s.overdue(b) })
		}
	}
	return st.common
}

// overdue reports all runs within a bound that have not returned, or, when it is nil, within any.
func (s *serving) overdue(b *bound) { reportOverdue(s.within(b)...) }

// within are the runs within a bound, or any, that were told to stop and are not back. What ends by
// itself within the same bound is not among them.
func (s *serving) within(b *bound) (runs []*run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b != nil && s.rules.spent {
		return nil // all have the same grace
	}
	for _, c := range s.rules.children {
		r := c.keeper.present()
		if r != nil && c.state == Stopping && !c.patient && (b == nil || r.bound == b) {
			runs = append(runs, r)
		}
	}
	return runs
}

// reportOverdue reports that runs have not returned in time, with the stacks that they have at this
// moment.
func reportOverdue(runs ...*run) {
	var stacks map[string][]byte
	for _, r := range runs {
		k := r.keeper
		if len(r.adopted()) > 0 { // they end themselves within the same bound, and name who is to blame
			k.group.feed(func(*rules, time.Time) { k.callStuck(r, grace) })
			continue
		}
		if stacks == nil {
			stacks = stacksByService()
		}
		stuck := r.stuck(&StuckError{Stacks: stacks[k.path]})
		k.group.feed(func(rules *rules, now time.Time) { rules.overdue(&k.record, r.number, stuck, now) })
	}
}
