package services

import "time"

// jobHeap is jobs by the time at which each is to begin, the earliest first: a binary heap, as container/heap has
// it, but one that neither boxes its elements nor takes one out to put it in again. Jobs that have no further
// time are kept beside it, because they may still have runs under way.
type jobHeap struct {
	heap []*seat
	idle map[*seat]struct{}
}

// first is the one that is to begin next, or nil.
func (h *jobHeap) first() *seat {
	if len(h.heap) == 0 {
		return nil
	}
	return h.heap[0]
}

// set gives a seat its next time; at the zero time it is idle.
func (h *jobHeap) set(s *seat, at time.Time) {
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
		h.heap = append(h.heap, s)
		s.place = len(h.heap)
	}
	h.up(s)
	h.down(s)
}

// forget takes a seat out.
func (h *jobHeap) forget(s *seat) {
	delete(h.idle, s)
	if s.place == 0 {
		return
	}
	moved := h.heap[len(h.heap)-1]
	h.put(s.place, moved)
	h.heap[len(h.heap)-1] = nil
	h.heap = h.heap[:len(h.heap)-1]
	s.place = 0
	if moved != s {
		h.up(moved)
		h.down(moved)
	}
}

// put sits a seat at a place, counted from 1, so that those below i are at 2i and 2i+1.
func (h *jobHeap) put(place int, s *seat) {
	h.heap[place-1] = s
	s.place = place
}

func (h *jobHeap) up(s *seat) {
	place := s.place
	for place > 1 && s.at.Before(h.heap[place/2-1].at) {
		h.put(place, h.heap[place/2-1])
		place /= 2
	}
	h.put(place, s)
}

func (h *jobHeap) down(s *seat) {
	place := s.place
	for 2*place <= len(h.heap) {
		below := 2 * place
		if below < len(h.heap) && h.heap[below].at.Before(h.heap[below-1].at) {
			below++
		}
		if !h.heap[below-1].at.Before(s.at) {
			break
		}
		h.put(place, h.heap[below-1])
		place = below
	}
	h.put(place, s)
}

// seats are all of them.
func (h *jobHeap) seats() []*seat {
	all := append(make([]*seat, 0, len(h.heap)+len(h.idle)), h.heap...)
	for s := range h.idle {
		all = append(all, s)
	}
	return all
}
