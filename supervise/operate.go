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

func (g *Group) operate(ctx context.Context, verb, path string, do func(*keeper) waiter) error {
	k, err := g.find(path)
	if err == nil {
		err = k.await(ctx, do)
	}
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
	i, ok := s.index[name]
	if !ok {
		return nil, fmt.Errorf("%w: %s has none named %q", ErrNoChild, s.path, name)
	}
	k := &s.keepers[i]
	if !deeper {
		return k, nil
	}
	if g, ok := k.service.(*Group); ok {
		if sub := g.last.Load(); sub != nil && sub.path == k.path && !sub.over.Load() {
			return sub.find(rest)
		}
		return nil, fmt.Errorf("%s: %w", k.path, ErrNotServing)
	}
	for _, sub := range k.inside() {
		if below, ok := strings.CutPrefix(k.path+"/"+rest, sub.path+"/"); ok {
			return sub.find(below)
		}
	}
	return nil, fmt.Errorf("%w: %s has no children", ErrNoChild, k.path)
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
type waiter func(c *record) (come bool, err error)

// come is a waiter for nothing.
func come(err error) waiter {
	return func(*record) (bool, error) { return true, err }
}

// await does something to a child, and waits for what is to come of it.
func (k *keeper) await(ctx context.Context, do func(*keeper) waiter) error {
	s := k.group
	s.mu.Lock()
	wait := k.unlessEnding(do)
	s.carryOut()
	for {
		done, err := wait(&s.rules.children[k.index])
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
		s.mu.Lock()
	}
}

func (k *keeper) unlessEnding(do func(*keeper) waiter) waiter {
	r := &k.group.rules
	switch {
	case r.falling, !k.group.begun:
		return come(ErrNotServing)
	case r.children[k.index].state == Stuck:
		return come(ErrStuck)
	default:
		return do(k)
	}
}

func (k *keeper) start() waiter {
	r := &k.group.rules
	c := &r.children[k.index]
	wanted := c.run
	switch c.state {
	case Running:
		return come(nil)
	case Backoff:
		return come(c.failure())
	case Starting:
	default:
		wanted++
	}
	r.release(k.index, time.Now())
	return func(c *record) (bool, error) {
		switch {
		case c.run >= wanted && (c.state == Running || c.state == Done):
			return true, nil
		case c.err != nil && (c.ended >= wanted || c.state == Stuck):
			return true, c.failure()
		case r.falling:
			return true, ErrNotServing
		default:
			return c.held, &ChildError{c.path, ErrStop} // somebody else's
		}
	}
}

func (k *keeper) stop() waiter {
	wait := k.oldRun()
	k.group.rules.hold(k.index, time.Now())
	return wait
}

func (k *keeper) restart() waiter {
	wait := k.oldRun()
	k.group.rules.rerun(k.index, time.Now())
	return wait
}

// oldRun waits until the present run, if there is one, is over or given up on.
func (k *keeper) oldRun() waiter {
	c := &k.group.rules.children[k.index]
	number := c.run
	if c.ended == number {
		return come(nil)
	}
	return func(c *record) (bool, error) {
		if c.ended > number { // so is the next; its failure is not the answer
			return true, nil
		}
		return c.ended == number || c.state == Stuck, c.failure()
	}
}

// failure is why the last run ended, as an error of the child.
func (c *record) failure() error {
	if c.err == nil {
		return nil
	}
	return &ChildError{c.path, c.err}
}
