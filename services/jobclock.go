package services

import (
	"log/slog"
	"time"
)

// What a job does when the clock on the wall was set back. Times of a plain Every have a reading of the monotonic clock, and
// know nothing of that; all others would wait until the clock shows the last of them again.

// repeated is by how much a clock may be set back that does not make a job whose schedule names times of the clock run again for
// those that come twice. It is the bound that cron(8) of Debian has: more is a clock that was wrong.
const repeated = 3 * time.Hour

// setBack plans a job anew from now when the last of its times is too far ahead to wait for. The caller holds the lock.
func (j *Job) setBack(now time.Time) {
	s := &j.state
	ahead := s.last.Sub(now)
	if ahead <= missedAfter || ahead <= repeated && !isElapsed(j.Schedule) {
		return
	}
	s.last = now
	s.notes = append(s.notes, jobNote{slog.LevelWarn, "job planned anew, as the clock was set back", []slog.Attr{slog.Duration("by", ahead)}})
	j.remember()
}

// isElapsed tells whether a schedule is about real time, not about the clock on the wall.
func isElapsed(s Schedule) bool {
	switch s := s.(type) {
	case every, everyFrom:
		return true
	case atOnce:
		return isElapsed(s.then)
	case *crontab:
		return s.everyHour()
	default:
		return false
	}
}

// present is a time as the clock on the wall shows it that may have been set since.
func present(t time.Time) time.Time {
	if t == t.Round(0) { //nolint:staticcheck // not Equal: it has no reading of the monotonic clock, so it is of the wall already
		return t
	}
	now := time.Now()
	return now.Add(t.Sub(now))
}
