package metrics

import (
	"errors"
	"maps"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

// kinds are those of failures.
var kinds = [...]string{"error", "panic", "hung", "timeout", "stuck"}

const (
	failed = iota
	panicked
	hung
	timedOut
	stuck
)

// failures is how many there were of each kind.
type failures [len(kinds)]int

// path is what events have told of one service.
type path struct {
	failures failures
	judged   int           // number of the last run that failed
	waited   time.Duration // in backoff

	began time.Time // the run under way; zero: none, or nobody knows
	told  time.Time // since when it is to stop, likewise
	waits time.Time // since when it is in backoff, likewise

	runTook, stopTook prometheus.Observer
}

// Observe is an OnEvent of the tree, or part of one.
func (t *Tree) Observe(e supervise.Event) {
	t.setUp()
	if crowded := t.observe(e); crowded && t.Group != nil {
		t.forget(t.Group.Status()) // services come and go, and nobody asks for the metrics
	}
}

func (t *Tree) observe(e supervise.Event) (crowded bool) {
	pool, isMember := t.poolOf(e.Path)
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.Dropped > 0 {
		t.dropped += e.Dropped
		for _, p := range t.paths {
			p.lose(e.Time)
		}
	}
	if isMember {
		// A run may be counted twice whose member is forbidden to run again while it waits to. To know better would take
		// a record for each member.
		if kind, ok := failureOf(e); ok {
			t.members[pool] = t.members[pool].plus(kind)
		}
		return false
	}
	p := t.paths[e.Path]
	if p == nil {
		p = &path{runTook: t.vecs.runTook.WithLabelValues(e.Path), stopTook: t.vecs.stopTook.WithLabelValues(e.Path)}
		t.paths[e.Path] = p
	}
	p.enter(e)
	return len(t.paths) > max(t.expect, 1000)
}

// plus counts one more, also where there was none.
func (f *failures) plus(kind int) *failures {
	if f == nil {
		f = &failures{}
	}
	f[kind]++
	return f
}

// enter notes what the event says of times and failures.
func (p *path) enter(e supervise.Event) {
	p.leaveBackoff(e.Time)
	if kind, ok := failureOf(e); ok && p.judged != e.Run {
		p.judged = e.Run // what waits after a failure, and then may not run again, has failed once
		p.failures[kind]++
	}
	switch e.State {
	case supervise.Starting:
		p.end(e.Time) // of the run before, when it was told to restart
		p.began = e.Time
	case supervise.Stopping:
		p.told = e.Time
	case supervise.Backoff:
		p.end(e.Time)
		p.waits = e.Time
	case supervise.Stopped, supervise.Done, supervise.Failed, supervise.Stuck:
		p.end(e.Time)
	case supervise.Idle, supervise.Running:
	}
}

func (p *path) end(now time.Time) {
	if !p.began.IsZero() {
		p.runTook.Observe(now.Sub(p.began).Seconds())
	}
	if !p.told.IsZero() {
		p.stopTook.Observe(now.Sub(p.told).Seconds())
	}
	p.began, p.told = time.Time{}, time.Time{}
}

func (p *path) leaveBackoff(now time.Time) {
	p.waited, p.waits = p.backoff(now), time.Time{}
}

// backoff is how long it has waited, until now.
func (p *path) backoff(now time.Time) time.Duration {
	if p.waits.IsZero() {
		return p.waited
	}
	return p.waited + max(0, now.Sub(p.waits))
}

// lose forgets what is under way: it may have ended, by an event that was dropped.
func (p *path) lose(now time.Time) {
	p.leaveBackoff(now)
	p.began, p.told = time.Time{}, time.Time{}
}

// failureOf tells whether an event is the end of a run that failed, or did not stop cleanly, and of which kind.
func failureOf(e supervise.Event) (kind int, ok bool) {
	switch e.State {
	case supervise.Backoff, supervise.Stopped, supervise.Failed, supervise.Stuck:
		if e.Err != nil {
			return kindOf(e.Err), true
		}
	case supervise.Idle, supervise.Starting, supervise.Running, supervise.Stopping, supervise.Done:
	}
	return 0, false
}

func kindOf(err error) (kind int) {
	defer func() { _ = recover() }() // a foreign error may panic when it is asked
	var child *supervise.ChildError
	var value *supervise.PanicError
	switch {
	case errors.As(err, &child): // of a group: what the child died of is counted with the child
	case errors.Is(err, supervise.ErrStuck):
		return stuck
	case errors.As(err, &value):
		return panicked
	case errors.Is(err, supervise.ErrHung):
		return hung
	case errors.Is(err, supervise.ErrStartTimeout), errors.Is(err, services.ErrTimeout):
		return timedOut
	}
	return failed
}

// --- pools, and what is gone ------------------------------------------------------------------------

// poolOf finds the pool that a path is below of, if any.
func (t *Tree) poolOf(at string) (pool string, ok bool) {
	pools := *t.pools.Load()
	if len(pools) == 0 {
		return "", false
	}
	for i := range len(at) {
		if at[i] == '/' && pools[at[:i]] {
			return at[:i], true
		}
	}
	return "", false
}

// shownAs is the label for a path: members of a pool are shown as the pool.
func (t *Tree) shownAs(at string) string {
	if pool, ok := t.poolOf(at); ok {
		return pool
	}
	return at
}

func (t *Tree) addPools(found ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	pools := maps.Clone(*t.pools.Load())
	for _, at := range found {
		pools[at] = true
	}
	t.pools.Store(&pools)
}

// forget drops what is known of services that are in the tree no longer, and learns where it has pools.
func (t *Tree) forget(root supervise.Status) {
	there, pools := map[string]bool{"": true}, []string{}
	var look func(s *supervise.Status)
	look = func(s *supervise.Status) {
		there[s.Path] = true
		if s.Counts != nil {
			pools = append(pools, s.Path)
			return
		}
		for i := range s.Children {
			look(&s.Children[i])
		}
	}
	look(&root)
	t.addPools(pools...)
	t.mu.Lock()
	defer t.mu.Unlock()
	gone := func(at string) bool { return !there[at] }
	for at := range t.paths {
		if gone(at) {
			delete(t.paths, at)
			t.vecs.runTook.DeleteLabelValues(at)
			t.vecs.stopTook.DeleteLabelValues(at)
		}
	}
	for at := range t.members {
		if gone(at) {
			delete(t.members, at)
		}
	}
	t.forgetJobs(gone)
	t.forgetRequests(gone)
	t.expect = 2 * len(t.paths)
}
