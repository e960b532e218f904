package services

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"tend.example/tend/supervise"
)

// What happens to a job at its times. Each method takes the lock of the job, but for those that say that the
// caller holds it.

// join puts the job into a rota.
func (j *Job) join(r *rota, name string) error {
	s := &j.state
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seat != nil {
		return errors.New("the job is served already")
	}
	s.seat = &seat{job: j, name: name, rota: r, values: labelled(r.ctx, name)}
	if r.ends {
		s.finished = nil // somebody has started it again
	}
	r.plan(s.seat)
	return nil
}

// leave takes it out. Runs under way go on.
func (j *Job) leave() {
	if s := j.left(); s != nil {
		j.settle(s)
	}
}

// left is the seat that it had, if there is anything to settle.
func (j *Job) left() *seat {
	s := &j.state
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.seat
	if old != nil {
		old.rota.plan(old)
	}
	if j.turnAway(); old != nil && s.paused {
		j.passOver(time.Now()) // or the next program would take the pause for a downtime
	}
	s.seat = nil
	if old == nil || !j.unsettled() {
		return nil
	}
	return old
}

// turnAway answers who waits for a run that will not begin; one of the schedule that waits is missed. What is to be
// made up for remains, for when the job is served again. The caller holds the lock.
func (j *Job) turnAway() {
	s := &j.state
	s.blocked = false
	run := s.queued
	if s.queued = nil; run == nil {
		return
	}
	if run.done != nil {
		run.done <- JobRun{Err: supervise.ErrNotServing}
		return
	}
	s.counts.Missed++
	switch {
	case j.Missed == MissedAll:
		s.backlog = slices.Insert(s.backlog, 0, run.record.Scheduled) // it is older
		s.backlog = s.backlog[max(0, len(s.backlog)-j.maxMissed()):]
	case j.Missed == MissedOnce && len(s.backlog) == 0:
		s.backlog = append(s.backlog, s.last) // it would have made up for those after it
	}
}

// planned is when the job is to begin next, after it has joined or was paused or resumed; zero: not by itself. It stays
// unless it has left that seat.
func (j *Job) planned(seat *seat, now time.Time) (at time.Time, stays bool) {
	s := &j.state
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seat != seat { // runs under way may have to be cut short
		return time.Time{}, slices.ContainsFunc(s.active, func(run *jobRun) bool { return run.seat == seat })
	}
	if s.paused || s.blocked || s.finished != nil {
		return time.Time{}, true
	}
	defer func() {
		if j.unsettled() {
			seat.rota.fresh = append(seat.rota.fresh, j.errand())
		}
	}()
	j.recall()
	j.setBack(now)
	j.goOn()
	if s.last.IsZero() {
		s.last = now
		j.remember()
		return j.given(first(j.Schedule, now), now), true
	}
	return j.follow(now), true
}

// follow finds the next time. The caller holds the lock.
func (j *Job) follow(now time.Time) time.Time {
	return j.given(j.Schedule.Next(j.state.last), now)
}

// given checks what the schedule has given as the time after the last. The caller holds the lock.
func (j *Job) given(next, now time.Time) time.Time {
	s := &j.state
	if _, ok := j.Schedule.(atOnce); !ok && !next.IsZero() && !next.After(s.last) {
		s.seat.rota.fail(fmt.Errorf("schedule: the time after %s is given as %s, which is not later", s.last, next), errItsFailed)
		next = time.Time{}
	}
	return j.fires(next, now)
}

// fires sets the next time, and tells when its run is to begin. The caller holds the lock.
func (j *Job) fires(next, now time.Time) time.Time {
	j.state.next = next
	if j.Jitter > 0 && next.After(now) {
		return next.Add(rand.N(j.Jitter))
	}
	return next
}

// due is what the time has come for, and tells when the job is due again; zero: not before a run ends. The caller has to
// have the run done, if there is one.
func (j *Job) due(now time.Time) (at time.Time, run *jobRun) {
	s := &j.state
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.seat == nil, s.paused, s.finished != nil:
		return time.Time{}, nil
	case len(s.active) >= j.places():
		s.blocked = true // a short interval is not to be walked through
		return time.Time{}, nil
	}
	next := j.Schedule.Next(s.next)
	if late := now.Sub(s.next) > missedAfter+j.Jitter; !late && len(s.backlog) == 0 && (next.IsZero() || next.After(now)) {
		s.last = s.next
		run = j.newRun(s.last, nil)
	} else {
		run = j.catchUp(now)
		next = j.Schedule.Next(s.last)
	}
	j.remember()
	if run != nil {
		run = j.entered(run, now)
	} else if j.unsettled() {
		run = j.errand()
	}
	return j.given(next, now), run
}

// catchUp is due when more has passed than one time, or that long ago. The caller holds the lock.
func (j *Job) catchUp(now time.Time) *jobRun {
	s := &j.state
	p := j.pass(now)
	newest := p.times[len(p.times)-1:]
	if now.Sub(s.last) > missedAfter+j.Jitter {
		j.miss(p.n, p.times, true)
		return nil
	}
	j.miss(p.n-1, p.times[:len(p.times)-1], false)
	if len(s.backlog) > 0 || len(s.active) >= j.places() { // those come first
		j.miss(1, newest, true)
		return nil
	}
	return j.newRun(s.last, nil)
}

// unblock deals with the times that came while there was no room. The caller holds the lock.
func (j *Job) unblock(now time.Time) {
	s := &j.state
	first := s.next
	p := j.pass(now)
	s.blocked = false
	if j.Overlap == Queue && s.queued == nil && len(s.backlog) == 0 {
		s.queued = j.newRun(first, nil)
		if p.n == len(p.times) { // the first is among the latest
			p.times = p.times[1:]
		}
		j.miss(p.n-1, p.times, false)
	} else {
		j.miss(p.n, p.times, true)
	}
	j.remember()
	s.seat.rota.plan(s.seat)
}

// pass goes over what has passed of the schedule, as far as it is needed. The caller holds the lock.
func (j *Job) pass(now time.Time) passed {
	keep := 1
	if j.Missed == MissedAll {
		keep = j.maxMissed() + 1
	}
	s := &j.state
	p := passedTimes(j.Schedule, s.next, now, keep)
	s.last = p.times[len(p.times)-1]
	return p
}

// places is how many runs there may be at a time.
func (j *Job) places() int {
	switch {
	case j.Overlap != Parallel:
		return 1
	case j.Parallel > 0:
		return j.Parallel
	default:
		return defaultParallel
	}
}

func (j *Job) maxMissed() int {
	if j.MaxMissed > 0 {
		return min(j.MaxMissed, mostCounted)
	}
	return defaultMaxMissed
}

// miss counts times that have no run when they should, of which times are the latest, and makes up for them as Missed
// says. alone tells that no later time has a run that makes up for them. The caller holds the lock.
func (j *Job) miss(n int, times []time.Time, alone bool) {
	if n == 0 {
		return
	}
	s := &j.state
	s.counts.Missed += n
	s.notes = append(s.notes, jobNote{slog.LevelInfo, "job missed times", []slog.Attr{slog.Int("missed", n)}})
	switch j.Missed {
	case MissedSkip:
	case MissedOnce:
		if alone {
			s.backlog = append(s.backlog[:0], times[len(times)-1])
		}
	case MissedAll:
		s.backlog = append(s.backlog, times...)
		s.backlog = s.backlog[max(0, len(s.backlog)-j.maxMissed()):]
	}
	j.goOn()
}

// goOn begins what waits, as far as there is room. The caller holds the lock.
func (j *Job) goOn() {
	s := &j.state
	for s.seat != nil && len(s.active) < j.places() {
		switch {
		case s.queued != nil:
			if !j.launch(s.queued) {
				return
			}
			if s.queued.done == nil {
				s.dealt = s.queued.record.Scheduled
			}
			s.queued = nil
		case len(s.backlog) > 0 && !s.paused:
			if !j.launch(j.newRun(s.backlog[0], nil)) {
				return
			}
			s.dealt, s.backlog = s.backlog[0], s.backlog[1:]
			s.counts.MadeUp++
		default:
			return
		}
		j.remember()
	}
}

func (j *Job) newRun(t time.Time, done chan<- JobRun) *jobRun {
	return &jobRun{record: JobRun{Scheduled: present(t), Triggered: done != nil}, job: j, seat: j.state.seat, done: done}
}

// launch has a run done, unless none is to begin any more. The caller holds the lock.
func (j *Job) launch(run *jobRun) bool {
	s := &j.state
	if run.seat.rota.begin(j.entered(run, time.Now())) {
		return true
	}
	run.cancel(nil)
	s.active = s.active[:len(s.active)-1]
	s.lastID--
	return false
}

// entered gives a run its number and its ctx. The caller holds the lock.
func (j *Job) entered(run *jobRun, now time.Time) *jobRun {
	s := &j.state
	s.lastID++
	run.record.ID, run.record.Started, run.record.Attempts = s.lastID, now, 1
	run.Context, run.cancel = context.WithCancelCause(run.seat.values)
	run.settles = run.done == nil && j.StateFile != "" || j.unsettled()
	s.active = append(s.active, run)
	return run
}

// isDone tells whether nothing is to be expected of a job that has no next time.
func (j *Job) isDone() bool {
	j.state.mu.Lock()
	defer j.state.mu.Unlock()
	return (!j.state.paused || j.state.finished != nil) && !j.state.blocked && len(j.state.active) == 0
}
