package services

import (
	"context"
	"net/http"
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

// turnAway answers those who wait for a run that will not come. ctx is that of the last one.
func (h *HTTP) turnAway(ctx, stop context.Context) error {
	if h.socket.waiting() == 0 {
		return nil
	}
	r, err := h.startRefusing(ctx)
	if err != nil {
		return err
	}
	defer whenRunningOut(stop, r.end)()
	return r.empty(stop)
}

// abandon closes the socket, as no run accepts from it. What it takes to answer who waits is left to the next run.
func (h *HTTP) abandon() {
	if h.socket.isOpen() && !h.socket.goesOn() {
		if r, err := h.startRefusing(h.lastRun); err == nil {
			soon, cancel := context.WithTimeout(context.Background(), time.Second)
			_ = r.closeDoor(soon) // there is nothing to be done about it
			cancel()
			h.leftover.add(r)
		}
	}
	_ = h.socket.close()
}

// startRefusing answers 503 to everybody.
func (h *HTTP) startRefusing(ctx context.Context) (*httpRun, error) {
	certs, err := h.certificates()
	if err != nil {
		return nil, err
	}
	door, err := h.socket.open(ctx, h)
	if err != nil {
		return nil, err
	}
	return h.start(ctx, door, certs.config(h.TLS), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close") // from the first answer on
		http.Error(w, "stopped", http.StatusServiceUnavailable)
	})), nil
}
