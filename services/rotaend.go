package services

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"tend.example/tend/supervise"
)

// nameAfter is how late a run may be before it is named: some of what a tree allows before it says that a service is stuck.
const nameAfter = 25 * time.Millisecond

// heldAfter is how long a run may hold up a service that has failed before it is named. It is longer than a Command waits
// before it kills.
const heldAfter = killAfter + 5*time.Second

// finish waits for the runs under way, within the time for stopping.
func (r *rota) finish(ctx context.Context, done bool) error {
	failed := r.end()
	stop, cancel := supervise.StopContext(ctx)
	defer cancel()
	if supervise.Path(ctx) != "" { // outside a tree nobody says how much time there is
		defer r.nameLate(stop)()
	}
	switch silent := errors.Is(context.Cause(ctx), supervise.ErrHung); {
	case failed:
		r.cutShort(r.cause)
		defer r.nameHolding(ctx)()
	case silent:
		r.cutShort(errSilent)
	case ctx.Err() != nil:
		if deadline, ok := stop.Deadline(); ok {
			r.outAt = runsOut(deadline)
		}
		defer whenRunningOut(stop, func() { r.cutShort(errOutOfTime) })()
	}
	close(r.stopping)
	r.running.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case len(r.errs) > 0:
		return errors.Join(r.errs...)
	case done:
		return r.lastWord()
	}
	return nil
}

// lastWord is what a service with nothing left to do returns.
func (r *rota) lastWord() error {
	for s := range r.heap.idle {
		if err := s.job.state.finished; err != nil {
			return err
		}
	}
	return supervise.ErrDone
}

// end lets no further run begin, and tells whether one has failed the service.
func (r *rota) end() (failed bool) {
	r.turning.Lock()
	defer r.turning.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	return len(r.errs) > 0
}

// hasTimeUntil tells whether a run goes on until t, once stopping is closed.
func (r *rota) hasTimeUntil(t time.Time) bool { return r.outAt.IsZero() || t.Before(r.outAt) }

// cutShort ends the ctx of every run under way.
func (r *rota) cutShort(cause cutShort) {
	r.eachUnderWay(func(run *jobRun) { run.cancel(cause) })
}

// nameHolding logs the runs that hold up a service that has failed. As long as nobody tells that to stop, there is no time after
// which the tree would say that it is stuck; then it is nameLate's. The function it returns takes that back.
func (r *rota) nameHolding(ctx context.Context) (free func()) {
	waiting, cancel := context.WithCancel(ctx)
	supervise.Go(r.ctx, func(context.Context) error {
		if pause(waiting, heldAfter); waiting.Err() == nil {
			for _, run := range r.underWay() {
				run.job.logOf(run).LogAttrs(r.ctx, slog.LevelWarn, "job run does not end, though its service has failed")
			}
		}
		return nil
	})
	return cancel
}

// nameLate names the runs that are still under way when stop has ended. The function it returns takes that back.
func (r *rota) nameLate(stop context.Context) (free func()) {
	waiting, cancel := context.WithCancel(context.WithoutCancel(stop))
	forget := context.AfterFunc(stop, func() {
		pause(waiting, nameAfter)
		if waiting.Err() == nil {
			r.nameUnfinished()
		}
	})
	return func() {
		forget()
		cancel()
	}
}

// nameUnfinished tells which runs are still under way when the time is over. They hold up Serve, so what it returns
// would come too late: a goroutine of the service has the error instead.
func (r *rota) nameUnfinished() {
	var errs []error
	for _, run := range r.underWay() {
		errs = append(errs, run.unfinished("did not end", errOutOfTime))
		run.job.logOf(run).LogAttrs(r.ctx, slog.LevelWarn, "job run did not end in time")
	}
	supervise.Go(r.ctx, func(context.Context) error { return errors.Join(errs...) })
}

// underWay is all runs under way, for what is not to be done under locks: a log may ask the job.
func (r *rota) underWay() (runs []*jobRun) {
	r.eachUnderWay(func(run *jobRun) { runs = append(runs, run) })
	return runs
}

// eachUnderWay calls f with each run under way, under the lock of its job.
func (r *rota) eachUnderWay(f func(*jobRun)) {
	r.turning.Lock()
	defer r.turning.Unlock()
	for _, s := range r.heap.seats() {
		s.eachUnderWay(f)
	}
}

func (s *seat) eachUnderWay(f func(*jobRun)) {
	state := &s.job.state
	state.mu.Lock()
	defer state.mu.Unlock()
	for _, run := range state.active {
		if run.seat == s { // the job may have been taken out, and be served elsewhere
			f(run)
		}
	}
}

// unfinished is the error of a run that the service has not waited for to the end.
func (r *jobRun) unfinished(how string, err error) error {
	what := "job"
	if r.seat.name != "" {
		what += " " + r.seat.name
	}
	return &cutShortError{fmt.Sprintf("%s: run %d of %s %s", what, r.record.ID, r.record.Scheduled.Format(time.RFC3339), how), err}
}

// cutShortError lets errors.As find what is in err, but not errors.Is: a context's error inside would read as a
// clean answer to being told to stop.
type cutShortError struct {
	text string
	err  error
}

func (e *cutShortError) Error() string { return fmt.Sprintf("%s: %v", e.text, e.err) }

func (e *cutShortError) As(target any) bool { return errors.As(e.err, target) }
