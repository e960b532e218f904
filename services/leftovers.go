package services

import (
	"context"
	"errors"
	"sync"
)

// leftovers are the requests that runs left in flight when they ended. They are finished beside the
// runs that follow, the last of which waits for them.
type leftovers struct {
	mu   sync.Mutex
	runs map[*httpRun]*leftover
}

type leftover struct {
	cut   context.CancelFunc // ends the time it has
	hurry context.Context    //nolint:containedctx // done when its idle connections are to be closed
	rush  context.CancelFunc // ends that
	done  chan struct{}
	err   error // once done is closed
}

// add takes over the connections of a run, which accepts no more. They are in no hurry: one that is idle is closed
// by its IdleTimeout, or with its next answer, and a client that pauses loses nothing.
func (l *leftovers) add(r *httpRun) {
	r.leave()
	ctx, cut := context.WithCancel(context.Background())
	left := &leftover{cut: cut, done: make(chan struct{})}
	left.hurry, left.rush = context.WithCancel(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.runs == nil {
		l.runs = map[*httpRun]*leftover{}
	}
	l.runs[r] = left
	go func() { // finish waits for it
		defer close(left.done)
		defer l.remove(r)
		defer cut()
		r.linger(left.hurry)
		r.settle(ctx)
		left.err = r.shutdown(ctx)
	}()
}

func (l *leftovers) remove(r *httpRun) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.runs, r)
}

func (l *leftovers) all() (all []*leftover) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, left := range l.runs {
		all = append(all, left)
	}
	return all
}

// hurry has idle connections closed within KeepIdle.
func (l *leftovers) hurry() {
	for _, left := range l.all() {
		left.rush()
	}
}

// end ends the contexts of their requests.
func (l *leftovers) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for r := range l.runs {
		r.end()
	}
}

// finish waits for all of them, and cuts off those that are not finished when ctx is done.
func (l *leftovers) finish(ctx context.Context) error {
	var errs []error
	l.hurry()
	for _, left := range l.all() {
		select {
		case <-left.done:
		case <-ctx.Done():
			left.cut()
			<-left.done
		}
		errs = append(errs, left.err)
	}
	return errors.Join(errs...)
}

// linger waits until nothing of a run is left, or for the end of hurry.
func (r *httpRun) linger(hurry context.Context) {
	for hurry.Err() == nil && (r.conns.count() > 0 || r.active.Load() > 0) {
		pause(hurry, settleFor)
	}
}

// under is the runs whose requests are under way.
func (l *leftovers) under() (runs []*httpRun) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for r := range l.runs {
		runs = append(runs, r)
	}
	return runs
}
