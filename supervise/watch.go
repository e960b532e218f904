package supervise

import (
	"sync/atomic"
	"time"
)

// watch looks for signs of life of one run. It looks more often than it must: a look that comes late
// shows that the process stood still, or got no processor, and that time is no silence. All but beat
// is guarded by the group's lock.
type watch struct {
	keeper *keeper
	run    *run
	start  time.Time
	beat   atomic.Int64 // when the last sign came, in nanoseconds since start

	limit   time.Duration
	due     time.Time     // when the next look should be
	between time.Duration // the one before it and that
	lost    time.Duration // of the time since the last sign, what the process stood still
	seen    int64         // the last sign that a look saw
	timer   *time.Timer
}

// looks is how many there are within a heartbeat. A standstill shorter than the time between two may
// go unseen.
const looks = 4

// watch begins to watch the present run, if the policy says so, or watches it by a new limit. What
// was watched before goes on from its last sign.
func (k *keeper) watch(now time.Time) {
	r := k.present()
	if r == nil {
		return
	}
	w := r.watch.Load()
	switch limit := k.policy.Heartbeat; {
	case w == nil && limit > 0:
		w = &watch{keeper: k, run: r, start: now, limit: limit}
		w.await(now, limit)
		r.watch.Store(w)
	case w == nil:
	case limit == 0:
		w.stop()
		r.watch.Store(nil)
	default:
		w.limit = limit
		if !w.goOn(now) {
			w.timer.Reset(0)
		}
	}
}

func (w *watch) stop() { w.timer.Stop() }

// look is called by the timer.
func (w *watch) look() {
	w.keeper.group.feed(func(r *rules, now time.Time) {
		if w.run.watch.Load() != w || w.keeper.present() != w.run {
			return
		}
		w.count(now)
		if !w.goOn(now) {
			r.silent(&w.keeper.record, w.run.number, now)
		}
	})
}

// count finds out what of the time until now the process stood still.
func (w *watch) count(now time.Time) {
	beat := w.beat.Load()
	if beat != w.seen {
		w.seen, w.lost = beat, 0
	}
	late := now.Sub(w.due)
	if late <= 0 || w.start.Add(time.Duration(beat)).After(w.due) {
		return
	}
	w.lost += late
	if late > w.between/2 { // no mere delay: it may have stood still since the last look
		w.lost += w.between
	}
}

// goOn sets the time of the next look, unless the silence has been too long.
func (w *watch) goOn(now time.Time) bool {
	silence := now.Sub(w.start) - time.Duration(w.beat.Load()) - w.lost
	if silence >= w.limit {
		return false
	}
	w.await(now, w.limit-silence)
	return true
}

// await sets the time of the next look, of which there need be none after d.
func (w *watch) await(now time.Time, d time.Duration) {
	w.between = min(d, max(w.limit/looks, time.Millisecond))
	w.due = now.Add(w.between)
	if w.timer == nil {
		w.timer = time.AfterFunc(w.between, w.look)
	} else {
		w.timer.Reset(w.between)
	}
}

// sign notes a sign of life.
func (w *watch) sign() { w.beat.Store(int64(time.Since(w.start))) }
