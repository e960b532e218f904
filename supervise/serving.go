package supervise

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"

	"github.com/thejerf/suture/v4"
)

const (
	stuckAfter = 50 * time.Millisecond  // beyond its StopContext, a run is stuck
	grace      = 500 * time.Millisecond // for all that is left when a group's budget is spent
)

// serving is one Serve of a group: the actor that feeds the rules with what happens and carries
// out what they leave to be done. Whoever has news brings it, under mu; nobody waits under mu.
type serving struct {
	group      *Group
	path       string
	parent     *run            // the run it is served in; nil for a root
	direct     bool            // it is the very service of that run, whose events then tell of the group, too
	ctx        context.Context // of Serve: the values in it, and the bounds of the groups above
	supervisor *suture.Supervisor
	queue      *queue // the root's; nil when nobody observes
	isReady    chan struct{}
	hasEnded   chan struct{} // every child is down
	over       atomic.Bool   // Serve has returned

	mu       sync.Mutex
	begun    bool // all that is set before can be used
	rules    rules
	keepers  []keeper
	index    map[string]int
	self     Status             // of the group itself
	budget   context.Context    // ends when the time for stopping does
	overtime context.CancelFunc // frees it
}

// open checks the tree, and makes the group's next serving out of its last.
func (g *Group) open(ctx context.Context) (*serving, error) {
	parent := runOf(ctx)
	s := &serving{
		group:    g,
		path:     g.Name,
		parent:   parent,
		ctx:      ctx,
		isReady:  make(chan struct{}),
		hasEnded: make(chan struct{}),
		budget:   context.Background(),
		overtime: func() {},
	}
	if parent != nil {
		s.queue = parent.keeper.group.queue
		s.direct = parent.keeper.service == Service(g)
		s.path = parent.keeper.path
		if !s.direct {
			s.path += "/" + g.Name
		}
	}
	last := g.last.Load()
	if err := g.mayServe(last, s); err != nil {
		return nil, err
	}
	s.supervisor = newSupervisor(s.path)
	s.fill(last)
	if ctx.Err() != nil {
		return nil, nil //nolint:nilnil // told to stop before the start: there is nothing to serve
	}
	if !g.last.CompareAndSwap(last, s) {
		return nil, fmt.Errorf("group %s: already serving", s.path)
	}
	return s, nil
}

// mayServe refuses what cannot be served.
func (g *Group) mayServe(last, s *serving) error {
	if !s.direct {
		if err := g.check(s.path); err != nil {
			return err
		}
	}
	if last == nil {
		return nil
	}
	if !last.over.Load() {
		return fmt.Errorf("group %s: already serving", s.path)
	}
	if path := g.stillStuck(); path != "" {
		return fmt.Errorf("group %s: %s still runs: %w", s.path, path, ErrStuck)
	}
	return nil
}

// fill makes the records, with what an earlier serving remembers.
func (s *serving) fill(last *serving) {
	s.self = Status{Name: s.group.Name, Path: s.path, Run: 1}
	s.index = make(map[string]int, len(s.group.Children))
	s.keepers = make([]keeper, len(s.group.Children))
	s.rules = rules{
		concurrent: s.group.Concurrent,
		random:     rand.Float64,
		children:   make([]record, len(s.group.Children)),
	}
	if last != nil {
		s.self.Run = last.self.Run + 1
		last.mu.Lock() // a run that was stuck may come back
		defer last.mu.Unlock()
	}
	values := context.WithoutCancel(s.ctx)
	for i := range s.group.Children {
		c := &s.group.Children[i]
		path := s.path + "/" + c.Name
		r := c.record(path)
		if last != nil {
			if k, ok := last.index[c.Name]; ok {
				r.remember(&last.rules.children[k])
			}
		}
		s.rules.children[i] = r
		s.index[c.Name] = i
		s.keepers[i] = keeper{
			group: s, index: i, path: path, service: servedOnce(c.Service, r.run > 0),
			base: pprof.WithLabels(values, pprof.Labels("service", path)),
		}
	}
}

// record is what the rules are to know of c.
func (c *Child) record(path string) record {
	_, group := c.Service.(*Group)
	_, says := c.Service.(interface{ NotifiesReady() })
	return record{
		name:        c.Name,
		path:        path,
		policy:      c.Policy.withDefaults(group),
		notifies:    c.WaitReady || says || group,
		holds:       c.WaitReady || says,
		significant: c.Significant,
		patient:     group,
	}
}

// remember takes over what outlives a Serve of the group.
func (c *record) remember(old *record) {
	c.run, c.ended, c.restarts = old.run, old.run, old.restarts
	c.err, c.held = old.err, old.held
}

// servedOnce puts a suture.Supervisor, which cannot be served again, behind a guard. It may have
// been served in an earlier Serve of the group.
func servedOnce(s Service, before bool) Service {
	if _, ok := s.(suture.HasSupervisor); !ok {
		return s
	}
	return Func(func(ctx context.Context) error {
		if before {
			return errServedTwice
		}
		before = true
		return s.Serve(ctx)
	})
}

// serve runs the group to its end.
func (s *serving) serve() error {
	defer s.over.Store(true)
	if s.parent != nil && !s.direct {
		if err := s.parent.adopt(s); err != nil {
			return err
		}
		defer func() { s.parent.disown(s, s.faults()) }()
	}
	if s.parent == nil && s.group.OnEvent != nil {
		s.queue = newQueue(s.group.OnEvent)
		go s.queue.deliver()
		defer s.queue.drain() // waits for deliver
	}
	// The children outlive the caller's ctx on purpose: that is how they stop in order.
	supervised, release := context.WithCancel(context.WithoutCancel(s.ctx))
	ended := s.supervisor.ServeBackground(supervised)
	defer func() {
		release()
		<-ended //nolint:errcheck // suture's answer to being told to stop
	}()
	s.feed(func(r *rules, now time.Time) {
		s.begun = true
		s.enter(Starting, now, nil)
		r.start(now)
	})
	s.steer()
	return s.end()
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
			s.feed((*rules).shutdown)
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
	s.overtime()
	err := s.rules.verdict()
	shown := err
	if err == ErrDone { //nolint:errorlint // with nothing to add there is nothing to show
		shown = nil
	}
	s.enter(s.rules.finalState(), time.Now(), shown)
	return err
}

// feed tells the rules what happened and carries out what follows.
func (s *serving) feed(news func(*rules, time.Time)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	news(&s.rules, time.Now())
	s.carryOut()
}

// carryOut does what the rules left to be done. The caller holds mu.
func (s *serving) carryOut() {
	for _, a := range s.rules.todo {
		switch a.do {
		case report:
			s.queue.push(a.event)
			s.keepers[a.child].changed()
		case launch:
			s.keepers[a.child].launch()
		case wake:
			s.keepers[a.child].rouse()
		case cancel:
			s.keepers[a.child].tell(a.err)
		case sayReady:
			s.enter(Running, time.Now(), nil)
			close(s.isReady)
		case beginStop:
			s.enter(Stopping, time.Now(), nil)
			s.beginBudget()
		case cutShort:
			for i := range s.keepers {
				s.keepers[i].cutShort()
			}
		case finish:
			close(s.hasEnded)
		}
	}
	s.rules.todo = s.rules.todo[:0]
}

// beginBudget starts the time for stopping: the group's own, within that of the run it is part of.
func (s *serving) beginBudget() {
	within, free := context.WithCancel(context.Background())
	if s.parent != nil {
		within, free = StopContext(s.ctx)
	}
	if s.group.StopTimeout > 0 {
		within, free = timeout(within, free, s.group.StopTimeout)
	}
	forget := context.AfterFunc(within, func() { s.feed((*rules).overspent) })
	s.budget = within
	s.overtime = func() {
		forget()
		free()
	}
}

// timeout bounds ctx, and makes one function of the two that free it.
func timeout(ctx context.Context, free context.CancelFunc, d time.Duration) (context.Context, context.CancelFunc) {
	bounded, cancel := context.WithTimeout(ctx, d)
	return bounded, func() {
		cancel()
		free()
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
