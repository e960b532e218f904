package services

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path"
	"runtime/debug"
	"runtime/pprof"
	"time"

	"tend.example/tend/supervise"
)

// JobRun is one run of a job.
type JobRun struct {
	ID        int       // from 1, in the order in which they began
	Scheduled time.Time // the time of the schedule that it is for; of a triggered one, when that was
	Started   time.Time
	Ended     time.Time // zero: it is under way
	Attempts  int       // calls of Do
	Triggered bool      // by hand
	Outcome   Outcome
	Err       error // of the last attempt
}

// Outcome is how a run ended.
type Outcome int8

// The outcomes.
const (
	UnderWay Outcome = iota
	Succeeded
	Failed
	TimedOut
	Cancelled // by hand, or because its service ended before it
	Panicked
)

var outcomeNames = [...]string{"under way", "succeeded", "failed", "timed out", "cancelled", "panicked"}

// String is the outcome in words.
func (o Outcome) String() string { return outcomeNames[o] }

// MarshalText is String.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// MarshalJSON has lower case keys, and leaves zero fields out.
func (r JobRun) MarshalJSON() ([]byte, error) {
	out := struct {
		ID        int       `json:"id"`
		Scheduled time.Time `json:"scheduled"`
		Started   time.Time `json:"started"`
		Ended     time.Time `json:"ended,omitzero"`
		Attempts  int       `json:"attempts"`
		Triggered bool      `json:"triggered,omitzero"`
		Outcome   Outcome   `json:"outcome"`
		Err       string    `json:"err,omitzero"`
	}{r.ID, r.Scheduled, r.Started, r.Ended, r.Attempts, r.Triggered, r.Outcome, ""}
	if r.Err != nil {
		out.Err = r.Err.Error()
	}
	return json.Marshal(out)
}

// CurrentRun tells which run of a job ctx belongs to, if any.
func CurrentRun(ctx context.Context) (JobRun, bool) {
	if r, ok := ctx.Value(runKey{}).(*jobRun); ok {
		r.job.state.mu.Lock()
		defer r.job.state.mu.Unlock()
		return r.record, true
	}
	return JobRun{}, false
}

// RunLog is the Log of the job whose run ctx belongs to, with the attributes service, job (its name, in Jobs)
// and job_run (its ID). Elsewhere it is slog.Default().
func RunLog(ctx context.Context) *slog.Logger {
	r, ok := ctx.Value(runKey{}).(*jobRun)
	if !ok {
		return slog.Default()
	}
	return r.job.logOf(r)
}

func (j *Job) logOf(r *jobRun) *slog.Logger {
	return j.log().With(slog.String("service", supervise.Path(r.seat.rota.ctx))).With(r.attrs()...)
}

// labelled is the values of the ctx of a service with the pprof label job, for a job of that name in Jobs. Alone it goes by
// the name of its child.
func labelled(ctx context.Context, name string) context.Context {
	if child := supervise.Path(ctx); name == "" && child != "" {
		name = path.Base(child)
	}
	var labels pprof.LabelSet
	if name != "" {
		labels = pprof.Labels("job", name)
	}
	return pprof.WithLabels(context.WithoutCancel(ctx), labels) // in this order, or each look for labels would allocate
}

// attrs are the attributes in a log that tell which run it is.
func (r *jobRun) attrs() []any {
	id := slog.Int("job_run", r.record.ID)
	if name := r.seat.name; name != "" {
		return []any{slog.String("job", name), id}
	}
	return []any{id}
}

// jobRun is a run under way, or waiting for its turn. It is the ctx of Do.
type jobRun struct {
	context.Context
	record JobRun
	job    *Job
	seat   *seat // that it was begun from
	cancel context.CancelCauseFunc
	done   chan<- JobRun // has room for one; nil: nobody waits

	settles bool // what the job has left to settle, first
}

// Value finds the run itself, so that it costs no further context.
func (r *jobRun) Value(key any) any {
	if key == (runKey{}) {
		return r
	}
	return r.Context.Value(key)
}

// drains is when the service wants to stop.
func (r *jobRun) drains() <-chan struct{} { return r.seat.rota.stopping }

// serve is the run, on the goroutine of a worker.
func (r *jobRun) serve() {
	if r.settles {
		r.job.settle(r.seat)
	}
	if r.Context == nil { // an errand
		return
	}
	pprof.SetGoroutineLabels(r.seat.values)
	outcome, err := Panicked, errPanicked
	defer func() { // also when Do panics
		r.cancel(nil)
		r.job.ended(r, outcome, err)
	}()
	if r.job.Timeout > 0 {
		var free context.CancelFunc
		r.Context, free = context.WithTimeoutCause(r.Context, r.job.Timeout, ErrTimeout)
		defer free()
	}
	err = r.try()
	outcome, err = r.judge(err)
}

// try calls Do, and again when it fails.
func (r *jobRun) try() error {
	least := r.job.retryAfter()
	for delay := least; ; delay = min(2*delay, max(least, maxRetryAfter)) {
		supervise.Beat(r.seat.rota.ctx)
		err := r.do()
		supervise.Beat(r.seat.rota.ctx)
		if err == nil || isFinal(err) || r.record.Attempts > r.job.Retries || !r.pause(delay) {
			return err
		}
		r.attempt()
	}
}

func (r *jobRun) attempt() {
	r.job.state.mu.Lock()
	defer r.job.state.mu.Unlock()
	r.record.Attempts++
}

// do calls Do once. Under Log a panic is an error like another.
func (r *jobRun) do() (err error) {
	if r.job.OnError == Log {
		defer func() {
			if value := recover(); value != nil {
				err = &supervise.PanicError{Value: value, Stack: debug.Stack()}
			}
		}()
	}
	return r.job.Do(r)
}

// pause waits before another try, and tells whether there is to be one.
func (r *jobRun) pause(d time.Duration) bool {
	d += rand.N(d/2 + 1)
	next := time.Now().Add(d)
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Done():
		return false
	case <-r.seat.rota.stopping:
		if !r.seat.rota.hasTimeUntil(next) {
			r.cancel(errOutOfTime)
		}
	}
	select {
	case <-timer.C:
		return true
	case <-r.Done():
		return false
	}
}

// judge tells what became of the run, and why. One that says that the job is finished for good has succeeded.
func (r *jobRun) judge(err error) (Outcome, error) {
	switch {
	case err == nil, isFinished(err):
		return Succeeded, err
	case isPanic(err):
		return Panicked, err
	}
	outcome := Cancelled
	cause := context.Cause(r)
	switch cause {
	case ErrTimeout: //nolint:errorlint // set by serve, by Cancel and by rota, as they are
		outcome = TimedOut
	case ErrCancelled, errOutOfTime, errOtherFailed, errItsFailed, errSilent:
	default:
		return Failed, err
	}
	if !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	return outcome, err
}

func (j *Job) retryAfter() time.Duration {
	if j.RetryAfter > 0 {
		return j.RetryAfter
	}
	return defaultRetryAfter
}
