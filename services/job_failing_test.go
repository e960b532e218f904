package services_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

// A service that fails by something other than a run.

func TestARunIsToldWhenNoOtherRunButItsServiceHasFailed(t *testing.T) {
	for how, breaks := range map[string]func(after time.Time) time.Time{
		"no later time": func(after time.Time) time.Time { return after },
		"panic":         func(time.Time) time.Time { panic(errBoom) },
	} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var cause error
				var at time.Duration
				start := time.Now()
				job := &services.Job{
					Overlap: services.Parallel,
					Schedule: scheduleFunc(func(after time.Time) time.Time {
						if after.Sub(start) >= 2*time.Minute {
							return breaks(after)
						}
						return after.Add(time.Minute)
					}),
					Do: func(ctx context.Context) error {
						<-ctx.Done()
						if run, _ := services.CurrentRun(ctx); run.ID == 1 {
							cause, at = context.Cause(ctx), time.Since(start)
						}
						return ctx.Err()
					},
				}
				tr := serve(t, supervise.Child{Name: "job", Service: job, Policy: supervise.Policy{Restart: supervise.Never}})
				time.Sleep(3 * time.Minute)
				tr.stop()
				if cause == nil || cause.Error() != "its service failed" || at > 2*time.Minute {
					t.Errorf("the run under way: got %v after %s, want that its service failed, at once", cause, at)
				}
			})
		})
	}
}

func TestAPanicOfOnRunCutsRunsShortAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cause error
		var at time.Duration
		start := time.Now()
		job := &services.Job{
			Overlap: services.Parallel, Schedule: services.Every(time.Minute),
			Do: func(ctx context.Context) error {
				if run, _ := services.CurrentRun(ctx); run.ID == 2 {
					return nil
				}
				<-ctx.Done()
				cause, at = context.Cause(ctx), time.Since(start)
				return ctx.Err()
			},
			OnRun: func(run services.JobRun) {
				if run.ID == 2 {
					panic(errBoom)
				}
			},
		}
		tr := serve(t, supervise.Child{Name: "job", Service: job, Policy: supervise.Policy{Restart: supervise.Never}})
		time.Sleep(3 * time.Minute)
		tr.stop()
		if cause == nil || cause.Error() != "its service failed" || at != 2*time.Minute {
			t.Errorf("the run under way: got %v after %s, want that its service failed, at two minutes", cause, at)
		}
	})
}

func TestARunThatHoldsUpAServiceThatHasFailedIsLogged(t *testing.T) {
	for how, c := range map[string]struct {
		fail func() error
		line string
	}{
		"error": {func() error { return errBoom }, "job run does not end, though its service has failed"},
		"panic": {func() error { panic(errBoom) }, "job run did not end in time"},
	} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log records
				job := &services.Job{
					Overlap: services.Parallel, Schedule: services.Every(time.Minute), Log: log.logger(),
					Do: func(ctx context.Context) error {
						switch run, _ := services.CurrentRun(ctx); run.ID {
						case 1:
							time.Sleep(time.Hour) // and ignores ctx
						case 2:
							<-ctx.Done()
						case 3:
							return c.fail()
						}
						return nil
					},
				}
				tr := serve(t, supervise.Child{Name: "job", Service: job, Policy: supervise.Policy{Restart: supervise.Never}})
				time.Sleep(4 * time.Minute)
				line := `msg="` + c.line + `" service=test/job job_run=1`
				if got := log.String(); strings.Count(got, "job_run=") != 1 || !strings.Contains(got, line) {
					t.Errorf("log a minute later: got %q, want one line %s", got, line)
				}
				time.Sleep(time.Hour)
				if err := tr.child().Err; !errors.Is(err, errBoom) {
					t.Errorf("Serve: got %v, want %v", err, errBoom)
				}
				tr.stop()
			})
		})
	}
}
