package supervise

import "time"

// remembered is how many restarts are kept of a child whose policy has no limit, or a lower one: a
// limit that is set later counts them.
const remembered = 256

// history is the times of the latest restarts, a ring that grows as it must.
type history struct {
	times []time.Time
	first int
	count int
}

// add notes a restart. When there are as many as may ever count, the oldest goes. Of those that are older
// than the window some stay: the window may become longer.
func (h *history) add(now time.Time, p *Policy) {
	most := max(p.MaxRestarts, remembered)
	for h.count > remembered && now.Sub(h.latest(h.count)) >= p.Window {
		h.drop()
	}
	switch {
	case h.count < len(h.times):
	case h.count < most:
		h.grow(most)
	default:
		h.drop()
	}
	h.times[(h.first+h.count)%len(h.times)] = now
	h.count++
}

func (h *history) drop() {
	h.first = (h.first + 1) % len(h.times)
	h.count--
}

func (h *history) grow(most int) {
	larger := make([]time.Time, min(most, max(4, 2*len(h.times))))
	n := copy(larger, h.times[h.first:])
	copy(larger[n:], h.times[:h.first])
	h.times, h.first = larger, 0
}

// full tells whether one more restart would be more than the policy allows.
func (h *history) full(now time.Time, p *Policy) bool {
	switch n := p.MaxRestarts; {
	case n == 0:
		return false
	case n < 0:
		return true
	case h.count < n:
		return false
	default:
		return now.Sub(h.latest(n)) < p.Window
	}
}

// latest is the time of the nth restart, from 1, back from now.
func (h *history) latest(n int) time.Time {
	return h.times[(h.first+h.count-n)%len(h.times)]
}

// within is how many restarts were made within the window.
func (h *history) within(now time.Time, window time.Duration) int {
	n := 0
	for n < h.count && now.Sub(h.latest(n+1)) < window {
		n++
	}
	return n
}
