package supervise

import (
	"context"
	"time"
)

// Ready says that this run can do its work: a child that is Starting becomes Running, and the next
// sibling may start. Further calls do nothing.
func Ready(ctx context.Context) {
	r := runOf(ctx)
	if r == nil {
		return
	}
	r.mu.Lock()
	first := !r.ready
	r.ready = true
	r.mu.Unlock()
	if first {
		r.keeper.readied(r)
	}
}

// Beat says that this run is still alive, to whoever watches it by Policy.Heartbeat. It costs a few
// nanoseconds, more where the run is watched, and may be called from any goroutine.
func Beat(ctx context.Context) {
	if r := runOf(ctx); r != nil {
		if w := r.watch.Load(); w != nil {
			w.sign()
		}
	}
}

// Go runs f on a goroutine that is part of this run. The run is over only when f has returned; an
// error, panic or Goexit of f fails the run and cancels ctx, with that error as its cause. When
// Serve returns first, ctx is cancelled and f has the child's StopTimeout to return.
//
// Once the run is over, f is not called. Outside a tree it is called on an ordinary goroutine, and
// what it returns is lost.
func Go(ctx context.Context, f func(ctx context.Context) error) {
	if r := runOf(ctx); r != nil {
		r.goDo(ctx, f)
		return
	}
	go func() { _ = f(ctx) }() // nobody is there to wait for it
}

// StopContext has the values of ctx and is alive until this run must have returned: it survives
// the end of ctx by the run's StopTimeout, or by what is left of the budget of a group above, if
// that is less. When it is asked for after ctx is done it has a Deadline, though the budget of a
// group that begins to stop later may end it before. Use it for what has to be finished after
// ctx is done, and call the function when that is done.
//
// Outside a tree it survives ctx by ten seconds, the default StopTimeout.
func StopContext(ctx context.Context) (context.Context, context.CancelFunc) {
	values := context.WithoutCancel(ctx)
	r := runOf(ctx)
	if r == nil {
		return stopContextOutside(ctx, values)
	}
	if stop, told := r.mustEnd(); told {
		return bounded(values, stop)
	}
	out, cancel := context.WithCancel(values)
	forget := context.AfterFunc(r.Context, func() {
		stop, told := r.mustEnd()
		if !told { // the run is over
			cancel()
			return
		}
		context.AfterFunc(stop, cancel)
	})
	return out, func() {
		forget()
		cancel()
	}
}

// bounded ends when stop does, and has its deadline.
func bounded(values, stop context.Context) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(values)
	if deadline, ok := stop.Deadline(); ok {
		out, cancel = timeoutAt(out, cancel, deadline)
	}
	forget := context.AfterFunc(stop, cancel)
	return out, func() {
		forget()
		cancel()
	}
}

func timeoutAt(ctx context.Context, free context.CancelFunc, t time.Time) (context.Context, context.CancelFunc) {
	bounded, cancel := context.WithDeadline(ctx, t)
	return bounded, func() {
		cancel()
		free()
	}
}

func stopContextOutside(ctx, values context.Context) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(values)
	forget := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(defaultStopTimeout, cancel)
		context.AfterFunc(out, func() { timer.Stop() })
	})
	return out, func() {
		forget()
		cancel()
	}
}

// Path is the path of the child that ctx was given to, as in "tend/jobs/sweep"; "" outside a tree.
func Path(ctx context.Context) string {
	if r := runOf(ctx); r != nil {
		return r.keeper.path
	}
	return ""
}
