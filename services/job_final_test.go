package services_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/thejerf/suture/v4"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

// Each is said once, and no retry, nor Log, is in its way.
func TestARunMayEndItsJobOrTheTree(t *testing.T) {
	wrapped := fmt.Errorf("all is copied: %w", supervise.ErrDone)
	for _, onError := range []services.OnError{services.Fail, services.Log} {
		for name, test := range map[string]struct {
			err  error
			want services.Outcome
		}{
			"done":      {supervise.ErrDone, services.Succeeded},
			"done, why": {wrapped, services.Succeeded},
			"fatal":     {supervise.Fatal(errBoom), services.Failed},
			"suture's":  {suture.ErrTerminateSupervisorTree, services.Failed},
		} {
			t.Run(fmt.Sprintf("%s, OnError %d", name, onError), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := newClock()
					job := &services.Job{
						Schedule: services.Every(time.Second), OnError: onError, Retries: 3, Log: slog.New(slog.DiscardHandler),
						Do: func(context.Context) error { c.note(); return test.err },
					}
					if err := job.Serve(t.Context()); !errors.Is(err, test.err) {
						t.Errorf("Serve: got %v, want %v", err, test.err)
					}
					if diff := cmp.Diff([]float64{1}, c.runs); diff != "" {
						t.Errorf("tries at (-want +got):\n%s", diff)
					}
					run := job.Detail().(services.JobDetail).Last[0]
					if run.Outcome != test.want || (run.Err == nil) != (test.want == services.Succeeded) {
						t.Errorf("run: got %s (%v), want %s", run.Outcome, run.Err, test.want)
					}
				})
			})
		}
	}
}

func TestAPanicEndsNoTreeWhateverItsValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		values := []error{supervise.Fatal(errBoom), supervise.ErrDone}
		job := &services.Job{
			Schedule: services.Every(time.Second), OnError: services.Log, Log: slog.New(slog.DiscardHandler),
			Do: func(ctx context.Context) error {
				run, _ := services.CurrentRun(ctx)
				panic(values[run.ID%2])
			},
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3500*time.Millisecond)
		defer cancel()
		if err := job.Serve(ctx); err != nil {
			t.Errorf("Serve: got %v, want nil", err)
		}
		if got := job.Detail().(services.JobDetail).Counts.Panicked; got != 3 {
			t.Errorf("panicked: got %d, want 3", got)
		}
	})
}

func TestRunsUnderWayGoOnWhenTheirJobIsFinished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClock()
		var mu sync.Mutex
		var ended []error
		job := &services.Job{Schedule: services.Every(time.Second), Overlap: services.Parallel}
		job.Do = func(ctx context.Context) error {
			mu.Lock()
			defer mu.Unlock()
			c.note()
			if len(c.runs) == 3 {
				return supervise.ErrDone
			}
			mu.Unlock()
			pause(ctx, 10*time.Second)
			mu.Lock()
			ended = append(ended, context.Cause(ctx))
			return nil
		}
		if err := job.Serve(t.Context()); err != supervise.ErrDone { //nolint:errorlint // with nothing around it
			t.Errorf("Serve: got %v, want ErrDone", err)
		}
		if diff := cmp.Diff([]float64{1, 2, 3}, c.runs); diff != "" {
			t.Errorf("runs at (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]error{nil, nil}, ended); diff != "" || c.at() != 12 {
			t.Errorf("at %v, the other runs ended with (-want +got):\n%s", c.at(), diff)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		if err := job.Serve(ctx); err != nil || len(c.runs) == 3 { // as an operator does by Start
			t.Errorf("served again: got %v and %d runs, want nil and more than 3", err, len(c.runs))
		}
	})
}

func TestOneOfManyJobsIsFinishedAndTheOthersGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var once, on atomic.Int64
		job := func(count *atomic.Int64, err error) *services.Job {
			return &services.Job{
				Schedule: services.Every(time.Second), Overlap: services.Queue,
				Do: func(ctx context.Context) error {
					count.Add(1)
					pause(ctx, 2500*time.Millisecond) // so that one waits
					return err
				},
			}
		}
		jobs := &services.Jobs{Jobs: map[string]*services.Job{"once": job(&once, supervise.ErrDone), "on": job(&on, nil)}}
		for range 2 { // also when Jobs is restarted
			ctx, cancel := context.WithTimeout(t.Context(), 11*time.Second)
			if err := jobs.Serve(ctx); err != nil {
				t.Errorf("Serve: got %v, want nil", err)
			}
			cancel()
		}
		if once.Load() != 1 || on.Load() < 8 {
			t.Errorf("runs: got %d and %d, want one, and eight or more", once.Load(), on.Load())
		}
		if d := jobs.Job("once").Detail().(services.JobDetail); !d.Finished || d.Queued || len(d.UnderWay) > 0 {
			t.Errorf("got %+v, want a finished one", d)
		}
	})
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
