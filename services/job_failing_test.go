package services_test

import (
	"context"
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
