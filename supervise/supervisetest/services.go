package supervisetest

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"tend.example/tend/supervise"
)

// Flaky is a service whose first n runs fail with err as soon as they are up. The runs after those do
// nothing until they are told to stop. All of them call Ready.
func Flaky(n int, err error) supervise.Service {
	var runs atomic.Int64
	return supervise.Func(func(ctx context.Context) error {
		supervise.Ready(ctx)
		if runs.Add(1) <= int64(n) {
			return err
		}
		<-ctx.Done()
		return nil
	})
}

// Hang is a service that calls Ready and then hangs: it gives no sign of life, and does not return when it
// is told to stop, but only at the end of the test. Its run is Stuck once its StopTimeout is over, and
// with a Heartbeat it is told to stop by itself. In a bubble give it the t of the bubble.
func Hang(t testing.TB) supervise.Service {
	t.Helper()
	end := make(chan struct{})
	t.Cleanup(func() { close(end) })
	return supervise.Func(func(ctx context.Context) error {
		supervise.Ready(ctx)
		<-end
		return nil
	})
}

// PanicAfter is a service that calls Ready and panics with value when d is over, in every run. It returns
// nil when it is told to stop before. If d is 0 or less nothing comes before the panic.
func PanicAfter(d time.Duration, value any) supervise.Service {
	return supervise.Func(func(ctx context.Context) error {
		supervise.Ready(ctx)
		if d <= 0 {
			panic(value)
		}
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			panic(value)
		case <-ctx.Done():
			return nil
		}
	})
}
