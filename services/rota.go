package services

import (
	"context"
	"sync"
	"time"

	"tend.example/tend/supervise"
)

// longestNap is how long a rota sleeps at the most: when the clock of the machine is set, a timer does not
// notice.
const longestNap = time.Minute

// batch is how many runs begin in a turn.
const batch = 64

// rota begins the runs of jobs at their times: one goroutine and one timer, however many jobs there are, and workers
// while there are runs.
type rota struct {
	ctx      context.Context //nolint:containedctx // of the service's run; it lives as long
	stopping chan struct{}   // closed when no further run is to begin
	outAt    time.Time       // when the runs under way are cut short, once stopping is closed; zero: unknown
	running  sync.WaitGroup  // workers
	wake     chan struct{}   // has room for one
	ends     bool            // when there is nothing left to do

	turning sync.Mutex // comes before the lock of a job, and that before mu
	heap    jobHeap
	fresh   []*jobRun // that begin in this turn

	mu      sync.Mutex
	inbox   []*seat   // that are to be planned anew
	queue   []*jobRun // that have begun, and have no worker yet
	taken   int       // from the queue
	more    bool      // are due than those
	seeking bool      // a worker is on its way to the queue
	over    bool      // no further run begins
	errs    []error
	cause   cutShort // what the first of them means to the runs under way
}

func newRota(ctx context.Context) *rota {
	return &rota{
		ctx: ctx, stopping: make(chan struct{}), wake: make(chan struct{}, 1),
		heap: jobHeap{base: time.Now()},
	}
}

// seat is the place of a job in a rota. at and place are of the heap, which turning guards.
type seat struct {
	job    *Job
	name   string // in Jobs
	rota   *rota
	values context.Context //nolint:containedctx // for its runs: those of the service's ctx, and the label
	at     time.Time       // when it is to begin next; zero: not by itself
	place  int             // in the heap, from 1; 0: not there
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
	done, whole := false, false
	defer func() {
		if !whole { // a schedule has panicked
			r.fail(nil, errItsFailed)
			_ = r.finish(ctx, false)
		}
	}()
	for r.goesOn(ctx) {
		var wait time.Duration
		if wait, done = r.turn(); done || r.failed() {
			break
		}
		timer.Reset(min(wait, longestNap))
		select {
		case <-timer.C:
		case <-r.wake:
		case <-ctx.Done():
		}
	}
	whole = true
	return r.finish(ctx, done)
}

func (r *rota) goesOn(ctx context.Context) bool { return ctx.Err() == nil && !r.failed() }

func (r *rota) failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.errs) > 0
}

// turn begins what is due, and tells how long nothing will be, and whether there is nothing left to do. Of what is due
// workers begin what is more than a batch, and rouse the loop at its end.
func (r *rota) turn() (wait time.Duration, done bool) {
	r.turning.Lock()
	defer r.turning.Unlock()
	r.mu.Lock()
	inbox := r.inbox
	r.inbox = nil
	r.mu.Unlock()
	now := time.Now()
	if r.heap.look(now); r.heap.setBack() {
		inbox = append(inbox, r.heap.seats()...)
	}
	for _, s := range inbox {
		if at, stays := s.job.planned(s, now); stays {
			r.heap.set(s, at, now)
		} else {
			r.heap.forget(s)
		}
	}
	if !r.collect(now) {
		return longestNap, false
	}
	return r.heap.wait(time.Now()), r.isDone()
}

// further is a turn of a worker's, and tells whether there may be runs to do.
func (r *rota) further() bool {
	r.turning.Lock()
	defer r.turning.Unlock()
	r.mu.Lock()
	more := r.more && !r.over && len(r.errs) == 0 && r.ctx.Err() == nil
	r.mu.Unlock()
	if more && r.collect(time.Now()) {
		r.rouse()
	}
	return more
}

// collect begins up to a batch of what is due, and tells whether that was all. The caller holds turning.
func (r *rota) collect(now time.Time) (all bool) {
	defer func() { // also when a schedule panics: the others have begun
		r.hire(r.fresh, !all)
		clear(r.fresh)
		r.fresh = r.fresh[:0]
	}()
	for len(r.fresh) < batch {
		s := r.heap.due(now)
		if s == nil {
			all = true
			break
		}
		at, run := s.job.due(now)
		if run != nil {
			r.fresh = append(r.fresh, run)
		}
		r.heap.set(s, at, now)
	}
	return all
}

// isDone tells whether no job has a further time, none is paused, and nothing is under way. The caller holds turning.
func (r *rota) isDone() bool {
	if !r.ends || !r.heap.empty() {
		return false
	}
	for s := range r.heap.idle {
		if !s.job.isDone() {
			return false
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.inbox) == 0
}

// fail notes an error that fails the service; nil if that is done otherwise.
func (r *rota) fail(err error, cause cutShort) {
	r.mu.Lock()
	if len(r.errs) == 0 {
		r.cause = cause
	}
	r.errs = append(r.errs, err)
	r.mu.Unlock()
	r.rouse()
}

// begin has a run done, unless no further one is to begin. The caller holds the lock of the job.
func (r *rota) begin(run *jobRun) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over || len(r.errs) > 0 || r.ctx.Err() != nil {
		return false
	}
	r.queue = append(r.queue, run)
	r.seek()
	return true
}

// hire has runs done that have begun; more tells whether more are due. The caller holds turning.
func (r *rota) hire(runs []*jobRun, more bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue = append(r.queue, runs...)
	r.more = more
	if more || len(runs) > 0 {
		r.seek()
	}
}

// seek sends a worker, unless one is on its way. The caller holds mu.
func (r *rota) seek() {
	if r.seeking {
		return
	}
	r.seeking = true
	r.running.Add(1)
	supervise.Go(r.ctx, r.work)
}

// work does runs, one after another, while there are any. A worker that takes one first sees to it that another
// worker is on its way to the next, so no run waits for the end of one before it. Short runs so share a few workers, as many as
// there are processors, which is cheaper by far than a goroutine for each: that would have to be made and its
// stack to grow. And most runs are done where they were begun, where what they need of the memory is near.
func (r *rota) work(context.Context) error {
	whole := false
	defer func() {
		if !whole { // a run has panicked, and has said so; or a schedule or OnRun has
			r.fail(nil, errItsFailed)
		}
		r.running.Done()
	}()
	for first := true; ; first = false {
		if run := r.take(first); run != nil {
			run.serve()
		} else if !r.further() {
			whole = true
			return nil
		}
	}
}

// take is the next run to do, or nil. first tells that the worker was on its way until now.
func (r *rota) take(first bool) *jobRun {
	r.mu.Lock()
	defer r.mu.Unlock()
	if first {
		r.seeking = false
	}
	if r.taken == len(r.queue) {
		r.queue, r.taken = r.queue[:0], 0
		return nil
	}
	run := r.queue[r.taken]
	r.queue[r.taken] = nil
	r.taken++
	if r.taken >= batch && 2*r.taken >= len(r.queue) { // or it would grow as long as it is never empty
		left := copy(r.queue, r.queue[r.taken:])
		clear(r.queue[left:])
		r.queue, r.taken = r.queue[:left], 0
	}
	if r.more || r.taken < len(r.queue) {
		r.seek()
	}
	return run
}
