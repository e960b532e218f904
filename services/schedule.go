package services

import (
	"fmt"
	"time"
)

// Schedule says when a Job is to run: [Every], [EveryFrom], [Cron], [At], any of them [AtOnce], or a type of
// your own. It may be shared by several jobs, so Next changes nothing.
type Schedule interface {
	// Next is the first time of the schedule later than after; the zero time when there is none.
	// A Job calls it with the time at which it first began, and from then on with the time it got last.
	Next(after time.Time) time.Time
}

// AtOnce is s with one more time before it: the moment at which the job begins. What a job has to do when
// the program starts, and then every night, is AtOnce of every night.
//
// A job that is restarted goes on in its schedule and does not run at once again, nor does one whose StateFile
// tells that it has run before. The first time is something between a Job and AtOnce: a schedule has no memory
// and cannot tell who asks it for the first time, so Next is that of s. It panics if s is nil.
func AtOnce(s Schedule) Schedule {
	if s == nil {
		panic("services.AtOnce: the schedule is nil")
	}
	return atOnce{s}
}

type atOnce struct{ then Schedule }

func (a atOnce) Next(after time.Time) time.Time { return a.then.Next(after) }

func (a atOnce) latest(after, now time.Time) (time.Time, int) { return latest(a.then, after, now) }

func (a atOnce) String() string {
	if s, ok := a.then.(fmt.Stringer); ok {
		return "at once, then " + s.String()
	}
	return "at once, then by schedule"
}

// first is the first time for a job that began at the time given, which AtOnce makes that time itself;
// zero when there is none.
func first(s Schedule, began time.Time) time.Time {
	if _, ok := s.(atOnce); ok {
		return began
	}
	return s.Next(began)
}

// mostCounted bounds how many passed times of a schedule are looked at one by one.
const mostCounted = 10_000

// hindsight is a schedule that finds its passed times faster than by asking for one after the other.
type hindsight interface {
	// latest is the last time of the schedule that is later than after and not later than now, and how
	// many there are; after itself and 0 when there is none.
	latest(after, now time.Time) (last time.Time, passed int)
}

// latest is hindsight for any schedule, in some 10,000 calls of Next at most. A count of mostCounted
// therefore means that many or more; the last time is right all the same. A schedule whose Next
// is not later than it was asked for is left at that time, for the caller to find out.
func latest(s Schedule, after, now time.Time) (last time.Time, passed int) {
	if h, ok := s.(hindsight); ok {
		return h.latest(after, now)
	}
	last = after
	for passed < mostCounted {
		next := s.Next(last)
		if next.IsZero() || next.After(now) || !next.After(last) {
			return last, passed
		}
		last = next
		passed++
	}
	return bisect(s, last, now), passed
}

// bisect is the last time of the schedule that is not later than now, given one that is not, either.
func bisect(s Schedule, last, now time.Time) time.Time {
	end := now // nothing is between it and now
	for end.Sub(last) > 1 {
		middle := last.Add(end.Sub(last) / 2)
		next := s.Next(middle)
		switch {
		case next.IsZero() || next.After(now):
			end = middle
		case next.After(middle):
			last = next
		default:
			return last // it breaks the law of Next, and would keep us here
		}
	}
	return last
}
