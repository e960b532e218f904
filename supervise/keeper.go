package supervise

import (
	"context"
	"math"
	"runtime/pprof"
	"time"

	"github.com/thejerf/suture/v4"
)

// keeper is the goroutine of one child: one service of suture's, which runs the child, waits out
// its backoffs and runs it again in place, and leaves when the child comes to rest. Its fields are
// guarded by the group's lock.
type keeper struct {
	group   *serving
	index   int
	path    string
	service Service
	base    context.Context // of every run: the caller's values, the service's label

	live bool          // a goroutine is here, on its way, or will be brought back by suture
	run  *run          // the present run, or the last
	wake chan struct{} // closed to end the wait of a backoff; nil when nobody waits
	news chan struct{} // closed when the child's state changes; nil when nobody waits
}

// newSupervisor is a suture.Supervisor that does nothing but hold goroutines. Policies are ours:
// its failure counter is put out of reach. It is stopped only when nobody is left to wait for.
func newSupervisor(name string) *suture.Supervisor {
	return suture.New(name, suture.Spec{
		EventHook:         func(suture.Event) {},
		FailureThreshold:  math.Inf(1),
		Timeout:           -1,
		PassThroughPanics: true,
	})
}

// String is the path: without it suture would print the service's fields.
func (k *keeper) String() string { return k.path }

// Serve is called by suture, and again when Goexit took the goroutine.
func (k *keeper) Serve(context.Context) error {
	pprof.SetGoroutineLabels(k.base)
	for {
		switch r, wake, delay := k.next(); {
		case r != nil:
			r.do(k.service)
		case wake != nil:
			pause(wake, delay)
		default:
			return suture.ErrDoNotRestart
		}
	}
}

// next is what the goroutine has to do now: a run, a wait, or, when both are nil, to leave.
func (k *keeper) next() (r *run, wake <-chan struct{}, delay time.Duration) {
	s := k.group
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		now := time.Now()
		switch c := &s.rules.children[k.index]; {
		case c.state == Starting:
			return k.begin(now), nil, 0
		case c.state == Stopping: // told before it began
			s.rules.ended(k.index, outcome{}, now)
			s.carryOut()
		case c.state == Backoff && now.Before(c.next):
			k.wake = make(chan struct{})
			return nil, k.wake, c.next.Sub(now)
		case c.state == Backoff:
			s.rules.due(k.index, now)
			s.carryOut()
		default:
			k.live = false
			return nil, nil, 0
		}
	}
}

// pause waits for the delay, or less.
func pause(wake <-chan struct{}, delay time.Duration) {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	}
}

// begin makes the next run. The caller holds the group's lock.
func (k *keeper) begin(now time.Time) *run {
	s := k.group
	c := &s.rules.children[k.index]
	ctx, cancel := context.WithCancelCause(k.base)
	r := &run{Context: ctx, cancel: cancel, keeper: k, number: c.run, crash: c.policy.CrashOnPanic}
	k.run = r
	s.rules.launched(k.index, now)
	if c.state == Starting && c.policy.StartTimeout > 0 {
		r.startTimer = time.AfterFunc(c.policy.StartTimeout, func() {
			s.feed(func(rules *rules, now time.Time) { rules.late(k.index, r.number, now) })
		})
	}
	s.carryOut()
	return r
}

// ended reports that a run is over.
func (k *keeper) ended(r *run, o outcome) {
	k.group.feed(func(rules *rules, now time.Time) {
		r.release()
		rules.ended(k.index, o, now)
	})
}

// wind ends the rest of a run of which a part has ended.
func (k *keeper) wind(r *run, cause error) {
	k.group.feed(func(rules *rules, now time.Time) { rules.winding(k.index, r.number, cause, now) })
}

// readied reports that the run can do its work.
func (k *keeper) readied(r *run) {
	k.group.feed(func(rules *rules, now time.Time) { rules.readied(k.index, r.number, now) })
}

// overdue reports that the run has not returned in time.
func (k *keeper) overdue(r *run) {
	if len(r.adopted()) > 0 { // they end themselves within the same bound, and name who is to blame
		k.group.feed(func(*rules, time.Time) { k.callStuck(r, grace) })
		return
	}
	stuck := r.stuck(&StuckError{Stacks: stacksOf(k.path)})
	k.group.feed(func(rules *rules, now time.Time) { rules.overdue(k.index, r.number, stuck, now) })
}

// callStuck is overdue, unless the run is over before. The caller holds the group's lock.
func (k *keeper) callStuck(r *run, after time.Duration) {
	if k.run == r && k.group.rules.children[k.index].ended < r.number {
		r.stopTimer = time.AfterFunc(after, func() { k.overdue(r) })
	}
}

// launch lets the child's goroutine begin the run, or gets it one.
func (k *keeper) launch() {
	if k.live {
		k.rouse()
		return
	}
	k.live = true
	k.group.supervisor.Add(k)
}

// rouse ends the wait of a backoff.
func (k *keeper) rouse() {
	if k.wake != nil {
		close(k.wake)
		k.wake = nil
	}
}

// changed tells those who wait for a change.
func (k *keeper) changed() {
	if k.news != nil {
		close(k.news)
		k.news = nil
	}
}

// tell makes the present run stop, within what it has left of every bound.
func (k *keeper) tell(cause error) {
	s, r := k.group, k.run
	c := &s.rules.children[k.index]
	if r == nil || r.number != c.run {
		return // it has not begun; next sees to it
	}
	stop, stopNow := context.WithCancel(s.budget)
	if limit := c.policy.StopTimeout; limit > 0 {
		stop, stopNow = context.WithTimeout(s.budget, limit)
		if !c.patient {
			k.callStuck(r, limit+stuckAfter)
		}
	}
	r.tell(stop, stopNow, cause)
}

// cutShort ends the time of a run that was told to stop.
func (k *keeper) cutShort() {
	c, r := &k.group.rules.children[k.index], k.run
	if c.state != Stopping || r == nil || r.number != c.run {
		return
	}
	if r.stopTimer != nil {
		r.stopTimer.Stop()
	}
	r.stopNow()
	if !c.patient {
		k.callStuck(r, grace)
	}
}
