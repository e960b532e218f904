package services

import "time"

// passed is what has passed of a schedule.
type passed struct {
	n     int         // how many
	times []time.Time // the latest of them, in order; one at least
}

// passedTimes is the times of a schedule from first on that have passed by now, when first has. keep is how many of
// the latest are wanted.
func passedTimes(s Schedule, first, now time.Time, keep int) passed {
	last, more := latest(s, first, now)
	p := passed{n: 1 + more}
	if keep == 1 {
		p.times = []time.Time{last}
		return p
	}
	begin := first
	if more >= keep { // far enough back that there are enough, guessed by their distance on average
		begin, _ = latest(s, first, now.Add(-now.Sub(first)/time.Duration(more)*time.Duration(2*keep)))
	}
	p.times = []time.Time{begin}
	for t := begin; ; {
		next := s.Next(t)
		if next.IsZero() || next.After(now) || !next.After(t) {
			break
		}
		t = next
		p.times = append(p.times, t)
	}
	p.times = p.times[max(0, len(p.times)-keep):]
	return p
}
