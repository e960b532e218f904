package supervise

import (
	"testing"
	"time"
)

// A timer that has fired may have to wait for the lock while an operator gives the child more time.
func TestStartTimeoutThatWasMadeLongerMeanwhileEndsNothing(t *testing.T) {
	policy := Policy{StartTimeout: time.Minute}.withDefaults(false)
	c := &record{path: "tend/w", policy: &policy, notifies: true, holds: true}
	r := &rules{random: func() float64 { return 0 }, children: []*record{c}}
	start := time.Now()
	r.start(start)
	r.launched(c, start)
	longer := policy
	longer.StartTimeout = time.Hour
	r.setPolicy(c, &longer, start.Add(time.Minute))
	r.late(c, 1, start.Add(time.Minute))
	if c.state != Starting {
		t.Errorf("after its old start timeout: got %s, want starting", c.state)
	}
	r.late(c, 1, start.Add(time.Hour))
	if c.state != Stopping {
		t.Errorf("after its new start timeout: got %s, want stopping", c.state)
	}
}

// A process that stood still since soon after a look does not know that from the look that comes late alone.
func TestStandstillCountsFromTheLookBeforeIt(t *testing.T) {
	start := time.Now()
	look := func(w *watch, at time.Duration) bool {
		w.count(start.Add(at))
		return w.goOn(start.Add(at))
	}
	w := &watch{start: start, limit: 2 * time.Second, timer: time.NewTimer(time.Hour)}
	defer w.timer.Stop()
	w.await(start, w.limit)
	for at := w.limit / looks; at < 1700*time.Millisecond; at += w.limit / looks {
		look(w, at)
	}
	// It has worked for 1.5 s of the 1.7 between two beats, then stood still for 6.
	if !look(w, 7700*time.Millisecond) {
		t.Error("a standstill from soon after a look to after the next counted as silence")
	}
	if look(w, 8200*time.Millisecond) {
		t.Error("a silence after a standstill was not seen")
	}
}

// The memory of a child that crashes in a loop is bounded by what counts, not by what may count.
func TestHistoryForgetsWhatIsOlderThanTheWindow(t *testing.T) {
	p := (&Policy{MaxRestarts: 1e9, Window: time.Second}).withDefaults(false)
	var h history
	now := time.Now()
	for range 100_000 {
		now = now.Add(time.Millisecond)
		h.add(now, &p)
	}
	if len(h.times) > 4*1000 {
		t.Errorf("%d times are kept, though 1,000 count", len(h.times))
	}
	if got := h.within(now, p.Window); got != 1000 {
		t.Errorf("within the window: got %d, want 1000", got)
	}
}

// A goroutine that is late in leaving must not be taken for the one that is stuck after it.
func TestOnlyTheStuckGoroutineOfAMemberIsAbandoned(t *testing.T) {
	s := &serving{}
	k := &keeper{group: s, launched: 2} // one that has left, and one that is stuck
	s.crew.running.Add(2)
	s.crew.abandon(k)
	if k.isAbandoned(1) {
		t.Error("the goroutine of the first launch counts as abandoned")
	}
	if !k.isAbandoned(2) {
		t.Error("the goroutine of the second launch does not count as abandoned")
	}
}
