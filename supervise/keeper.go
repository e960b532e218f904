package supervise

import (
	"context"
	"math"
	"runtime"
	"runtime/pprof"
	"time"

	"github.com/thejerf/suture/v4"
)

// keeper is the goroutine of one child, a service of suture's or one of a pool's crew: it runs the child, waits
// out its backoffs and runs it again in place, and leaves when the child comes to rest. Its fields are
// guarded by the group's lock.
type keeper struct {
	record
	group   *serving
	service Service
	base    context.Context // of every run: the caller's values, the service's label

	run  *run          // the present run, or the last
	wake chan struct{} // closed to end the wait of a backoff; nil when nobody waits
	news chan struct{} // closed when the child's state changes; nil when nobody waits
	live bool          // a goroutine is here, on its way, or will be brought back

	launched  int32 // how often it was got a goroutine; the present one is the last
	abandoned int32 // of these, the one that is stuck, and that nobody waits for
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

// yieldAfter is how many brief runs in a row a child may have before others get the processor: a
// thousand that fail at once would each wait for all before it to use up their time slices.
const yieldAfter = 16

// brief is how long a run lasts at the most that did nothing but keep the processor busy. One that took
// longer has waited for something, and others had their turn then.
const brief = 100 * time.Microsecond

// Serve is called by suture, and again when Goexit took the goroutine.
func (k *keeper) Serve(context.Context) error {
	pprof.SetGoroutineLabels(k.base)
	row := 0
	next := k.next(nil, outcome{})
	for {
		switch {
		case next.run != nil:
			if row++; !next.brief {
				row = 0
			}
			if next.crowded || row >= yieldAfter {
				row = 0
				runtime.Gosched()
			}
			next = k.next(next.run, next.run.do(k.service))
		case next.wake != nil:
			next.pause()
			next = k.next(nil, outcome{})
		case next.last != nil:
			k.close(next.last)
			next = k.next(nil, outcome{})
		default:
			return suture.ErrDoNotRestart
		}
	}
}

// step is what a keeper's goroutine has to do: a run, a wait, to close the service, or, when it is empty, to
// leave.
type step struct {
	run   *run
	last  *run // the run after which to close the service
	wake  <-chan struct{}
	delay time.Duration // how long to wait at the most; negative: without end

	brief   bool // the run before took next to no time
	crowded bool // siblings have not started yet
}

// pause waits for the delay, or less.
func (s step) pause() {
	if s.delay < 0 {
		<-s.wake
		return
	}
	timer := time.NewTimer(s.delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.wake:
	}
}

// next reports how a run ended, if there was one, and tells what comes now.
func (k *keeper) next(ended *run, o outcome) step {
	s := k.group
	s.mu.Lock()
	defer s.unlock()
	now := time.Now()
	quick := false
	if ended != nil {
		quick = now.Sub(k.began()) < brief
		k.ended(ended, o, now)
	}
	for {
		switch {
		case k.state == Starting:
			return step{run: k.begin(now), brief: quick, crowded: !s.rules.ready}
		case k.state == Stopping && k.isClosing():
			return step{last: k.lastRun()}
		case k.state == Stopping: // told before it began
			s.rules.over(&k.record, outcome{}, now)
		case k.state == Backoff && k.due:
			return step{wake: k.sleep(), delay: -1}
		case k.state == Backoff && now.Before(k.hurt.next):
			return step{wake: k.sleep(), delay: k.hurt.next.Sub(now)}
		case k.state == Backoff:
			s.rules.elapsed(&k.record, now)
		default:
			k.live = false
			return step{}
		}
		s.carryOut()
	}
}

func (k *keeper) sleep() <-chan struct{} {
	k.wake = make(chan struct{})
	return k.wake
}

// begin makes the next run. The caller holds the group's lock.
func (k *keeper) begin(now time.Time) *run {
	r := &run{keeper: k, number: k.record.run}
	r.Context, r.cancel = context.WithCancelCause(k.base)
	k.run = r
	k.group.rules.launched(&k.record, now)
	if k.state == Starting {
		k.armStart(now)
	}
	return r
}

// armStart begins the time that the present run has to become ready.
func (k *keeper) armStart(now time.Time) {
	r, limit := k.run, k.policy.StartTimeout
	r.stopStartTimer()
	if limit > 0 {
		r.startTimer = time.AfterFunc(k.began().Add(limit).Sub(now), func() {
			k.group.feed(func(rules *rules, now time.Time) { rules.late(&k.record, r.number, now) })
		})
	}
}

// panicked is the failure of a function that panicked, unless that is to end the process.
func (k *keeper) panicked(value any) error {
	if k.crashes() {
		panic(value)
	}
	return &PanicError{Value: value, Stack: stackOfPanic()}
}

// crashes tells whether a panic is to end the process.
func (k *keeper) crashes() bool {
	k.group.mu.Lock()
	defer k.group.mu.Unlock()
	return k.policy.CrashOnPanic
}

// present is the run under way, or nil.
func (k *keeper) present() *run {
	if k.run == nil || k.run.number != k.record.run || k.record.ended == k.record.run {
		return nil
	}
	return k.run
}

// ended: a run is over. The caller holds the group's lock.
func (k *keeper) ended(r *run, o outcome, now time.Time) {
	k.group.rules.over(&k.record, o, now)
	if k.isClosing() { // within the same bound, or one of its own
		r.stopStartTimer()
	} else {
		r.release()
	}
	k.group.carryOut()
}

func (k *keeper) isAbandoned(launch int32) bool {
	k.group.mu.Lock()
	defer k.group.mu.Unlock()
	return k.abandoned == launch
}

// lost reports that a run is over and has taken its goroutine along.
func (k *keeper) lost(r *run, o outcome) {
	k.group.feed(func(_ *rules, now time.Time) { k.ended(r, o, now) })
}

// wind ends the rest of a run of which a part has ended.
func (k *keeper) wind(r *run, cause error) {
	k.group.feed(func(rules *rules, now time.Time) { rules.winding(&k.record, r.number, cause, now) })
}

// readied reports that the run can do its work.
func (k *keeper) readied(r *run) {
	k.group.feed(func(rules *rules, now time.Time) { rules.readied(&k.record, r.number, now) })
}

// callStuck reports the run overdue after a time, unless the run is over before. The caller holds the group's lock.
func (k *keeper) callStuck(r *run, after time.Duration) {
	if k.present() == r {
		r.stopTimer = time.AfterFunc(after, func() { reportOverdue(r) })
	}
}

// launch lets the child's goroutine begin the run, or gets it one.
func (k *keeper) launch() {
	if k.live {
		k.rouse()
		return
	}
	k.live = true
	k.launched++
	k.group.launches = append(k.group.launches, k)
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
	r := k.present()
	if r == nil {
		return // it has not begun; next sees to it
	}
	s := k.group
	if s.rules.loose && s.rules.falling && !k.tuned && !k.patient {
		r.tell(s.together(k.policy))
		return
	}
	limit := k.policy.StopTimeout
	if limit > 0 && !k.patient {
		k.callStuck(r, limit+stuckAfter)
	}
	r.tell(newBound(s.stopping.budget, limit, cause))
}

// retime gives the run under way the bounds of a new policy.
func (k *keeper) retime(now time.Time) {
	switch r := k.present(); {
	case r == nil:
	case k.state == Starting:
		k.armStart(now)
	case k.state == Running:
		k.watch(now)
	}
}
