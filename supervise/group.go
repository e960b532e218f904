package supervise

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/thejerf/suture/v4"
)

// Service is one long-lived part of a program. It is the method of suture.Service, so values of
// either kind pass freely.
//
// Serve does the work and returns when it is over, or soon after ctx is done. What it returns
// decides what happens next:
//
//   - nil: the run is over; another follows only under [Always].
//   - an error: the run failed; another follows unless [Never].
//   - [ErrDone]: finished for good, whatever the policy.
//   - [Fatal]: the whole tree is to end.
//
// A panic and a runtime.Goexit are failed runs. A run is over only when Serve has returned and so
// has every goroutine started by [Go]; two runs of one child never overlap.
//
// Once ctx is done, nil, ctx.Err(), context.Cause(ctx) and ErrDone (each may be wrapped) are clean
// answers; any other error is reported as a failure to stop. A service that has to finish something
// first does so within [StopContext].
//
// A service that keeps something between its runs, such as a listening socket, is an io.Closer too: its
// Close is called when the child comes to rest, be it Done, Failed, Stopped by an operator or with the
// whole tree, and not between two runs, nor when a strategy or a group above is about to run it again. The
// child is Stopping meanwhile: Close has what is left of the StopTimeout, and one that does not return
// is stuck. It is never called beside Serve, and not before the first run; a run after it opens anew. A
// wrapper that hides the method is not closed.
type Service interface {
	Serve(ctx context.Context) error
}

// Func is a function that is a Service.
type Func func(ctx context.Context) error

// Serve calls f.
func (f Func) Serve(ctx context.Context) error { return f(ctx) }

// Child is one entry of a group: a service and how it is kept.
type Child struct {
	// Name is the last part of the child's path. Required; at most 128 bytes, no slash, no control
	// character, and no other child of the group has it.
	Name string

	// Service is what runs. Required. A *Group here makes a subtree: it goes by the child's name,
	// and its own Name counts for nothing. The same service must not stand in a tree twice.
	Service Service

	// Policy says how the child is restarted and stopped. The zero value restarts it always, with
	// a growing delay, for ever.
	Policy Policy

	// WaitReady keeps the child Starting until its service calls Ready, and so holds back the next
	// sibling. A service with a method NotifiesReady() says by itself that it calls Ready, and has
	// no need of this field. A group always calls Ready, when each of its children has been
	// Running or is Done; for a group WaitReady only decides whether the next sibling waits.
	WaitReady bool

	// Significant ends the group when this child comes to its end: with ErrDone when it is Done,
	// with its error when it is Failed. It goes with OnFailure and Never only (OTP, auto_shutdown).
	// Being stopped by an operator is not an end.
	Significant bool
}

// Group keeps children: starts them in the order of the list, restarts each by its policy, and
// stops them in reverse order. It is plain data; set its fields before Serve and leave them alone
// while it serves. A Group must not be copied after its first Serve.
//
// A Group is itself a Service, so groups nest, and a Group works inside any suture.Supervisor.
type Group struct {
	// Name is the first part of every path of the tree. Required, except of a group that is the
	// Service of a Child; the rules are those of Child.Name.
	Name string

	// Children are started in this order, and stopped in reverse. A group without children is
	// done at once. Update changes what is kept, but not this field; Current tells.
	Children []Child

	// Strategy says which children are restarted together: OneForOne (the default), OneForAll or
	// RestForOne.
	Strategy Strategy

	// Concurrent starts the children together, and stops them together. It goes with OneForOne
	// only, as the other strategies are about order.
	Concurrent bool

	// StopTimeout is the budget for stopping the whole group, from the moment that stopping
	// begins. When it is spent all that is left is cancelled together and has 500 ms to return.
	// 0: no bound but those of the children and of the groups above. SetStopTimeout changes it while the group serves,
	// but not this field.
	StopTimeout time.Duration

	// OnEvent is told of every state entered anywhere in the tree, in order and one at a time, on
	// a goroutine of its own: it may block, panic, and call the group's methods. Up to 4,096
	// events wait for it; after that the oldest are dropped and counted in Event.Dropped. All are
	// delivered before Serve returns, unless one call takes longer than a second.
	// It counts only at the root; below, the root's is used.
	OnEvent func(Event)

	last    atomic.Pointer[serving]       // the present Serve, or the last one
	updated atomic.Pointer[[]Child]       // by Update; nil: it is Children
	budget  atomic.Pointer[time.Duration] // by SetStopTimeout; nil: it is StopTimeout
	opening sync.Mutex                    // held while a Serve begins, and while what it begins with changes
	busy    atomic.Bool                   // an Update is under way
}

// String is the group's name. Without it a suture.Supervisor that holds the group would print the
// fields of everything below.
func (g *Group) String() string { return g.Name }

// Serve starts the children, keeps them, and returns when all of them are down:
//
//   - nil, when ctx was done and all stopped cleanly;
//   - [ErrDone], when every child is Done, or a Significant one is;
//   - a [*ChildError], when a child was fatal or was given up on (it then holds a [*LimitError]);
//   - a [*StopError], alone or joined to one of those, when a child did not stop cleanly;
//   - another error, before anything was started, when the tree is invalid, is already serving, or
//     still has a stuck child of its last Serve.
//
// The children live on contexts detached from ctx: when ctx is done they are told to stop one after
// another, as everywhere. Serve may be called again after it has returned; operators' stops and
// the numbers of runs are remembered.
func (g *Group) Serve(ctx context.Context) error {
	s, err := g.open(ctx)
	if s == nil {
		return err
	}
	return s.serve(g.OnEvent)
}

// Status tells what the tree looks like now. It never waits for a service. After Serve has
// returned, the final states are kept.
func (g *Group) Status() Status {
	if s := g.last.Load(); s != nil {
		return s.status()
	}
	return g.idleStatus(g.Name)
}

// SetStopTimeout sets what StopTimeout says, also while the group serves: it counts when stopping begins, and for every
// Serve that follows. A stop under way keeps its time.
func (g *Group) SetStopTimeout(d time.Duration) error {
	if d < 0 {
		return fmt.Errorf("set stop timeout of %s: negative: %s", g.Name, d)
	}
	g.budget.Store(&d)
	return nil
}

// stopTimeout is the one that counts.
func (g *Group) stopTimeout() time.Duration {
	if d := g.budget.Load(); d != nil {
		return *d
	}
	return g.StopTimeout
}

func (g *Group) tenure() *atomic.Pointer[serving] { return &g.last }

// open checks the tree, and makes the group's next serving out of its last.
func (g *Group) open(ctx context.Context) (*serving, error) {
	g.opening.Lock()
	defer g.opening.Unlock()
	s, last := newServing(ctx, g, g.Name), g.last.Load()
	if !s.direct {
		if err := g.check(s.path); err != nil {
			return nil, err
		}
	}
	if err := s.succeed(last); err != nil {
		return nil, err
	}
	g.fill(s, last)
	return s.begin(last)
}

// fill makes the keepers, with what an earlier serving remembers.
func (g *Group) fill(s, last *serving) {
	s.rules.strategy, s.rules.concurrent = g.Strategy, g.Concurrent
	children := g.Current()
	s.rules.children = make([]*record, len(children))
	s.index = make(map[string]*keeper, len(children))
	if last != nil {
		last.mu.Lock() // a run that was stuck may come back
		defer last.mu.Unlock()
	}
	keepers := make([]keeper, len(children))
	for i := range children {
		c, k := &children[i], &keepers[i]
		k.record = c.record(s.path + "/" + c.Name)
		k.at = i
		if last != nil {
			if old, ok := last.index[c.Name]; ok {
				k.remember(&old.record)
			}
		}
		s.keep(k, servedOnce(c.Service, k.record.run > 0))
		s.rules.children[i], s.index[c.Name] = &k.record, k
	}
}

// record is what the rules are to know of c.
func (c *Child) record(path string) record {
	policy := c.Policy.withDefaults(isBranch(c.Service))
	r := recordOf(c.Service, path, &policy)
	r.notifies = r.notifies || c.WaitReady
	r.holds = r.holds || c.WaitReady
	r.significant = c.Significant
	return r
}

// recordOf is what the rules are to know of a service.
func recordOf(s Service, path string, p *Policy) record {
	_, says := s.(interface{ NotifiesReady() })
	_, pool := s.(*Pool)
	branch := isBranch(s)
	return record{
		path: path, policy: p, notifies: says || branch, holds: says || pool, patient: branch,
		closable: canClose(s),
	}
}

// isBranch tells whether a service keeps others, and so ends when they have.
func isBranch(s Service) bool {
	_, ok := s.(branch)
	return ok
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
