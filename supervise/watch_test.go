package supervise

import (
	"testing"
	"time"
)

// TestTimeInWhichTheProcessStoodStillIsNoSilence has a heartbeat of 4s, and so a look each second. No clock
// can be made to stand still here, so the looks are made by hand.
func TestTimeInWhichTheProcessStoodStillIsNoSilence(t *testing.T) {
	const limit = 4 * time.Second
	type look struct {
		beat, at float64 // when the last sign of life came, and when the look, in seconds
		alive    bool
	}
	for name, looks := range map[string][]look{
		"no standstill":               {{0, 1, true}, {0, 2, true}, {0, 3, true}, {0, 4, false}},
		"looks that are a bit late":   {{0, 1.25, true}, {0, 2.5, true}, {0, 3.5, true}, {0, 4.5, false}},
		"it stood still for 6s":       {{0, 6, true}, {0, 7, true}, {0, 8, true}, {0, 9, true}, {0, 10, false}},
		"twice":                       {{0, 6, true}, {0, 12, true}, {0, 13, true}, {0, 14, true}, {0, 15, true}, {0, 16, false}},
		"a sign of life after that":   {{0, 6, true}, {6.5, 7, true}, {6.5, 8, true}, {6.5, 9, true}, {6.5, 10, true}, {6.5, 10.5, false}},
		"a sign in time before that":  {{0.5, 6, true}, {0.5, 7, true}, {0.5, 8, true}, {0.5, 9, true}, {0.5, 10, true}, {0.5, 10.5, false}},
		"a sign before the late look": {{5.5, 6, true}, {5.5, 7, true}, {5.5, 8, true}, {5.5, 9, true}, {5.5, 9.5, false}},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			since := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
			w := &watch{start: start, limit: limit, timer: time.NewTimer(time.Hour)}
			defer w.stop()
			w.await(start, limit)
			for _, l := range looks {
				now := start.Add(since(l.at))
				w.beat.Store(int64(since(l.beat)))
				w.count(now)
				if got := w.goOn(now); got != l.alive {
					t.Errorf("a look at %vs, the last sign at %vs: alive %v, want %v", l.at, l.beat, got, l.alive)
				}
			}
		})
	}
}
