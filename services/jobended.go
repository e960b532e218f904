package services

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"tend.example/tend/supervise"
)

// What follows on the end of a run, and what a job does without its lock: a file may be slow, and a log or OnRun may ask the job.

// jobNote is something for the log.
type jobNote struct {
	level slog.Level
	text  string
	attrs []slog.Attr
}

// ended: a run is over.
func (j *Job) ended(run *jobRun, outcome Outcome, err error) {
	s := &j.state
	defer func() { // also when OnRun or the schedule panics
		if run.done != nil {
			run.done <- run.record
		}
	}()
	if j.OnRun != nil {
		s.telling.Lock()
		defer s.telling.Unlock()
	}
	if j.end(run, outcome, err) {
		j.settle(run.seat)
	}
	j.logFailure(run)
	if j.OnRun != nil {
		j.OnRun(run.record)
	}
}

// end notes the end of a run and begins what waited for it, and tells whether there is something to settle.
func (j *Job) end(run *jobRun, outcome Outcome, err error) (settles bool) {
	s := &j.state
	s.mu.Lock()
	defer s.mu.Unlock()
	record := &run.record
	record.Ended, record.Outcome, record.Err = time.Now(), outcome, err
	s.active = slices.DeleteFunc(s.active, func(other *jobRun) bool { return other == run })
	if outcome == Succeeded {
		record.Err = nil // what it is says that the job is finished
	}
	s.counts.add(record)
	s.history.add(record)
	if err != nil && outcome == Succeeded && s.seat == run.seat {
		j.finish(err)
	}
	if err, fails := j.failure(run); fails {
		run.seat.rota.fail(err, errOtherFailed) // first, so that nothing begins that would be cut short
	}
	if s.seat != run.seat {
		run.seat.rota.plan(run.seat)
	}
	if s.blocked && s.seat != nil { // by this run, whichever seat that is of
		j.unblock(record.Ended)
	}
	j.goOn()
	for _, seat := range []*seat{run.seat, s.seat} {
		if seat != nil && seat.rota.ends { // perhaps that was the last run
			seat.rota.rouse()
		}
	}
	return j.unsettled()
}

// failure tells whether a run fails the service, and by what: by nil if that is on its way by itself.
func (j *Job) failure(run *jobRun) (err error, fails bool) { //nolint:revive // the error is not that of failure
	err = run.record.Err
	switch run.record.Outcome {
	case Cancelled:
		if _, ok := context.Cause(run).(cutShort); ok { //nolint:errorlint // set by rota, as it is
			return run.unfinished("was cut short", err), true
		}
		if isFatal(err) {
			return run.named(err), true
		}
	case Panicked, Failed, TimedOut:
		if err == errPanicked { //nolint:errorlint // set by serve
			return nil, true
		}
		if j.OnError == Fail || isFatal(err) {
			return run.named(err), true
		}
	case UnderWay, Succeeded:
	}
	return nil, false
}

// named is an error with the name of the job, if it has one.
func (r *jobRun) named(err error) error {
	if r.seat.name == "" {
		return err
	}
	return fmt.Errorf("job %s: %w", r.seat.name, err)
}

// logFailure logs a failure that does not fail the service.
func (j *Job) logFailure(run *jobRun) {
	record := &run.record
	if _, fails := j.failure(run); fails || record.Outcome == Succeeded || record.Outcome == Cancelled {
		return
	}
	attrs := []slog.Attr{slog.String("outcome", record.Outcome.String()), slog.Int("attempts", record.Attempts), slog.Any("err", record.Err)}
	var panicked *supervise.PanicError
	if errors.As(record.Err, &panicked) {
		attrs = append(attrs, slog.String("stack", string(panicked.Stack)))
	}
	j.logOf(run).LogAttrs(run.seat.rota.ctx, slog.LevelWarn, "job run failed", attrs...)
}

// unsettled tells whether there is something to settle. The caller holds the lock.
func (j *Job) unsettled() bool { return j.state.unsaved || len(j.state.notes) > 0 }

// settle writes the state file and the log. The caller does not hold the lock.
func (j *Job) settle(of *seat) {
	if err := j.save(); err != nil {
		j.logNote(of, fileNote(j, "write", err))
	}
	s := &j.state
	s.mu.Lock()
	notes := s.notes
	s.notes = nil
	s.mu.Unlock()
	for _, note := range notes {
		j.logNote(of, note)
	}
}

// logNote logs as the job of a seat; nil: it is not served.
func (j *Job) logNote(of *seat, note jobNote) {
	if of == nil {
		of = &seat{rota: &rota{ctx: context.Background()}}
	}
	attrs := []slog.Attr{slog.String("service", supervise.Path(of.rota.ctx))}
	if of.name != "" {
		attrs = append(attrs, slog.String("job", of.name))
	}
	j.log().LogAttrs(of.rota.ctx, note.level, note.text, append(attrs, note.attrs...)...)
}

// errand is no run, but has a worker settle what is left without one. The caller holds the lock.
func (j *Job) errand() *jobRun { return &jobRun{job: j, seat: j.state.seat, settles: true} }
