package services

import (
	"context"
	"time"
)

// closeDoor keeps newcomers out, lets in who has been at the door, and closes it and the socket: from then on
// clients are refused.
func (r *httpRun) closeDoor(stop context.Context) error {
	h := r.http
	h.socket.sockets.awaitPassed(stop)
	if h.socket.goesOn() {
		_ = r.door.Close() // what it would say, ended says
		<-r.ended
		return h.socket.close()
	}
	lent := h.Listener != nil
	barred := !lent && h.socket.bar()
	if !barred {
		r.awaitQuiet(stop)
		barred = lent && h.socket.bar() // late, as nobody else who accepts from it hears of newcomers meanwhile
	}
	if barred {
		pause(stop, settleFor)
		r.awaitEmpty(stop)
	} else {
		soon, cancel := context.WithTimeout(stop, time.Second) // there may be no end to those who come
		r.awaitEmpty(soon)
		cancel()
	}
	_ = r.door.Close() // what it would say, ended says
	fault := h.socket.close()
	<-r.ended
	return fault
}

// awaitEmpty waits until the queue of the socket is, for a moment.
func (r *httpRun) awaitEmpty(stop context.Context) {
	h, idle := r.http, map[*track]time.Time{}
	for h.socket.waiting() > 0 && stop.Err() == nil {
		r.conns.closeIdle(idle, time.Now(), h.keepIdle()) // they may have the places that are waited for
		pause(stop, time.Millisecond)
	}
}

// awaitQuiet waits until nobody has come for a while, or for a second.
func (r *httpRun) awaitQuiet(stop context.Context) {
	for range 20 {
		before := r.door.accepted.Load()
		pause(stop, settleFor)
		if r.door.accepted.Load() == before {
			return
		}
	}
}
