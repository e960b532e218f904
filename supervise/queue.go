package supervise

import (
	"sync"
	"time"
)

const (
	queueSize = 4096
	patience  = time.Second // for one call of an observer, at the end
)

// queue takes events from the tree and gives them to the observer, in order and one at a time. It
// never makes the tree wait: when it is full, the oldest event goes.
type queue struct {
	observe func(Event)
	done    chan struct{} // closed when deliver has returned
	more    chan struct{} // holds a token when there is something new

	mu      sync.Mutex
	events  []Event // a ring
	first   int
	count   int
	dropped int
	closed  bool
	calling time.Time // since when the observer is at work; zero: it is not
}

func newQueue(observe func(Event)) *queue {
	return &queue{observe: observe, done: make(chan struct{}), more: make(chan struct{}, 1)}
}

// push adds an event. On a nil queue it does nothing.
func (q *queue) push(e Event) {
	if q == nil {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.count == len(q.events) {
		q.grow()
	}
	if q.count == len(q.events) {
		q.first = (q.first + 1) % len(q.events)
		q.count--
		q.dropped++
	}
	q.events[(q.first+q.count)%len(q.events)] = e
	q.count++
	q.hint()
}

// grow makes room, up to queueSize.
func (q *queue) grow() {
	if len(q.events) == queueSize {
		return
	}
	larger := make([]Event, min(queueSize, max(16, 2*len(q.events))))
	n := copy(larger, q.events[q.first:])
	copy(larger[n:], q.events[:q.first])
	q.events, q.first = larger, 0
}

func (q *queue) hint() {
	select {
	case q.more <- struct{}{}:
	default:
	}
}

// deliver calls the observer until the queue is closed and empty, or the observer ends the
// goroutine by Goexit.
func (q *queue) deliver() {
	defer close(q.done)
	for range q.more {
		for {
			e, ok := q.pop()
			if !ok {
				break
			}
			q.call(e)
		}
		if q.ended() {
			return
		}
	}
}

func (q *queue) pop() (Event, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.calling = time.Time{}
	if q.count == 0 {
		return Event{}, false
	}
	e := q.events[q.first]
	q.events[q.first] = Event{} // let go of its error
	q.first = (q.first + 1) % len(q.events)
	q.count--
	e.Dropped, q.dropped = q.dropped, 0
	q.calling = time.Now()
	return e, true
}

// call survives an observer that panics: it is told of the next event all the same.
func (q *queue) call(e Event) {
	defer func() { _ = recover() }()
	q.observe(e)
}

func (q *queue) ended() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed && q.count == 0
}

// drain waits until everything is delivered, but not for a single call longer than patience.
func (q *queue) drain() {
	q.mu.Lock()
	q.closed = true
	q.hint()
	q.mu.Unlock()
	for {
		left := q.left()
		if left <= 0 {
			q.abandon()
			return
		}
		timer := time.NewTimer(left)
		select {
		case <-q.done:
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// abandon makes an observer that blocks the last thing that deliver waits for.
func (q *queue) abandon() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.events, q.count = nil, 0
}

// left is how long the present call may still take.
func (q *queue) left() time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.calling.IsZero() {
		return patience
	}
	return patience - time.Since(q.calling)
}
