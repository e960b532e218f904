package services

import (
	"context"
	"fmt"
	"time"

	"tend.example/tend/supervise"
)

// What is done to a job by hand.

// Trigger begins a run now, beside the schedule, waits for its end and returns its error. A run under way counts
// as Overlap says: under Queue it waits, else the answer is ErrOverlap. ctx bounds the wait, not the run.
//
// Errors: those of the run; ErrOverlap; supervise.ErrNotServing; that of ctx.
func (j *Job) Trigger(ctx context.Context) error {
	done := make(chan JobRun, 1)
	if err := j.trigger(done); err != nil {
		return fmt.Errorf("trigger the job: %w", err)
	}
	select {
	case run := <-done:
		return run.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// trigger begins a run by hand, and says why not.
func (j *Job) trigger(done chan<- JobRun) error {
	s := &j.state
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.seat == nil:
		return supervise.ErrNotServing
	case len(s.active) < j.places() && s.queued == nil:
		if !j.launch(j.newRun(time.Now(), done)) {
			return supervise.ErrNotServing
		}
	case j.Overlap == Queue && s.queued == nil && !s.blocked:
		s.queued = j.newRun(time.Now(), done)
	default:
		return ErrOverlap
	}
	return nil
}

// Pause lets no run begin by the schedule until Resume: times that pass are not missed, and what was missed before is made up
// for after it. A run under way goes on, and Trigger works all the same. It lasts through restarts of the service, but not of the
// program.
func (j *Job) Pause() { j.setPaused(true) }

// Resume ends Pause.
func (j *Job) Resume() { j.setPaused(false) }

func (j *Job) setPaused(paused bool) {
	if of, settles := j.paused(paused); settles {
		j.settle(of)
	}
}

// paused pauses or resumes, and tells whether there is something to settle.
func (j *Job) paused(paused bool) (of *seat, settles bool) {
	s := &j.state
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.paused == paused {
		return nil, false
	}
	s.paused = paused
	j.recall()
	if paused {
		j.giveUp(time.Now())
		s.next, s.blocked = time.Time{}, false
	} else {
		j.passOver(time.Now())
	}
	if s.seat != nil {
		s.seat.rota.plan(s.seat)
		j.goOn()
	}
	return s.seat, j.unsettled()
}

// giveUp misses the times that have passed when a pause begins. The caller holds the lock.
func (j *Job) giveUp(now time.Time) {
	s := &j.state
	if s.last.IsZero() || j.Schedule == nil {
		return
	}
	if s.next.IsZero() {
		s.next = j.Schedule.Next(s.last)
	}
	if s.next.IsZero() || s.next.After(now) {
		return
	}
	p := j.pass(now)
	j.miss(p.n, p.times, true)
	j.remember()
}

// passOver lets the times go that have passed during a pause. Those of Every keep their distance from when the job
// began. The caller holds the lock.
func (j *Job) passOver(now time.Time) {
	s := &j.state
	if s.last.IsZero() || j.Schedule == nil {
		return
	}
	s.last, _ = latest(j.Schedule, s.last, now)
	j.remember()
}

// Cancel ends the ctx of every run under way, with the cause ErrCancelled, and tells how many there were. It
// waits for none of them. A run that ends by that has been cancelled, which is no failure.
func (j *Job) Cancel() int {
	j.state.mu.Lock()
	defer j.state.mu.Unlock()
	for _, run := range j.state.active {
		run.cancel(ErrCancelled)
	}
	return len(j.state.active)
}
