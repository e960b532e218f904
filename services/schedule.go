package services

import (
	"fmt"
	"time"
)

// Schedule says when a Job is to run. It may be shared by several jobs.
type Schedule interface {
	// Next is the first time of the schedule later than after; the zero time when there is none.
	// A Job calls it with the time at which it began, and from then on with the time it got last.
	Next(after time.Time) time.Time
}

// Every is a schedule of fixed distance: interval after the job began, and so on from there. It
// does not drift, however long the runs take. It panics unless interval is positive.
func Every(interval time.Duration) Schedule {
	if interval <= 0 {
		panic(fmt.Sprintf("services.Every: interval %s is not positive", interval))
	}
	return every(interval)
}

type every time.Duration

func (e every) Next(after time.Time) time.Time { return after.Add(time.Duration(e)) }

// skip is the last time of the schedule that has passed, or last if there is none: a short interval
// must not be walked through.
func (e every) skip(last, now time.Time) time.Time {
	if passed := now.Sub(last); passed > 0 {
		return last.Add(passed - passed%time.Duration(e))
	}
	return last
}

func (e every) String() string { return "every " + time.Duration(e).String() }
