package systemd

import "time"

// agenda is when the tree is to be looked at next, and what for: one timer for all of it.
type agenda struct {
	timer    *time.Timer
	watchdog time.Duration // between two pings; 0: none is wanted

	settle, ping, lookout time.Time // when each is due; zero: it is not
}

// newAgenda has a first look due at once.
func newAgenda(watchdog time.Duration) *agenda {
	now := time.Now()
	a := &agenda{timer: time.NewTimer(0), watchdog: watchdog, settle: now, lookout: now.Add(lookout)}
	if watchdog > 0 {
		a.ping = now.Add(watchdog)
	}
	return a
}

// settleWithin wants a look after a time, or before: what goes on happening does not put it off.
func (a *agenda) settleWithin(d time.Duration) {
	if at := time.Now().Add(d); a.settle.IsZero() || at.Before(a.settle) {
		a.settle = at
		a.arm(time.Now())
	}
}

// due tells what there is a look for, once the timer has come, and when the next comes.
func (a *agenda) due(now time.Time) (settle, ping, look bool) {
	reached := func(at time.Time) bool { return !at.IsZero() && !at.After(now) }
	if settle = reached(a.settle); settle {
		a.settle = time.Time{}
	}
	if ping = reached(a.ping); ping {
		a.ping = now.Add(a.watchdog)
	}
	if look = reached(a.lookout); look {
		a.lookout = now.Add(lookout)
	}
	a.arm(now)
	return settle, ping, look
}

func (a *agenda) arm(now time.Time) {
	next := a.lookout
	for _, at := range []time.Time{a.settle, a.ping} {
		if !at.IsZero() && at.Before(next) {
			next = at
		}
	}
	a.timer.Reset(next.Sub(now))
}
