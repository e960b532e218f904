package supervise

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// run is one run of one child: a call of Serve and the goroutines that it starts by Go. It is the
// ctx that Serve is given. What only some runs have is apart, as a pool has a run for each member.
type run struct {
	context.Context
	cancel context.CancelCauseFunc
	keeper *keeper
	number int
	watch  atomic.Pointer[watch] // nil: nobody looks for signs of life

	startTimer, stopTimer *time.Timer // guarded by the group's lock

	mu    sync.Mutex
	ready bool
	over  bool   // nothing more can be started in it
	bound *bound // within which it must return; nil: it was not told to; set under the group's lock, too
	parts *parts // what runs beside Serve, and what that led to; nil: nothing
}

// parts is what runs in a run beside Serve. Guarded by the run's lock.
type parts struct {
	alive    int           // goroutines of Go, and groups served inside the run
	gone     chan struct{} // closed when alive is 0 again and somebody waits
	failures []error       // of any part of the run, clean ones left out
	groups   []*serving    // served inside the run, though not as its service
}

type runKey struct{}

// Value finds the run itself, so that a run costs no further context.
func (r *run) Value(key any) any {
	if key == (runKey{}) {
		return r
	}
	return r.Context.Value(key)
}

// runOf is the run that ctx belongs to, or nil.
func runOf(ctx context.Context) *run {
	r, _ := ctx.Value(runKey{}).(*run)
	return r
}

// do calls Serve, waits for every goroutine of the run, and tells how it ended. Goexit leaves no way
// but a deferred call to report that.
func (r *run) do(s Service) (o outcome) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if value := recover(); value != nil {
			o = r.finish(r.keeper.panicked(value))
		} else {
			r.keeper.lost(r, r.finish(errGoexit))
		}
	}()
	err := s.Serve(r)
	returned = true
	return r.finish(err)
}

// goDo runs f on a goroutine that finish waits for. Once the run is over it does nothing.
func (r *run) goDo(ctx context.Context, f func(context.Context) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return
	}
	r.part().alive++
	go func() { // finish waits for it
		err := errGoexit
		returned := false
		defer func() {
			if !returned {
				if value := recover(); value != nil {
					err = r.keeper.panicked(value)
				}
			}
			r.left(err)
		}()
		err = f(ctx)
		returned = true
	}()
}

// part is r.parts, made when it is needed first. The caller holds mu.
func (r *run) part() *parts {
	if r.parts == nil {
		r.parts = &parts{}
	}
	return r.parts
}

// left: a goroutine of the run has ended.
func (r *run) left(err error) {
	if err = r.note(err); err != nil {
		r.keeper.wind(r, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leave()
}

// leave is one less alive. The caller holds mu.
func (r *run) leave() {
	p := r.parts
	p.alive--
	if p.alive == 0 && p.gone != nil {
		close(p.gone)
		p.gone = nil
	}
}

// note keeps a failure for the outcome, and returns it. A clean answer to being told to stop is none.
func (r *run) note(err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.isClean(err) {
		return nil
	}
	r.part().failures = append(r.part().failures, err)
	return err
}

// isClean tells whether err is no failure of the run, or one that was noted. The caller holds mu.
func (r *run) isClean(err error) bool {
	return err == nil || r.bound != nil && clean(err, r.bound.cause) || r.noted(err)
}

// noted tells whether err says nothing but what a group inside the run has said already.
func (r *run) noted(err error) bool {
	stop, ok := err.(*StopError) //nolint:errorlint // what is around it would be news
	if !ok || r.parts == nil {
		return false
	}
	for _, failure := range r.parts.failures {
		if failure == error(stop) { //nolint:errorlint // the very same
			return true
		}
	}
	return false
}

// finish waits for the goroutines, after Serve ended with err, and sums up.
func (r *run) finish(err error) outcome {
	if alone, failure := r.endAlone(err); alone {
		return classify(failure)
	}
	_ = r.note(err) // it is in the outcome
	for {
		gone := r.close()
		if gone == nil {
			return classify(join(r.parts.failures...))
		}
		// Serve is gone, so what it left behind has no more work: it is told to stop, and is
		// stuck if it does not.
		r.keeper.wind(r, cmp.Or(err, ErrStop))
		<-gone
	}
}

// endAlone ends a run that had no part but Serve, and tells what of err is a failure.
func (r *run) endAlone(err error) (alone bool, failure error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.parts != nil {
		return false, nil
	}
	r.over = true
	if r.isClean(err) {
		return true, nil
	}
	return true, err
}

// close ends the run if no goroutine is left; else it returns what to wait for.
func (r *run) close() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.parts.alive > 0 {
		r.parts.gone = make(chan struct{})
		return r.parts.gone
	}
	r.over = true
	return nil
}

// stuck is the error of a run that does not return: what failed in it so far, and that.
func (r *run) stuck(err *StuckError) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.parts == nil {
		return err
	}
	failures := r.parts.failures
	return join(append(failures[:len(failures):len(failures)], err)...)
}

// tell sets the bound within which the run must have returned. Its ctx is done when the group's lock
// is free. The caller holds that.
func (r *run) tell(b *bound) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bound = b
	r.keeper.group.cancels = append(r.keeper.group.cancels, r)
}

// cutShort ends the time of a run that was told to stop. The caller holds the group's lock.
func (r *run) cutShort() {
	if r.stopTimer != nil {
		r.stopTimer.Stop()
	}
	r.bound.end()
}

// release frees what a run that is over held. The caller holds the group's lock.
func (r *run) release() {
	r.cancel(nil)
	if r.bound != nil && r.bound != r.keeper.group.stopping.common {
		r.bound.end()
	}
	if r.stopTimer != nil {
		r.stopTimer.Stop()
	}
	r.stopStartTimer()
	if w := r.watch.Load(); w != nil {
		w.stop()
	}
}

func (r *run) stopStartTimer() {
	if r.startTimer != nil {
		r.startTimer.Stop()
	}
}

// mustEnd ends when the run must have returned; told is whether it has been told to stop.
func (r *run) mustEnd() (stop context.Context, told bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.bound == nil {
		return nil, false
	}
	return r.bound.ctx, true
}

// adopt makes a group that is served inside the run a part of the tree: like a goroutine of the
// run, it is waited for, even when the one who serves it, suture for one, does not wait.
func (r *run) adopt(s *serving) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return fmt.Errorf("group %s: the run of %s is over: %w", s.path, r.keeper.path, ErrNotServing)
	}
	p := r.part()
	for _, other := range p.groups {
		if other.path == s.path {
			return fmt.Errorf("group %s: %w: another group of this name is serving here", s.path, ErrDuplicate)
		}
	}
	p.groups = append(p.groups, s)
	p.alive++
	return nil
}

// disown ends adopt. What did not stop cleanly is kept, because suture forgets it.
func (r *run) disown(s *serving, faults error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.parts
	if faults != nil && (r.bound != nil || errors.Is(faults, ErrStuck)) {
		p.failures = append(p.failures, faults)
	}
	p.groups = slices.DeleteFunc(slices.Clone(p.groups), func(other *serving) bool { return other == s })
	r.leave()
}

// adopted are the groups served inside the run.
func (r *run) adopted() []*serving {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.parts == nil {
		return nil
	}
	return r.parts.groups
}
