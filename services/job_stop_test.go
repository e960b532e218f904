package services_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

func TestAStopBetweenTwoTriesLeavesTimeForTheNext(t *testing.T) {
	for name, test := range map[string]struct {
		retryAfter time.Duration
		tries      int
		want       services.Outcome
		atMost     time.Duration
	}{
		"there is time":   {10 * time.Second, 2, services.Succeeded, 15 * time.Second},
		"there is little": {39 * time.Second, 2, services.Succeeded, 59 * time.Second}, // with half more at random still in time
		"there is none":   {time.Minute, 1, services.Cancelled, 0},
	} {
		for _, onError := range []services.OnError{services.Fail, services.Log} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					tries := 0
					job := &services.Job{
						Schedule: services.Every(time.Hour), Retries: 1, RetryAfter: test.retryAfter, OnError: onError,
						Log: slog.New(slog.DiscardHandler),
						Do: func(context.Context) error {
							if tries++; tries == 1 {
								return errBoom
							}
							return nil
						},
					}
					tr := serve(t, supervise.Child{Name: "job", Service: job, Policy: supervise.Policy{StopTimeout: time.Minute}})
					time.Sleep(time.Hour + time.Millisecond)
					begin := time.Now()
					err := tr.stop()
					if took := time.Since(begin); took > test.atMost || tries != test.tries {
						t.Errorf("got %d tries in %v, want %d in %v at most", tries, took, test.tries, test.atMost)
					}
					if got := detail(job).Last[0].Outcome; got != test.want {
						t.Errorf("outcome: got %s, want %s", got, test.want)
					}
					const named = "did not stop cleanly: test/job: job: run 1 of 2000-01-01T01:00:00Z was cut short: out of time: boom"
					if test.want == services.Succeeded && err != nil || test.want == services.Cancelled && (err == nil || err.Error() != named) {
						t.Errorf("Serve: got %v", err)
					}
				})
			})
		}
	}
}

func TestRunsThatDoNotEndAreNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		job := &services.Job{
			Schedule: services.Every(time.Minute), Overlap: services.Parallel, Log: slog.New(slog.NewTextHandler(&log, nil)),
			Do: func(ctx context.Context) error {
				if run, _ := services.CurrentRun(ctx); run.ID == 2 {
					return nil
				}
				time.Sleep(time.Hour)
				return ctx.Err()
			},
		}
		tr := serve(t, supervise.Child{Name: "job", Service: &services.Jobs{Jobs: map[string]*services.Job{"tidy": job}}})
		time.Sleep(3*time.Minute + time.Second)
		err := tr.stop()
		const want = `did not stop cleanly: test/job: job tidy: run 1 of 2000-01-01T00:01:00Z did not end: out of time
job tidy: run 3 of 2000-01-01T00:03:00Z did not end: out of time; did not return when told to stop`
		if err == nil || err.Error() != want || !errors.Is(err, supervise.ErrStuck) {
			t.Errorf("Serve: got %v, want %s", err, want)
		}
		const line = `msg="job run did not end in time" service=test/job job=tidy job_run=`
		if got := log.String(); strings.Count(got, line) != 2 {
			t.Errorf("log: got %q, want %s1 and 3", got, line)
		}
		time.Sleep(2 * time.Hour) // until they end after all
	})
}

func TestAFailureCutsTheOtherRunsShortAtOnce(t *testing.T) {
	for how, fail := range map[string]func() error{
		"error": func() error { return errBoom },
		"panic": func() error { panic(errBoom) },
	} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var causes []string
				var at []time.Duration
				start := time.Now()
				job := &services.Job{Schedule: services.Every(time.Minute), Overlap: services.Parallel, Do: func(ctx context.Context) error {
					if run, _ := services.CurrentRun(ctx); run.ID == 2 {
						return fail()
					}
					<-ctx.Done()
					causes, at = append(causes, context.Cause(ctx).Error()), append(at, time.Since(start))
					return ctx.Err()
				}}
				tr := serve(t, supervise.Child{Name: "job", Service: job, Policy: supervise.Policy{Restart: supervise.Never}})
				time.Sleep(3 * time.Minute)
				err := tr.child().Err
				if len(causes) != 1 || causes[0] != "another run failed" || at[0] != 2*time.Minute {
					t.Errorf("the other run: got %q at %v, want that another failed, at two minutes", causes, at)
				}
				var panicked *supervise.PanicError
				const named = "run 1 of 2000-01-01T00:01:00Z was cut short: another run failed"
				if !errors.Is(err, errBoom) || errors.As(err, &panicked) != (how == "panic") || !strings.Contains(err.Error(), named) {
					t.Errorf("Serve: got %v, want %s in it", err, named)
				}
				tr.stop()
			})
		})
	}
}

func TestASilentServiceTellsItsRunsSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cause error
		job := &services.Job{Schedule: services.Every(time.Minute), Do: func(ctx context.Context) error {
			<-ctx.Done()
			cause = context.Cause(ctx)
			return nil
		}}
		tr := serve(t, supervise.Child{
			Name: "job", Service: job, Policy: supervise.Policy{Restart: supervise.Never, Heartbeat: 90 * time.Second},
		})
		time.Sleep(3 * time.Minute)
		if err := tr.child().Err; !errors.Is(err, supervise.ErrHung) {
			t.Errorf("Serve: got %v, want ErrHung", err)
		}
		tr.stop()
		if cause == nil || cause.Error() != "no sign of life" {
			t.Errorf("cause: got %v, want no sign of life", cause)
		}
	})
}
