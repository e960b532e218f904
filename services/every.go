package services

import (
	"fmt"
	"math"
	"time"
)

// Every is a schedule of fixed distance: interval after the job first began, and so on from there. It
// does not drift, however long the runs take. It panics unless interval is positive.
//
// It is about elapsed time, not about the clock on the wall; for that there is [Cron].
func Every(interval time.Duration) Schedule {
	if interval <= 0 {
		panic(fmt.Sprintf("services.Every: interval %s is not positive", interval))
	}
	return every(interval)
}

type every time.Duration

func (e every) Next(after time.Time) time.Time { return after.Add(time.Duration(e)) }

func (e every) latest(after, now time.Time) (time.Time, int) {
	return stride(after, now, time.Duration(e))
}

func (e every) String() string { return "every " + time.Duration(e).String() }

// EveryFrom is a schedule of fixed distance that is the same for every job, and after every restart: anchor,
// interval after it, and so on. It has no time before anchor; one that is long past makes it a
// mere reference, as in every 15 minutes, on the quarter hour. It panics unless interval is positive.
//
// It is about elapsed time: 24 hours are not always a day. For that there is [Cron].
func EveryFrom(anchor time.Time, interval time.Duration) Schedule {
	if interval <= 0 {
		panic(fmt.Sprintf("services.EveryFrom: interval %s is not positive", interval))
	}
	// Without its reading of the monotonic clock, or the times would depend on when the clock was set last.
	return everyFrom{anchor.Round(0), interval}
}

type everyFrom struct {
	anchor   time.Time
	interval time.Duration
}

func (e everyFrom) Next(after time.Time) time.Time {
	after = after.Round(0)
	if after.Before(e.anchor) {
		return e.anchor
	}
	return e.floor(after).Add(e.interval).In(e.anchor.Location())
}

// floor is the last time of the schedule that is not later than t, if anchor is not later.
func (e everyFrom) floor(t time.Time) time.Time {
	// By Truncate, because a Duration holds no more than 292 years from the anchor.
	phase := t.Sub(t.Truncate(e.interval)) - e.anchor.Sub(e.anchor.Truncate(e.interval))
	if phase < 0 {
		phase += e.interval
	}
	return t.Add(-phase)
}

func (e everyFrom) latest(after, now time.Time) (time.Time, int) {
	from := e.anchor.Add(-e.interval)
	if !after.Before(e.anchor) {
		from = e.floor(after.Round(0))
	}
	last, passed := stride(from, now.Round(0), e.interval)
	if passed == 0 {
		return after, 0
	}
	return last.In(e.anchor.Location()), passed
}

func (e everyFrom) String() string {
	return fmt.Sprintf("every %s from %s", e.interval, e.anchor.Format(time.RFC3339Nano))
}

// stride goes on from a time as far as whole intervals lead without passing another, and counts them.
func stride(from, to time.Time, interval time.Duration) (last time.Time, steps int) {
	// More than once only where Sub is at its limit, 292 years.
	for gap := to.Sub(from); gap >= interval; gap = to.Sub(from) {
		n := gap / interval
		from = from.Add(n * interval)
		if int64(n) > int64(math.MaxInt-steps) {
			n = time.Duration(math.MaxInt - steps)
		}
		steps += int(n)
	}
	return from, steps
}
