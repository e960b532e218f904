package services

import (
	"context"
	"time"
)

// whenRunningOut calls end when a fifth of the time for stopping is left, but at most a second: so that
// handlers can still say that they are cut short. The function it returns takes that back.
func whenRunningOut(stop context.Context, end func()) (free func()) {
	deadline, ok := stop.Deadline()
	if !ok {
		return func() {}
	}
	running, cancel := context.WithDeadline(stop, runsOut(deadline))
	forget := context.AfterFunc(running, end)
	return func() {
		forget()
		cancel()
	}
}

// runsOut is when that is.
func runsOut(deadline time.Time) time.Time {
	return deadline.Add(-min(time.Second, time.Until(deadline)/5))
}

func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
