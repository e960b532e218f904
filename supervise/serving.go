package supervise

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime/pprof"
	"sync/atomic"
	"time"

	"github.com/thejerf/suture/v4"
)

const (
	stuckAfter = 50 * time.Millisecond  // beyond its StopContext, a run is stuck
	grace      = 500 * time.Millisecond // for all that is left when a group's budget is spent
)

// branch is what has children: a group or a pool.
type branch interface {
	Service
	tenure() *atomic.Pointer[serving] // the present Serve, or the last one
}

// serving is one Serve of a group or a pool: the actor that feeds the rules with what happens and
// carries out what they leave to be done. Whoever has news brings it, under mu; nobody waits under
// mu.
type serving struct {
	branch     branch
	path       string
	parent     *run               // the run it is served in; nil for a root
	direct     bool               // it is the very service of that run, whose events then tell of the group, too
	ctx        context.Context    // of Serve: the values in it, and the bounds of the groups above
	values     context.Context    // the values alone
	supervisor *suture.Supervisor // of a group's children
	crew       crew               // of a pool's members
	queue      *queue             // the root's; nil when nobody observes
	isReady    chan struct{}
	hasEnded   chan struct{} // every child is down
	over       atomic.Bool   // Serve has returned

	mu       spinMutex
	begun    bool // all that is set before can be used
	rules    rules
	index    map[string]*keeper // by name
	members  policies           // of a pool
	launches []*keeper          // that want a goroutine as soon as mu is free
	cancels  []*run             // that are told to stop then
	self     Status             // of the group itself
	stopping stopping
}

// newServing finds out where in a tree a group or a pool is served.
func newServing(ctx context.Context, b branch, name string) *serving {
	s := &serving{
		branch:   b,
		path:     name,
		parent:   runOf(ctx),
		ctx:      ctx,
		values:   context.WithoutCancel(ctx),
		isReady:  make(chan struct{}),
		hasEnded: make(chan struct{}),
		stopping: stopping{budget: context.Background()},
	}
	if s.parent != nil {
		above := s.parent.keeper
		s.queue = above.group.queue
		s.direct = above.service == Service(b)
		s.path = above.path
		if !s.direct {
			s.path += "/" + name
		}
	}
	s.rules.random = rand.Float64
	s.rules.top = !s.direct
	s.self = Status{Name: name, Path: s.path, Run: 1}
	return s
}

// succeed refuses to serve beside another serving, and beside what the last one left running.
func (s *serving) succeed(last *serving) error {
	if last == nil {
		return nil
	}
	if !last.over.Load() {
		return fmt.Errorf("group %s: already serving", s.path)
	}
	if path := stillStuck(s.branch); path != "" {
		return fmt.Errorf("group %s: %s still runs: %w", s.path, path, ErrStuck)
	}
	s.self.Run = last.self.Run + 1
	return nil
}

// begin makes s the present serving of its branch, after last.
func (s *serving) begin(last *serving) (*serving, error) {
	if s.ctx.Err() != nil {
		return nil, nil //nolint:nilnil // told to stop before the start: there is nothing to serve
	}
	if !s.branch.tenure().CompareAndSwap(last, s) {
		return nil, fmt.Errorf("group %s: already serving", s.path)
	}
	return s, nil
}

// keep makes a keeper for a child.
func (s *serving) keep(k *keeper, service Service) {
	k.group, k.service, k.keeper = s, service, k
	k.base = pprof.WithLabels(s.values, pprof.Labels("service", k.path))
}

// serve runs the group to its end.
func (s *serving) serve(observe func(Event)) error {
	defer s.over.Store(true)
	if s.parent != nil && !s.direct {
		if err := s.parent.adopt(s); err != nil {
			return err
		}
		defer func() { s.parent.disown(s, s.faults()) }()
	}
	if s.parent == nil && observe != nil {
		s.queue = newQueue(observe)
		go s.queue.deliver()
		defer s.queue.drain() // waits for deliver
	}
	defer s.superviseChildren()()
	s.feed(func(r *rules, now time.Time) {
		s.begun = true
		s.enter(Starting, now, nil)
		r.start(now)
	})
	s.steer()
	return s.end()
}

// superviseChildren makes ready what holds the goroutines of the children. The function ends it, and
// waits for them, but not for those that are stuck.
func (s *serving) superviseChildren() (end func()) {
	if s.rules.loose {
		return s.crew.wait
	}
	s.supervisor = newSupervisor(s.path)
	// The children outlive the caller's ctx on purpose: that is how they stop in order.
	supervised, release := context.WithCancel(s.values)
	ended := s.supervisor.ServeBackground(supervised)
	return func() {
		release()
		<-ended //nolint:errcheck // suture's answer to being told to stop
	}
}

// faults is what did not stop cleanly.
func (s *serving) faults() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rules.unclean()
}

// steer passes on what comes from above, until all is down.
func (s *serving) steer() {
	told, ready := s.ctx.Done(), s.isReady
	for {
		select {
		case <-told:
			told = nil
			cause := context.Cause(s.ctx)
			s.feed(func(r *rules, now time.Time) { r.shutdown(cause, now) })
		case <-ready:
			ready = nil
			Ready(s.ctx)
		case <-s.hasEnded:
			s.readyLate(ready)
			return
		}
	}
}

// readyLate says Ready for a group that was ready and has ended in the same moment.
func (s *serving) readyLate(ready <-chan struct{}) {
	select {
	case <-ready: // nil, so never, when it was said
		Ready(s.ctx)
	default:
	}
}

// end sums up.
func (s *serving) end() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping.free()
	err := s.rules.verdict()
	shown := err
	if err == ErrDone { //nolint:errorlint // with nothing to add there is nothing to show
		shown = nil
	}
	s.enter(s.rules.finalState(), time.Now(), shown)
	s.rules.todo = nil // as large as the pool was
	return err
}

// feed tells the rules what happened and carries out what follows.
func (s *serving) feed(news func(*rules, time.Time)) {
	s.mu.Lock()
	news(&s.rules, time.Now())
	s.unlock()
}

// unlock carries out what the rules left to be done and gives mu back. Goroutines are got and told
// after that: suture's loop takes its time, and a hundred thousand that wake up all want mu.
func (s *serving) unlock() {
	s.carryOut()
	launches, cancels := s.launches, s.cancels
	s.launches, s.cancels = nil, nil
	s.mu.Unlock()
	for _, r := range cancels {
		r.cancel(r.bound.cause)
	}
	for _, k := range launches {
		if s.rules.loose {
			s.crew.start(k)
		} else {
			s.supervisor.Add(k)
		}
	}
}

// carryOut does what the rules left to be done. The caller holds mu.
func (s *serving) carryOut() {
	for i := range s.rules.todo {
		a := &s.rules.todo[i]
		switch a.what {
		case report:
			s.report(a)
		case launch:
			a.child.keeper.launch()
		case wake:
			a.child.keeper.rouse()
		case cancel:
			a.child.keeper.tell(a.err)
		case retime:
			a.child.keeper.retime(a.time)
		case forget:
			delete(s.index, nameOf(a.child.path))
		case sayReady:
			s.enter(Running, time.Now(), nil)
			close(s.isReady)
		case beginStop:
			s.enter(Stopping, time.Now(), nil)
			s.beginBudget()
			s.answerAll()
		case cutShort:
			s.cutShort()
		case finish:
			close(s.hasEnded)
		}
		*a = action{} // let go of its error
	}
	s.rules.todo = s.rules.todo[:0]
}

// answerAll lets those go who wait for something that will not come any more.
func (s *serving) answerAll() {
	for _, c := range s.rules.children {
		c.keeper.changed()
	}
}

// report tells of a state that a child has entered.
func (s *serving) report(a *action) {
	if s.queue != nil {
		s.queue.push(Event{
			Time: a.time, Path: a.child.path, State: a.state, Run: a.run, Err: a.err, Delay: a.delay,
		})
	}
	a.child.keeper.changed()
	switch {
	case a.state == Running:
		a.child.keeper.watch(a.time)
	case a.state == Stuck && s.rules.loose:
		s.crew.abandon(a.child.keeper)
	}
}

// enter notes a state of the group itself, and reports it when nobody above does. The caller
// holds mu.
func (s *serving) enter(state State, now time.Time, err error) {
	s.self.State, s.self.Since, s.self.Err = state, now, err
	if !s.direct {
		s.queue.push(Event{Time: now, Path: s.path, State: state, Run: s.self.Run, Err: err})
	}
}
