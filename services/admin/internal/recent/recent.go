// Package recent keeps the last of many things, and wakes those who wait for more.
package recent

import (
	"sync"
	"sync/atomic"
)

// Ring keeps the last things that were added. Its zero value is empty.
type Ring[T any] struct {
	items []T
	first int // of the oldest, once there are as many as there may be
}

// Next is the place of the next thing, which holds what has to go for it, or a zero value. most is how many there
// may be, the same at each call.
func (r *Ring[T]) Next(most int) *T {
	if len(r.items) < most {
		var none T
		r.items = append(r.items, none)
		return &r.items[len(r.items)-1]
	}
	place := &r.items[r.first]
	r.first = (r.first + 1) % most
	return place
}

// Len is how many there are.
func (r *Ring[T]) Len() int { return len(r.items) }

// At is the i-th, the oldest being the first.
func (r *Ring[T]) At(i int) *T { return &r.items[(r.first+i)%len(r.items)] }

// After tells how many of the last of a ring have an ID above id, where IDs count from 1 to last; and whether some
// that have are not in it any more, or there has been no such id.
func (r *Ring[T]) After(id, last uint64) (n int, gap bool) {
	if id > last || last-id > uint64(r.Len()) {
		return r.Len(), true
	}
	return int(last - id), false
}

// Bell wakes those who watch. Its zero value has nobody who does.
type Bell struct {
	watched atomic.Int64 // how many do: who rings where nobody hears it needs no lock

	mu       sync.Mutex
	watchers map[chan struct{}]struct{}
}

// Ring wakes them. It waits for none.
func (b *Bell) Ring() {
	if b.watched.Load() == 0 {
		return // who begins now looks at what there is first
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for woken := range b.watchers {
		select {
		case woken <- struct{}{}:
		default: // it has not looked since the one before
		}
	}
}

// Watch returns what receives when it has rung since the last receive. Who is done with it calls stop. What there is
// already is to be looked at after Watch, and not before.
func (b *Bell) Watch() (woken <-chan struct{}, stop func()) {
	watcher := make(chan struct{}, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.watchers == nil {
		b.watchers = map[chan struct{}]struct{}{}
	}
	b.watchers[watcher] = struct{}{}
	b.watched.Store(int64(len(b.watchers)))
	return watcher, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.watchers, watcher)
		b.watched.Store(int64(len(b.watchers)))
	}
}
