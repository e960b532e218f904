package supervise

import (
	"context"
	"io"
	"runtime/pprof"
	"slices"
	"sync/atomic"
	"time"
)

// What a service that is an io.Closer holds between its runs is let go of when its child comes to rest.
// Until then the child is Stopping, and Close is the last part of its last run: it is
// within the same bounds, and who does not return from it is stuck. A group that is
// itself a child leaves it to the group above to close what is open below, because only that one knows
// whether it is about to be run again.

// closing is what a child is to be once it has been closed.
type closing struct {
	state State
	err   error // to report
}

// closes tells whether a child that comes to rest now is to be closed.
func (r *rules) closes(c *record) bool {
	switch {
	case !c.open:
		return false
	case r.loose: // members do not survive their pool
		return true
	case r.falling:
		return r.top
	default:
		return c.held || !c.returns
	}
}

// land brings a child to rest.
func (r *rules) land(c *record, to State, now time.Time, err error) {
	if r.closes(c) {
		r.shut(c, to, now, err)
		return
	}
	r.enter(c, to, now, err)
}

// topple brings a child to rest, and its group down because of that.
func (r *rules) topple(c *record, to State, now time.Time, err, reason error) {
	if r.top || r.loose {
		r.land(c, to, now, err)
	} else {
		r.enter(c, to, now, err)
	}
	r.fall(reason, now)
}

// conclude is the end of a child, and of its group if it is significant.
func (r *rules) conclude(c *record, to State, now time.Time, err, reason error) {
	if c.significant {
		r.topple(c, to, now, err, reason)
	} else {
		r.land(c, to, now, err)
	}
}

// shut has a child closed before it comes to rest.
func (r *rules) shut(c *record, to State, now time.Time, err error) {
	c.ended = c.run - 1 // its last run is not over before
	c.then = rest
	c.inTrouble().closing = &closing{to, err}
	if c.state != Stopping {
		r.enter(c, Stopping, now, nil)
		r.do(cancel, c).err = ErrStop
	}
	r.do(launch, c)
}

// closed: the child's service has been.
func (r *rules) closed(c *record, err error, now time.Time) {
	next := c.hurt.closing
	c.hurt.closing = nil
	c.ended, c.open = c.run, false
	if c.state == Stuck { // too late
		return
	}
	if err != nil {
		c.setErr(join(c.err(), err))
		next.err = join(next.err, err)
	}
	if c.then == again {
		if next.err != nil {
			r.enter(c, Stopped, now, next.err) // or nobody would hear of it
		}
		r.begin(c, now)
	} else {
		r.enter(c, next.state, now, next.err)
		if r.falling {
			r.fault(c.path, err)
		}
	}
	r.settle(now)
}

// isClosing tells whether a child is being closed, or about to be.
func (c *record) isClosing() bool { return c.hurt != nil && c.hurt.closing != nil }

// canClose tells whether there is something to close in a service that comes to rest. A pool closes
// its members itself.
func canClose(s Service) bool {
	if g, ok := s.(*Group); ok {
		return g != nil && slices.ContainsFunc(g.Current(), func(c Child) bool { return canClose(c.Service) })
	}
	_, ok := s.(io.Closer)
	return ok
}

// lastRun is the run that closing is part of. A child that has not run in this Serve of its group, but in
// an earlier one, is given one. The caller holds the group's lock.
func (k *keeper) lastRun() *run {
	if k.run == nil {
		k.run = &run{keeper: k, number: k.record.run}
		k.run.Context, k.run.cancel = context.WithCancelCause(k.base)
		k.tell(ErrStop)
	}
	return k.run
}

// close closes the service, or what is open below it, and reports that.
func (k *keeper) close(last *run) {
	var err error
	if b, ok := k.service.(branch); ok {
		stop, _ := last.mustEnd()
		c := &closeBelow{keeper: k, run: last, stop: stop}
		c.close(b, k.path)
		if len(c.faults) > 0 {
			err = &StopError{c.faults}
		}
	} else {
		err = k.closeService()
	}
	k.group.feed(func(r *rules, now time.Time) {
		r.closed(&k.record, err, now)
		last.release()
	})
}

// closeService calls Close, on a goroutine that Goexit may take.
func (k *keeper) closeService() error {
	ended := make(chan error, 1)
	go func() { // the last line waits for it
		err := errGoexit
		returned := false
		defer func() {
			if !returned {
				if value := recover(); value != nil {
					err = k.panicked(value)
				}
			}
			ended <- err
		}()
		pprof.SetGoroutineLabels(k.base)
		err = k.service.(io.Closer).Close()
		returned = true
	}()
	return <-ended
}

// closeBelow closes what is open in a group that has come to rest.
type closeBelow struct {
	keeper *keeper // of the group
	run    *run    // its last
	stop   context.Context
	faults []ChildError
}

// close closes the children of b, in reverse order.
func (c *closeBelow) close(b branch, path string) {
	s := b.tenure().Load()
	if s == nil || s.path != path || s.rules.loose {
		return
	}
	for _, child := range s.rules.order() {
		k := child.keeper
		if below, ok := k.service.(branch); ok {
			c.close(below, k.path)
		} else if k.isOpen() {
			c.closeOne(k)
		}
	}
}

// closeOne closes one service, which is stuck when it outlives its StopTimeout or the budget above.
func (c *closeBelow) closeOne(k *keeper) {
	var back atomic.Bool
	b := newBound(c.stop, k.policy.StopTimeout, ErrStop)
	defer b.end()
	forget := context.AfterFunc(b.ctx, func() {
		wait := stuckAfter
		if c.stop.Err() != nil {
			wait = grace
		}
		time.AfterFunc(wait, func() { c.reportOverdue(k, &back) })
	})
	defer forget()
	k.closesWithin(b)
	err := k.closeService()
	back.Store(true)
	if err != nil {
		c.faults = append(c.faults, ChildError{k.path, err})
	}
	k.group.feed(func(*rules, time.Time) { k.open = false })
}

// reportOverdue reports the group stuck, and who is to blame.
func (c *closeBelow) reportOverdue(k *keeper, back *atomic.Bool) {
	stuck := &ChildError{k.path, &StuckError{Stacks: stacksByService()[k.path]}}
	group := c.keeper
	group.group.feed(func(rules *rules, now time.Time) {
		if !back.Load() {
			rules.overdue(&group.record, c.run.number, stuck, now)
		}
	})
}

// closesWithin sets the bound that StopContext has for Close.
func (k *keeper) closesWithin(b *bound) {
	k.group.mu.Lock()
	defer k.group.mu.Unlock()
	r := k.run
	if r == nil { // it has not run in the last Serve of its group, but in an earlier one
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bound = b
}

// isOpen tells whether the service holds something open.
func (k *keeper) isOpen() bool {
	k.group.mu.Lock()
	defer k.group.mu.Unlock()
	return k.open
}
