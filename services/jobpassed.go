package services

import "time"

// passed is what has passed of a schedule.
type passed struct {
	n     int         // how many
	times []time.Time // the latest of them, in order; one at least
}

// manyPassed is how many are counted one by one.
const manyPassed = 100_000

// passedTimes is the times of a schedule from first on that have passed, when first has. keep is how many of the latest are
// wanted.
func passedTimes(s Schedule, first, now time.Time, keep int) passed {
	p := passed{n: 1, times: []time.Time{first}}
	if e, ok := s.(every); ok {
		if skipped := e.skip(first, now.Add(-time.Duration(keep)*time.Duration(e))); skipped.After(first) {
			p.n += int(skipped.Sub(first) / time.Duration(e))
			p.times[0] = skipped
		}
	}
	for range manyPassed {
		next := s.Next(p.times[len(p.times)-1])
		if next.IsZero() || next.After(now) || !next.After(p.times[len(p.times)-1]) {
			break
		}
		p.n++
		if len(p.times) == keep {
			p.times = p.times[:copy(p.times, p.times[1:])]
		}
		p.times = append(p.times, next)
	}
	return p
}
