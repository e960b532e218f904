package services

import (
	"math"
	"time"
)

// stretch is a time in which the wall clock of a place runs evenly: from start until before end it
// shows offset seconds more than UTC. The next stretch may have the same offset. Times are Unix times.
type stretch struct{ start, end, offset int64 }

// stretchAt is the stretch in which a moment lies.
func stretchAt(loc *time.Location, sec int64) stretch {
	t := time.Unix(sec, 0).In(loc)
	_, offset := t.Zone()
	start, end := t.ZoneBounds()
	s := stretch{math.MinInt64, math.MaxInt64, int64(offset)}
	if !start.IsZero() {
		s.start = start.Unix()
	}
	if !end.IsZero() {
		s.end = end.Unix()
	}
	if s.end <= sec {
		// Beyond its table Go 1.26 takes every year for one of 365 days, so on the last day of a leap
		// year, in UTC, the end has passed. In truth it is where that day ends.
		s.end = sec - sec%secondsADay + secondsADay
	}
	return s
}

// apart is more than any two wall clocks on earth ever were: 26 hours today.
const apart = 2 * secondsADay

// reached is the first moment at which the wall clock of a place shows a time or a later one.
func reached(loc *time.Location, wall int64) int64 {
	s := stretchAt(loc, wall-apart)
	at := wall - s.offset
	for at >= s.end {
		s = stretchAt(loc, s.end)
		at = max(wall-s.offset, s.start)
	}
	return at
}

// unreached is the first time that the wall clock of a place has not shown until sec, nor any later
// one: after it was put back that is not the second after the one that it shows.
func unreached(loc *time.Location, sec int64) int64 {
	s := stretchAt(loc, sec)
	wall := sec + s.offset + 1
	for s.start > sec-apart {
		start := s.start
		s = stretchAt(loc, start-1)
		wall = max(wall, start+s.offset)
	}
	return wall
}
