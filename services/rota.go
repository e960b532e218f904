package services

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"tend.example/tend/supervise"
)

// longestNap is how long a rota sleeps at the most: when the clock of the machine is set, a timer does not
// notice.
const longestNap = time.Minute

// rota begins the runs of jobs at their times: one goroutine and one timer, however many jobs there are.
type rota struct {
	ctx      context.Context //nolint:containedctx // of the service's run; it lives as long
	values   context.Context //nolint:containedctx // its values alone, for the runs
	stopping chan struct{}   // closed when no further run is to begin
	running  sync.WaitGroup  // runs under way
	wake     chan struct{}   // has room for one
	heap     jobHeap         // the loop's own

	mu    sync.Mutex
	inbox []*seat // that are to be planned anew
	alive int     // runs under way
	ends  bool    // when there is nothing left to do
	over  bool    // no further run begins
	errs  []error
}

func newRota(ctx context.Context) *rota {
	return &rota{ctx: ctx, values: context.WithoutCancel(ctx), stopping: make(chan struct{}), wake: make(chan struct{}, 1)}
}

func (r *rota) isOver() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.over
}

// left: a run has ended.
func (r *rota) left() {
	r.mu.Lock()
	r.alive--
	last := r.alive == 0 && r.ends
	r.mu.Unlock()
	if last {
		r.rouse()
	}
}

// seat is the place of a job in a rota. at and place are the heap's own.
type seat struct {
	job   *Job
	rota  *rota
	at    time.Time // when it is to begin next; zero: not by itself
	place int       // in the heap, from 1; 0: not there
}

// plan has a job planned anew: it is new, or its pause has ended, or it is to go.
func (r *rota) plan(s *seat) {
	r.mu.Lock()
	r.inbox = append(r.inbox, s)
	r.mu.Unlock()
	r.rouse()
}

func (r *rota) rouse() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// serve begins runs until ctx is done, or a run fails the service, or, if it ends, there is nothing left to do.
// It waits for all runs.
func (r *rota) serve(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	done := false
	for r.goesOn(ctx) {
		wait := r.turn()
		if done = r.isDone(); done || r.failed() {
			break
		}
		timer.Reset(min(wait, longestNap))
		select {
		case <-timer.C:
		case <-r.wake:
		case <-ctx.Done():
		}
	}
	return r.finish(ctx, done)
}

func (r *rota) goesOn(ctx context.Context) bool { return ctx.Err() == nil && !r.failed() }

func (r *rota) failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.errs) > 0
}

// turn begins what is due, and tells how long nothing will be.
func (r *rota) turn() time.Duration {
	r.mu.Lock()
	inbox := r.inbox
	r.inbox = nil
	r.mu.Unlock()
	now := time.Now()
	for _, s := range inbox {
		if at, stays := s.job.planned(s, now); stays {
			r.heap.set(s, at)
		} else {
			r.heap.forget(s)
		}
	}
	for i := 1; ; i++ {
		s := r.heap.first()
		if s == nil {
			return longestNap
		}
		if i%64 == 0 {
			now = time.Now()
		}
		if s.at.After(now) {
			return s.at.Sub(now)
		}
		r.heap.set(s, s.job.due(now))
	}
}

// isDone tells whether no job has a further time, none is paused, and nothing is under way.
func (r *rota) isDone() bool {
	if r.heap.first() != nil || !r.ends {
		return false
	}
	for s := range r.heap.idle {
		if s.job.isPaused() {
			return false
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.inbox) == 0 && r.alive == 0
}

// fail notes an error of a run that fails the service.
func (r *rota) fail(err error) {
	r.mu.Lock()
	r.errs = append(r.errs, err)
	r.mu.Unlock()
	r.rouse()
}

// begin gives a run its goroutine, unless no further one is to begin. The caller holds the lock of the job.
func (r *rota) begin(run *jobRun) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return false
	}
	r.alive++
	r.running.Add(1)
	supervise.Go(r.ctx, run.serve)
	return true
}

// finish waits for the runs under way, within the time for stopping.
func (r *rota) finish(ctx context.Context, done bool) error {
	r.mu.Lock()
	r.over = true
	failed := len(r.errs) > 0
	r.mu.Unlock()
	close(r.stopping)
	switch hung := errors.Is(context.Cause(ctx), supervise.ErrHung); {
	case failed, hung: // there is nothing to wait for
		r.cutShort()
	case ctx.Err() != nil:
		stop, cancel := supervise.StopContext(ctx)
		defer cancel()
		defer whenRunningOut(stop, r.cutShort)()
	}
	r.running.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.errs) > 0 {
		return errors.Join(r.errs...)
	}
	if done {
		return supervise.ErrDone
	}
	return nil
}

// cutShort ends the ctx of every run under way.
func (r *rota) cutShort() {
	for _, s := range r.heap.seats() {
		s.job.cutShort()
	}
}

// unfinished is the error of a run that was cut short.
func (r *jobRun) unfinished(err error) error {
	what := "job"
	if r.job.state.name != "" {
		what += " " + r.job.state.name
	}
	return &cutShortError{fmt.Sprintf("%s: run %d of %s was cut short", what, r.record.ID, r.record.Scheduled.Format(time.RFC3339)), err}
}

// cutShortError lets errors.As find what is in err, but not errors.Is: a context's error inside would read as a
// clean answer to being told to stop.
type cutShortError struct {
	text string
	err  error
}

func (e *cutShortError) Error() string { return fmt.Sprintf("%s: %v", e.text, e.err) }

func (e *cutShortError) As(target any) bool { return errors.As(e.err, target) }
