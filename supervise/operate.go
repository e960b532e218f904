package supervise

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Start starts a child that is Stopped, Done or Failed, and waits until it is Running or Done; one
// that is still Stopping is started afterwards. When the run fails first, Start returns that as a
// ChildError, and the policy decides what follows. Of a running child it returns nil, of one in
// backoff the failure that it waits after.
//
// The path is the one events show, the root's name first. Errors: ErrNoChild, ErrNotServing (also
// when stopping has begun), ErrStuck, and that of ctx, which bounds the wait.
func (g *Group) Start(ctx context.Context, path string) error {
	return g.operate(ctx, "start", path, (*keeper).start)
}

// Stop stops a child and keeps it stopped, through restarts of its group, until Start or Restart.
// It waits until the run is over, and returns what did not stop cleanly as a ChildError; the child
// is stopped all the same. Of a child that does not run it returns nil. Path and errors are those
// of Start.
//
// A service that stops itself passes the ctx of its run, or it waits for itself.
func (g *Group) Stop(ctx context.Context, path string) error {
	return g.operate(ctx, "stop", path, (*keeper).stop)
}

// Restart ends the run or the backoff of a child, or its rest, and begins the next run at once; the
// backoff starts from its beginning. It waits until the old run is over, and returns what did not
// stop cleanly as a ChildError; the next run begins all the same. Path and errors are those of
// Start.
func (g *Group) Restart(ctx context.Context, path string) error {
	return g.operate(ctx, "restart", path, (*keeper).restart)
}

// SetPolicy gives a child another policy, which counts at once: the run, the backoff or the wait for Ready
// that is under way goes on by it, and a limit counts the restarts that were already made. A backoff that
// the new Restart would not have begun ends. Only a stop under way keeps its time, and what a strategy has
// stopped starts again by the policy that it had then. The policy lasts through restarts of the group and another Serve.
//
// The path is that of Start; of a pool's member, or with "*" for the name of the member, of all
// members of a pool, those to come included, except the ones that were given a policy of their own.
// Members lose it when the pool is restarted.
//
// Errors: one that names the field, when the policy is refused, and the old one stays; ErrNoChild and
// ErrNotServing.
func (g *Group) SetPolicy(path string, p Policy) error {
	return saying("set policy of", path, g.setPolicy(path, p))
}

func (g *Group) setPolicy(path string, p Policy) error {
	if pool, ok := strings.CutSuffix(path, "/"+everyMember); ok {
		return g.setMembers(pool, p)
	}
	k, err := g.find(path)
	if err != nil {
		return err
	}
	return k.setPolicy(p)
}

func (g *Group) setMembers(path string, p Policy) error {
	if err := p.check(); err != nil {
		return err
	}
	s, err := g.findPool(path)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.unlock()
	if s.rules.falling {
		return ErrNotServing
	}
	s.setMembers(p)
	return nil
}

// findPool finds a pool that is the service of a child, or that is served inside its run.
func (g *Group) findPool(path string) (*serving, error) {
	if k, err := g.find(path[:max(0, strings.LastIndexByte(path, '/'))]); err == nil {
		for _, sub := range k.inside() {
			if sub.path == path && sub.rules.loose {
				return sub, nil
			}
		}
	}
	k, err := g.find(path)
	if err != nil {
		return nil, err
	}
	pool, ok := k.service.(*Pool)
	if !ok {
		return nil, fmt.Errorf("%w: %s is no pool", ErrNoChild, path)
	}
	s, err := pool.serving()
	if err != nil || s.path != k.path {
		return nil, ErrNotServing
	}
	return s, nil
}

func (k *keeper) setPolicy(p Policy) error {
	if err := p.fits(k.service); err != nil {
		return err
	}
	s := k.group
	s.mu.Lock()
	defer s.unlock()
	if k.significant && p.Restart == Always {
		return fmt.Errorf("Restart: the child is Significant: %w", errNeverDone)
	}
	if err := k.refuses(); err != nil {
		return err
	}
	filled := p.withDefaults(k.patient)
	k.tuned = true
	s.rules.setPolicy(&k.record, &filled, time.Now())
	return nil
}

// Reset forgets the failures of a child: its backoff begins at MinBackoff again, its limit counts from none, and so
// does Status.Restarts. It begins and ends nothing, and what failed last stays to be read. Of a group it
// forgets what the group itself is blamed for; its children are reset by their own paths. It is for who has
// mended something: systemctl reset-failed does the same.
//
// Path and errors are those of Start.
func (g *Group) Reset(path string) error {
	k, err := g.find(path)
	if err == nil {
		err = k.reset()
	}
	return saying("reset", path, err)
}

func (k *keeper) reset() error {
	k.group.mu.Lock()
	defer k.group.unlock()
	if err := k.refuses(); err != nil {
		return err
	}
	k.absolve()
	return nil
}

func (g *Group) operate(ctx context.Context, verb, path string, do func(*keeper) waiter) error {
	k, err := g.find(path)
	if err == nil {
		err = k.await(ctx, do)
	}
	return saying(verb, path, err)
}

// saying adds what was tried, unless the error is of the child itself and so names it.
func saying(verb, path string, err error) error {
	var child *ChildError
	if err == nil || errors.As(err, &child) && child.Path == path {
		return err
	}
	return fmt.Errorf("%s %s: %w", verb, path, err)
}

// find follows a path.
func (g *Group) find(path string) (*keeper, error) {
	s := g.last.Load()
	if s == nil || s.over.Load() {
		return nil, ErrNotServing
	}
	if path == s.path {
		return nil, fmt.Errorf("%w: this is the group itself; end its Serve instead", ErrNoChild)
	}
	rest, ok := strings.CutPrefix(path, s.path+"/")
	if !ok {
		return nil, fmt.Errorf("%w: paths here begin with %q", ErrNoChild, s.path+"/")
	}
	return s.find(rest)
}

func (s *serving) find(path string) (*keeper, error) {
	name, rest, deeper := strings.Cut(path, "/")
	k, err := s.child(name)
	if err != nil || !deeper {
		return k, err
	}
	if b, ok := k.service.(branch); ok {
		if below := b.tenure().Load(); below != nil && below.path == k.path && !below.over.Load() {
			return below.find(rest)
		}
		return nil, fmt.Errorf("%s: %w", k.path, ErrNotServing)
	}
	for _, sub := range k.inside() {
		switch below, ok := strings.CutPrefix(k.path+"/"+rest, sub.path+"/"); {
		case ok:
			return sub.find(below)
		case k.path+"/"+rest == sub.path:
			return nil, fmt.Errorf("%w: %s is served inside %s; steer that", ErrNoChild, sub.path, k.path)
		}
	}
	return nil, fmt.Errorf("%w: %s has no children", ErrNoChild, k.path)
}

func (s *serving) child(name string) (*keeper, error) {
	s.mu.Lock() // the members of a pool come and go
	defer s.mu.Unlock()
	if k, ok := s.index[name]; ok {
		return k, nil
	}
	return nil, fmt.Errorf("%w: %s has none named %q", ErrNoChild, s.path, name)
}

// inside are the groups served inside the present run.
func (k *keeper) inside() []*serving {
	k.group.mu.Lock()
	defer k.group.mu.Unlock()
	if k.run == nil {
		return nil
	}
	return k.run.adopted()
}

// waiter looks, under the group's lock, whether what it waits for has come.
type waiter func() (come bool, err error)

// come is a waiter for nothing.
func come(err error) waiter {
	return func() (bool, error) { return true, err }
}

// await does something to a child, and waits for what is to come of it.
func (k *keeper) await(ctx context.Context, do func(*keeper) waiter) error {
	s := k.group
	s.mu.Lock()
	wait := k.unlessEnding(do)
	s.unlock()
	for {
		s.mu.Lock()
		done, err := wait()
		if done {
			s.mu.Unlock()
			return err
		}
		if k.news == nil {
			k.news = make(chan struct{})
		}
		news := k.news
		s.mu.Unlock()
		select {
		case <-news:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (k *keeper) unlessEnding(do func(*keeper) waiter) waiter {
	if err := k.refuses(); err != nil {
		return come(err)
	}
	return do(k)
}

// refuses says why nothing can be done to a child now. The caller holds the group's lock.
func (k *keeper) refuses() error {
	r := &k.group.rules
	switch {
	case r.falling, !k.group.begun:
		return ErrNotServing
	case k.at < 0:
		return fmt.Errorf("%w: it has left", ErrNoChild)
	case k.state == Stuck:
		return ErrStuck
	default:
		return nil
	}
}

// errLeaving is the answer to who would revive a child that is being removed.
var errLeaving = fmt.Errorf("%w: it is leaving", ErrNoChild)

func (k *keeper) start() waiter {
	r := &k.group.rules
	if k.expelled {
		return come(errLeaving)
	}
	wanted := k.record.run
	switch k.state {
	case Running:
		return come(nil)
	case Backoff:
		return come(k.failure())
	case Starting:
	default:
		wanted++
	}
	r.release(&k.record, time.Now())
	return func() (bool, error) {
		switch {
		case k.record.run >= wanted && (k.state == Running || k.state == Done):
			return true, nil
		case k.err() != nil && (k.record.ended >= wanted || k.state == Stuck):
			return true, k.failure()
		case r.falling:
			return true, ErrNotServing
		default:
			return k.held, &ChildError{k.path, ErrStop} // somebody else's
		}
	}
}

func (k *keeper) stop() waiter {
	wait := k.oldRun()
	k.group.rules.hold(&k.record, time.Now())
	k.changed() // for whoever waits for a Start
	return wait
}

func (k *keeper) expel() waiter {
	wait := k.oldRun()
	k.group.rules.expel(&k.record, time.Now())
	k.changed() // for whoever waits for a Start
	return wait
}

func (k *keeper) restart() waiter {
	if k.expelled {
		return come(errLeaving)
	}
	wait := k.oldRun()
	k.group.rules.rerun(&k.record, time.Now())
	return wait
}

// oldRun waits until the present run, if there is one, is over or given up on.
func (k *keeper) oldRun() waiter {
	number := k.record.run
	if k.record.ended == number {
		return come(nil)
	}
	return func() (bool, error) {
		if k.record.ended > number { // so is the next; its failure is not the answer
			return true, nil
		}
		return k.record.ended == number || k.state == Stuck, k.failure()
	}
}
