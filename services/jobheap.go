package services

import "time"

// jobHeap is jobs by the time at which each is to begin, the earliest first. Jobs that have no further time are kept
// beside it, because they may still have runs under way.
//
// Each place has four below it, and their times lie beside each other in one line of the processor's cache: with a
// hundred thousand jobs most of the time goes into fetching those. A time there is in nanoseconds since base, by
// the monotonic clock; what a schedule gives by the clock on the wall is compared with that when it comes in, and again after
// that clock was set.
type jobHeap struct {
	base time.Time
	step time.Duration // by which the clock on the wall had been set since base when the times came in
	peak time.Duration // the greatest step since jobs were planned anew because it was set back
	heap []placed
	idle map[*seat]struct{}
}

type placed struct {
	at   time.Duration // since base
	seat *seat
}

// clockSet is how far the clock on the wall must have been set to be noticed.
const clockSet = 10 * time.Millisecond

// look finds out whether the clock on the wall was set, and if so, what that means to all times.
func (h *jobHeap) look(now time.Time) {
	set := now.Round(0).Sub(h.base.Round(0)) - now.Sub(h.base)
	if (set - h.step).Abs() < clockSet {
		return
	}
	h.step = set
	for i := range h.heap {
		h.heap[i].at = h.since(h.heap[i].seat.at, now)
	}
	for place := len(h.heap); place > 0; place-- {
		h.down(place, h.heap[place-1])
	}
	h.peak = max(h.peak, set)
}

// setBack tells, once, whether the clock on the wall was set back by more than a minute.
func (h *jobHeap) setBack() bool {
	if h.peak-h.step <= missedAfter {
		return false
	}
	h.peak = h.step
	return true
}

// since is a time of the heap.
func (h *jobHeap) since(at, now time.Time) time.Duration { return at.Sub(now) + now.Sub(h.base) }

func (h *jobHeap) empty() bool { return len(h.heap) == 0 }

// due is the one that is to begin first, if its time has come; or else nil.
func (h *jobHeap) due(now time.Time) *seat {
	for len(h.heap) > 0 && h.heap[0].at <= now.Sub(h.base) {
		s := h.heap[0].seat
		if !s.at.After(now) {
			return s
		}
		h.set(s, s.at, now) // the clock on the wall is a little slow
	}
	return nil
}

// wait is how long nothing will be due.
func (h *jobHeap) wait(now time.Time) time.Duration {
	if len(h.heap) == 0 {
		return longestNap
	}
	return h.heap[0].at - now.Sub(h.base)
}

// set gives a seat its next time; at the zero time it is idle.
func (h *jobHeap) set(s *seat, at, now time.Time) {
	s.at = at
	if at.IsZero() {
		h.forget(s)
		if h.idle == nil {
			h.idle = map[*seat]struct{}{}
		}
		h.idle[s] = struct{}{}
		return
	}
	if s.place == 0 {
		delete(h.idle, s)
		h.heap = append(h.heap, placed{})
		s.place = len(h.heap)
	}
	h.move(s.place, placed{h.since(at, now), s})
}

// forget takes a seat out.
func (h *jobHeap) forget(s *seat) {
	delete(h.idle, s)
	if s.place == 0 {
		return
	}
	last := len(h.heap) - 1
	moved := h.heap[last]
	h.heap[last] = placed{}
	h.heap = h.heap[:last]
	if moved.seat != s {
		h.move(s.place, moved)
	}
	s.place = 0
}

// put sits a seat at a place, counted from 1.
func (h *jobHeap) put(place int, p placed) {
	h.heap[place-1] = p
	p.seat.place = place
}

// move finds the place for a seat, from the one given on.
func (h *jobHeap) move(place int, p placed) {
	for place > 1 {
		above := (place + 2) / 4
		if h.heap[above-1].at <= p.at {
			break
		}
		h.put(place, h.heap[above-1])
		place = above
	}
	h.down(place, p)
}

// down sits a seat at a place, or at one below it. Those below i are at 4i-2 to 4i+1.
func (h *jobHeap) down(place int, p placed) {
	for {
		first := 4*place - 2
		if first > len(h.heap) {
			break
		}
		least := first
		for i := first + 1; i <= min(first+3, len(h.heap)); i++ {
			if h.heap[i-1].at < h.heap[least-1].at {
				least = i
			}
		}
		if h.heap[least-1].at >= p.at {
			break
		}
		h.put(place, h.heap[least-1])
		place = least
	}
	h.put(place, p)
}

// seats are all of them.
func (h *jobHeap) seats() []*seat {
	all := make([]*seat, 0, len(h.heap)+len(h.idle))
	for _, p := range h.heap {
		all = append(all, p.seat)
	}
	for s := range h.idle {
		all = append(all, s)
	}
	return all
}
