package services

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// connState is the state of a connection, as net/http tells it, and that it is gone for good.
type connState struct{ atomic.Int32 }

const stateGone = int32(http.StateClosed) + 1

func (s *connState) gone() { s.Store(stateGone) }

// conns are the connections of one run, from Accept until they are closed, by net/http or by whoever
// hijacked them.
type conns struct {
	mu   sync.Mutex
	open map[*track]net.Conn

	handled sync.WaitGroup // those that net/http has a goroutine with
}

// note is http.Server.ConnState. It is told of StateNew by the accept loop, so handled never grows once
// that has ended; and in the order of the states of a connection.
func (c *conns) note(nc net.Conn, state http.ConnState) {
	t := trackOf(nc)
	if t == nil {
		return
	}
	switch state {
	case http.StateNew:
		c.handled.Add(1)
		c.add(t, nc)
	case http.StateClosed:
		c.handled.Done()
		c.remove(t)
		return
	case http.StateHijacked:
		c.handled.Done()
	case http.StateIdle:
		t.stage.CompareAndSwap(afterBody, betweenTwo)
	case http.StateActive:
	}
	if t.state.Load() != stateGone {
		t.state.Store(int32(state))
	}
}

func (c *conns) add(t *track, nc net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		c.open = map[*track]net.Conn{}
	}
	c.open[t] = nc
}

func (c *conns) remove(t *track) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, t)
}

// each calls f for every connection that is not gone.
func (c *conns) each(f func(t *track, nc net.Conn, state http.ConnState)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for t, nc := range c.open {
		if state := t.state.Load(); state == stateGone {
			delete(c.open, t) // hijacked, and then closed
		} else {
			f(t, nc, http.ConnState(state))
		}
	}
}

func (c *conns) count() (n int) {
	c.each(func(*track, net.Conn, http.ConnState) { n++ })
	return n
}

// look is how often httpRun.settle looks. net/http tells of no end of a hijacked connection, and none of this is
// worth a channel for each request.
const look = 5 * time.Millisecond

// slowStart is how long a connection may take to send the first header, and one whose next header has begun the rest of
// that, before it counts as idle.
const slowStart = 5 * time.Second

// busy tells whether there is something to wait for. idle has since when a connection was seen without a request.
func (c *conns) busy(idle map[*track]time.Time, now time.Time, keepIdle time.Duration) (busy bool) {
	c.each(func(t *track, _ net.Conn, state http.ConnState) {
		busy = !t.isIdle(state, idle, now, keepIdle) || busy
	})
	return busy
}

// isIdle tells whether a connection has been without a request for so long. idle is as for busy.
func (t *track) isIdle(state http.ConnState, idle map[*track]time.Time, now time.Time, keepIdle time.Duration) bool {
	if state != http.StateNew && state != http.StateIdle {
		delete(idle, t)
		return false
	}
	if idle[t].IsZero() || t.stage.CompareAndSwap(nextBegun, nextNoticed) {
		idle[t] = now
	}
	switch {
	case state == http.StateNew && now.Sub(t.since) < slowStart:
		return false
	case t.stage.Load() == nextNoticed:
		return now.Sub(idle[t]) >= slowStart
	default:
		return now.Sub(idle[t]) >= keepIdle
	}
}

// closeIdle closes the connections that have been idle for so long, and are not new. idle is as for busy.
func (c *conns) closeIdle(idle map[*track]time.Time, now time.Time, keepIdle time.Duration) {
	var old []net.Conn
	c.each(func(t *track, nc net.Conn, state http.ConnState) {
		if t.isIdle(state, idle, now, keepIdle) && state == http.StateIdle {
			old = append(old, nc)
		}
	})
	for _, nc := range old {
		_ = nc.Close()
	}
}

// closeHijacked closes the connections that net/http no longer closes, and tells how many no handler is at.
func (c *conns) closeHijacked() (n int64) {
	var hijacked []net.Conn
	c.each(func(t *track, nc net.Conn, state http.ConnState) {
		if state == http.StateHijacked {
			hijacked = append(hijacked, nc)
			if t.stage.Load() != atHandler {
				n++
			}
		}
	})
	for _, nc := range hijacked {
		_ = nc.Close()
	}
	return n
}
