package main

import (
	"sync/atomic"
	"time"
)

// lateness is how late the runs of jobs began that are due once in each period, of those that were due while
// it was looked at.
type lateness struct {
	start  time.Time // of the grid on which all jobs are due
	period time.Duration
	first  int64 // period of those that are looked at
	count  int64 // of those
	jobs   []tardy
}

// mostLooks is the most periods that can be looked at.
const mostLooks = 12

// tardy is one job. What its runs note lies together, so that the noting, which all sides pay for, is cheap.
type tardy struct {
	phase time.Duration           // in the period
	last  atomic.Int64            // the last period that it has run in
	late  [mostLooks]atomic.Int32 // by how much, in tardiness; 0: it did not run
}

const tardiness = 100 * time.Nanosecond

// newLateness looks for a time at those that are due after another, and begins when there was time to add all jobs.
func newLateness(n int, after, look, period time.Duration) *lateness {
	return &lateness{
		start:  time.Now().Add(period + time.Duration(n)*50*time.Microsecond),
		period: period, first: int64(after / period), count: min(mostLooks, int64(look/period)),
		jobs: make([]tardy, n),
	}
}

// at is when a job is due first.
func (l *lateness) at(i int) time.Time { return l.start.Add(l.jobs[i].phase) }

// note: the i-th job runs. The run is for the first of its times since the run before, so what a side left out
// in between is not found in its lateness, but in the number of runs.
func (l *lateness) note(i int) {
	job := &l.jobs[i]
	since := time.Since(l.start) - job.phase
	if since < 0 {
		return
	}
	now := int64(since/l.period) + 1 // from 1: so that it has not run yet is 0
	before := job.last.Swap(now)
	if before >= now {
		return // it runs twice
	}
	due := before
	if before == 0 { // it has been due all the time
		due = min(now-1, l.first)
	}
	if k := due - l.first; k >= 0 && k < l.count {
		late := since - time.Duration(due)*l.period
		job.late[k].Store(int32(max(1, late/tardiness)))
	}
}

// all is the lateness of every run, in seconds.
func (l *lateness) all() []float64 {
	var out []float64
	for i := range l.jobs {
		for k := range l.count {
			if d := l.jobs[i].late[k].Load(); d > 0 {
				out = append(out, (time.Duration(d) * tardiness).Seconds())
			}
		}
	}
	return out
}
