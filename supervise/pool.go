package supervise

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// Pool keeps services that come and go, such as one for each connection: all by one policy, and in
// no order. It is a Service, to be a [Child] of a group, whose later children may add members at
// once: it holds them back until it can take some.
//
// A member is a child like any other: it has a path, as in "tend/conns/10.0.0.7:4711", events, run
// numbers, and can be stopped, started and restarted by path. When one fails only that one is
// restarted. One that is Done or Failed leaves the pool, and so does one that is removed; nothing of
// it is kept. One that is given up on, is fatal, or is stuck ends the pool, as a child does its
// group. A pool lives on without members. When it stops, all members are told at once, and share one
// StopTimeout. Members do not survive a restart of the pool.
//
// A pool is made for a hundred thousand members and more: each costs one goroutine and some 500
// bytes beyond that, Add and Remove take the same time however many there are, and a [Status] shows
// how many are in each state, and at most 100 of those that are not Running.
//
// A Pool is plain data; set its fields before Serve and leave them alone while it serves. It must not be
// copied after its first Serve. It goes by the name of the child that it is the Service of, and
// where there is none, below a suture.Supervisor, by "pool": of two there, put each into a Group.
type Pool struct {
	// Policy is that of every member. The zero value restarts a member always. Its StartTimeout,
	// FailStart and Heartbeat mean something for members that call Ready because they have a method
	// NotifiesReady, and that call Beat; a member that is a group or a pool itself is not watched.
	Policy Policy

	// Max is how many members there may be. 0: no bound.
	Max int

	last atomic.Pointer[serving] // the present Serve, or the last one
}

// everyMember stands for the name of each member, in a path given to SetPolicy.
const everyMember = "*"

// String is "pool". Without it a suture.Supervisor that holds the pool would print its fields.
func (p *Pool) String() string { return "pool" }

// Serve takes members until ctx is done, and returns when all of them are down. What it returns is
// what [Group.Serve] would, but for ErrDone: a pool is never done.
func (p *Pool) Serve(ctx context.Context) error {
	s, err := p.open(ctx)
	if s == nil {
		return err
	}
	return s.serve(nil)
}

// Add makes s a member and starts it. It does not wait until the service runs. The rules for the name are those
// of Child.Name, and it can't be "*".
//
// Errors: ErrNotServing before Serve and once stopping has begun, ErrDuplicate when there is a member
// of that name, ErrFull when there are Max, and others for a name or a service that no tree accepts.
func (p *Pool) Add(name string, s Service) error {
	if err := p.add(name, s); err != nil {
		return fmt.Errorf("add %q to the pool: %w", name, err)
	}
	return nil
}

// Remove stops a member, waits until its run is over, and takes it out of the pool. It returns what did
// not stop cleanly as a ChildError; the member is gone all the same. Errors: ErrNoChild when there is
// no member of that name, ErrNotServing, and that of ctx, which bounds the wait: the member leaves
// when it has stopped.
//
// A member that removes itself passes the ctx of its run, or it waits for itself.
func (p *Pool) Remove(ctx context.Context, name string) error {
	s, err := p.serving()
	if err == nil {
		var k *keeper
		if k, err = s.child(name); err == nil {
			return saying("remove", k.path, k.await(ctx, (*keeper).expel))
		}
	}
	return fmt.Errorf("remove %q from the pool: %w", name, err)
}

// Len is how many members there are, in whatever state.
func (p *Pool) Len() int {
	s := p.last.Load()
	if s == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.rules.children)
}

func (p *Pool) tenure() *atomic.Pointer[serving] { return &p.last }

func (p *Pool) serving() (*serving, error) {
	if s := p.last.Load(); s != nil && !s.over.Load() {
		return s, nil
	}
	return nil, ErrNotServing
}

// open makes the pool's next serving.
func (p *Pool) open(ctx context.Context) (*serving, error) {
	s, last := newServing(ctx, p, p.String()), p.last.Load()
	if !s.direct {
		c := checker{}
		c.pool(p, s.path)
		if err := join(c.faults...); err != nil {
			return nil, err
		}
	}
	if err := s.succeed(last); err != nil {
		return nil, err
	}
	s.rules.loose, s.rules.concurrent = true, true
	s.index = map[string]*keeper{}
	s.members = newPolicies(p.Policy)
	return s.begin(last)
}

func (p *Pool) add(name string, service Service) error {
	s, err := p.serving()
	if err != nil {
		return err
	}
	if err := checkMember(name, service); err != nil {
		return err
	}
	return s.admit(name, service, p.Max)
}

// checkMember refuses what no tree accepts.
func checkMember(name string, s Service) error {
	if err := checkName(name); err != nil {
		return fmt.Errorf("name: %w", err)
	}
	if name == everyMember {
		return fmt.Errorf("name: %q stands for every member", name)
	}
	if s == nil {
		return errors.New("service: missing")
	}
	if !isBranch(s) {
		return nil
	}
	c := checker{services: map[any]string{}}
	c.child(&Child{Name: name, Service: s}, name)
	return join(c.faults...)
}

// policies is the policy of all members of a pool, for plain services and for those that have
// children of their own.
type policies struct {
	given          Policy // without defaults
	plain, patient *Policy
}

func newPolicies(p Policy) policies {
	plain, patient := p.withDefaults(false), p.withDefaults(true)
	patient.Heartbeat = 0 // whose own children have theirs
	return policies{p, &plain, &patient}
}

func (p policies) of(s Service) *Policy {
	if isBranch(s) {
		return p.patient
	}
	return p.plain
}

// admit adds a member.
func (s *serving) admit(name string, service Service, most int) error {
	k := &keeper{}
	k.record = recordOf(service, s.path+"/"+name, nil)
	s.keep(k, servedOnce(service, false))
	s.mu.Lock()
	defer s.unlock()
	switch _, taken := s.index[name]; {
	case s.rules.falling, !s.begun:
		return ErrNotServing
	case taken:
		return ErrDuplicate
	case most > 0 && len(s.rules.children) >= most:
		return ErrFull
	}
	k.policy = s.members.of(service)
	s.index[nameOf(k.path)] = k // whose text is the path's
	s.rules.admit(&k.record, time.Now())
	return nil
}

// setMembers gives all members another policy, and those to come. One that an operator gave to a member
// alone stays.
func (s *serving) setMembers(p Policy) {
	s.members = newPolicies(p)
	now := time.Now()
	for _, c := range slices.Clone(s.rules.children) { // some may leave
		if !c.tuned {
			s.rules.setPolicy(c, s.members.of(c.keeper.service), now)
		}
	}
}
