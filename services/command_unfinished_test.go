//go:build unix

package services_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

// Many a program cleans up when it is told to end, and then says that all went well.
func TestAPoliteProgramThatIsCutShortHasNotSucceeded(t *testing.T) {
	for name, test := range map[string]struct {
		timeout time.Duration
		end     func(*services.Job)
		want    services.Outcome
		err     error
	}{
		"timed out": {2 * time.Second, func(*services.Job) {}, services.TimedOut, services.ErrTimeout},
		"cancelled": {0, func(job *services.Job) { job.Cancel() }, services.Cancelled, services.ErrCancelled},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHolder(t)
			c := program("catch:15", "hold:"+h.addr(), "exit-on-signal:0")
			c.DoneCodes = []int{0} // is for a program that ends by itself
			ran := make(chan services.JobRun, 1)
			job := &services.Job{
				Schedule: services.AtOnce(services.Every(time.Hour)), Do: c.Run, Log: slog.New(slog.DiscardHandler),
				OnError: services.Log, Timeout: test.timeout, OnRun: func(run services.JobRun) { ran <- run },
			}
			tr := serve(t, supervise.Child{Name: "job", Service: job})
			h.next()
			test.end(job)
			run := <-ran
			want := "not finished (" + test.err.Error() + "): " + c.Args[0] + ": ended with exit code 0 after SIGTERM"
			if run.Outcome != test.want || !errors.Is(run.Err, test.err) || run.Err.Error() != want {
				t.Errorf("got %s (%v), want %s (%s)", run.Outcome, run.Err, test.want, want)
			}
			if err := tr.stop(); err != nil {
				t.Errorf("stop: got %v, want nil", err)
			}
		})
	}
}

func TestACodeOfItsOwnSaysThatAProgramFinishedAfterTheSignal(t *testing.T) {
	h := newHolder(t)
	c := program("catch:15", "hold:"+h.addr(), "exit-on-signal:3")
	c.DoneCodes = []int{3}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	h.next()
	cancel()
	if err := <-ended; !errors.Is(err, supervise.ErrDone) {
		t.Errorf("got %v, want ErrDone", err)
	}
}

// atStart is a handler that calls at, and then goes on, when a program has been started.
type atStart struct {
	slog.Handler
	at func()
}

func (h atStart) Enabled(context.Context, slog.Level) bool { return true }

func (h atStart) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "program started" {
		h.at()
	}
	return nil
}

func (h atStart) WithAttrs([]slog.Attr) slog.Handler { return h }

func TestAProgramThatWasFinishedAnywayIsNotSignalled(t *testing.T) {
	for range 6 { // a select takes either
		h := newHolder(t)
		c := program("hold:" + h.addr())
		ctx, cancel := context.WithCancel(t.Context())
		c.Log = slog.New(atStart{slog.DiscardHandler, func() {
			h.next().gone()
			time.Sleep(100 * time.Millisecond) // until that is known here, too
			cancel()
		}})
		if err := c.Run(ctx); err != nil {
			t.Errorf("got %v, want nil", err)
		}
	}
}
