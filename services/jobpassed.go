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
	p := passed{n: 1 + more, times: []time.Time{last}}
	if keep == 1 {
		return p
	}
	begin, isFirst := first, true
	if _, quick := s.(hindsight); quick && more >= keep || more >= mostCounted {
		begin, isFirst = lookBack(s, first, last, time.Second)
	}
	for back := 2 * time.Second; ; back *= 2 {
		p.times = between(s, begin, last, keep)
		if len(p.times) >= keep || isFirst {
			return p
		}
		begin, isFirst = lookBack(s, first, last, back)
	}
}

// lookBack is the last time of a schedule that is further back than that, or else the first.
func lookBack(s Schedule, first, last time.Time, back time.Duration) (begin time.Time, isFirst bool) {
	to := last.Add(-back)
	if back <= 0 || !to.After(first) {
		return first, true
	}
	if a, ok := s.(atOnce); ok {
		s = a.then
	}
	if h, ok := s.(hindsight); ok {
		begin, _ = h.latest(first, to)
	} else {
		begin = bisect(s, first, to)
	}
	return begin, begin.Equal(first)
}

// between is the times of a schedule from one to another of them, the latest ones.
func between(s Schedule, from, to time.Time, keep int) []time.Time {
	times := []time.Time{from}
	for t := s.Next(from); t.After(from) && !t.After(to); t = s.Next(t) {
		if from = t; len(times) >= 2*keep {
			times = append(times[:0], times[len(times)-keep:]...)
		}
		times = append(times, t)
	}
	return times[max(0, len(times)-keep):]
}
