package metrics_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

// wrapper is something around a service, as the drills are.
type wrapper struct{ supervise.Service }

func (w wrapper) Unwrap() supervise.Service { return w.Service }
func (w wrapper) Detail() any               { return w.Service.(interface{ Detail() any }).Detail() }

func TestJobsByOutcomeAndLateness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := slog.New(slog.DiscardHandler)
		told, runs := 0, 0
		job := &services.Job{
			Schedule: services.Every(time.Minute), Timeout: 5 * time.Minute, OnError: services.Log, Log: log, Overlap: services.Queue,
			OnRun: func(services.JobRun) { told++ },
			Do: func(ctx context.Context) error {
				runs++
				switch runs {
				case 1:
					time.Sleep(90 * time.Second) // so the second one is half a minute late
					return nil
				case 2:
					return errors.New("boom")
				case 3:
					panic("boom")
				case 4:
					<-ctx.Done()
					return ctx.Err()
				}
				return nil
			},
		}
		began := time.Now()
		m := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "job", Service: wrapper{job}}}})
		time.Sleep(3*time.Minute + time.Second) // due at 1, 2 and 3; the second begins at 2:30
		synctest.Wait()
		m.want(map[string]float64{
			`tend_job_runs_total{outcome="succeeded",service="tend/job"}`: 1,
			`tend_job_runs_total{outcome="failed",service="tend/job"}`:    1,
			`tend_job_runs_total{outcome="panicked",service="tend/job"}`:  1,
			`tend_job_runs_total{outcome="timed_out",service="tend/job"}`: 0,
			`tend_job_runs_total{outcome="cancelled",service="tend/job"}`: 0,
			`tend_job_run_duration_seconds_sum{service="tend/job"}`:       90,
			`tend_job_run_duration_seconds_count{service="tend/job"}`:     3,
			`tend_job_run_lateness_seconds_sum{service="tend/job"}`:       30,
			`tend_job_run_lateness_seconds_count{service="tend/job"}`:     3,
			`tend_job_runs_in_progress{service="tend/job"}`:               0,
			`tend_job_paused{service="tend/job"}`:                         0,
			`tend_job_next_run_timestamp_seconds{service="tend/job"}`:     float64(began.Add(4 * time.Minute).Unix()),
			`tend_job_last_success_timestamp_seconds{service="tend/job"}`: float64(began.Add(150 * time.Second).Unix()),
		}, "tend_job")
		if told != 3 {
			t.Errorf("the OnRun of the job's own was told of %d runs, want 3", told)
		}
		time.Sleep(2 * time.Minute)
		job.Pause()
		m.want(map[string]float64{
			`tend_job_runs_in_progress{service="tend/job"}`: 1,
			`tend_job_paused{service="tend/job"}`:           1,
		}, "tend_job_runs_in", "tend_job_paused")
		m.stop()
	})
}

func TestManyJobsOfAServiceAreMeasuredAsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := 0
		done := func(context.Context) error { return nil }
		added := &services.Job{Schedule: services.Every(time.Hour), Do: done}
		jobs := &services.Jobs{Jobs: map[string]*services.Job{
			"a": {Schedule: services.Every(time.Hour), Do: done, OnRun: func(services.JobRun) { told++ }},
			"b": {Schedule: services.Every(time.Hour), Do: fails, OnError: services.Log, Log: slog.New(slog.DiscardHandler)},
		}}
		m := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "jobs", Service: jobs}}})
		added.OnRun = m.OnRun("tend/jobs", added.OnRun)
		if err := jobs.Add("c", added); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		time.Sleep(time.Hour + time.Minute)
		m.want(map[string]float64{
			`tend_job_runs_total{outcome="succeeded",service="tend/jobs"}`: 2,
			`tend_job_runs_total{outcome="failed",service="tend/jobs"}`:    1,
			`tend_job_run_lateness_seconds_count{service="tend/jobs"}`:     3,
		}, "tend_job_runs_total", "tend_job_run_lateness_seconds_count")
		if told != 1 {
			t.Errorf("the OnRun of a was told of %d runs, want 1", told)
		}
		m.stop()
	})
}

// A job that is triggered has no time that it could be late for.
func TestTriggeredRunsAreNotLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		job := &services.Job{Schedule: services.Every(time.Hour), Do: func(context.Context) error { return nil }}
		m := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "job", Service: job}}})
		if err := job.Trigger(t.Context()); err != nil {
			t.Error(err)
		}
		m.want(map[string]float64{
			`tend_job_run_duration_seconds_count{service="tend/job"}`: 1,
			`tend_job_run_lateness_seconds_count{service="tend/job"}`: 0,
		}, "tend_job_run_duration_seconds_count", "tend_job_run_lateness_seconds_count")
		m.stop()
	})
}
