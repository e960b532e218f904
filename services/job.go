package services

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tend.example/tend/supervise"
)

// Job does something at the times of a schedule, one run after another and never two at once:
// times that pass while a run is under way are left out. A pointer to it is a supervise.Service;
// it may be served again after it has returned, but not twice at a time.
//
// When its ctx is done no further run begins, and Serve returns when the one under way has.
//
// It calls supervise.Beat before and after each Do. So a Policy.Heartbeat that is longer than both the
// pauses of the schedule and the longest Do finds a Do that hangs.
type Job struct {
	// Schedule says when. Required. It begins anew with each run of the service: after a failure,
	// Every counts from the restart.
	Schedule Schedule

	// Do is called at each time. Required. An error, or a panic, is a failed run of the service,
	// and its policy decides what becomes of it. ctx is the run's own, done at the moment the job
	// is told to stop; what has to be finished then goes on under supervise.StopContext(ctx).
	Do func(ctx context.Context) error
}

// String is "job" and the schedule, if that has a String method.
func (j *Job) String() string {
	if s, ok := j.Schedule.(fmt.Stringer); ok {
		return "job " + s.String()
	}
	return "job"
}

// Serve calls Do at each time of the schedule until ctx is done, and then returns nil; until Do
// fails, and then returns its error; or until the schedule has no further time, and then returns
// supervise.ErrDone. A job that lacks Schedule or Do is fatal to its tree.
func (j *Job) Serve(ctx context.Context) error {
	if j.Schedule == nil || j.Do == nil {
		return supervise.Fatal(errors.New("services.Job: Schedule and Do are required"))
	}
	supervise.Ready(ctx)
	next := time.Now()
	for {
		var err error
		if next, err = j.following(ctx, next); err != nil {
			return err
		}
		if next.IsZero() {
			return supervise.ErrDone
		}
		if !waitUntil(ctx, next) {
			return nil
		}
		supervise.Beat(ctx)
		if err := j.Do(ctx); err != nil {
			return err
		}
		supervise.Beat(ctx)
	}
}

// following is the first time of the schedule after last that has not passed.
func (j *Job) following(ctx context.Context, last time.Time) (time.Time, error) {
	now := time.Now()
	if e, ok := j.Schedule.(every); ok {
		last = e.skip(last, now)
	}
	for ctx.Err() == nil {
		next := j.Schedule.Next(last)
		if next.IsZero() || next.After(now) {
			return next, nil
		}
		if !next.After(last) {
			return time.Time{}, fmt.Errorf("schedule: the time after %s is given as %s, which is not later", last, next)
		}
		last = next
	}
	return last, nil // told to stop
}

// waitUntil tells whether t was reached before ctx was done.
func waitUntil(ctx context.Context, t time.Time) bool {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
