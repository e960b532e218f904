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
	cut  context.CancelFunc // ends the time it has
	done chan struct{}
	err  error // once done is closed
}

// add takes over the connections of a run, which accepts no more.
func (l *leftovers) add(r *httpRun) {
	r.leave()
	ctx, cut := context.WithCancel(context.Background())
	left := &leftover{cut: cut, done: make(chan struct{})}
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
		r.conns.settle(ctx, r.http.keepIdle())
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

// conns is how many connections they have.
func (l *leftovers) conns() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for r := range l.runs {
		n += r.conns.count()
	}
	return n
}
