package services_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

// What a job went wrong about once.

func TestJobThatIsAddedAgainDuringItsRunGoesOn(t *testing.T) {
	for name, overlap := range map[string]services.Overlap{"skip": services.Skip, "queue": services.Queue} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var takes atomic.Int64
				takes.Store(int64(5 * time.Second))
				job := &services.Job{
					Schedule: services.Every(time.Second), Overlap: overlap, Log: quietLog(),
					Do: func(context.Context) error { time.Sleep(time.Duration(takes.Swap(0))); return nil },
				}
				jobs := &services.Jobs{Jobs: map[string]*services.Job{"a": job}}
				tr := serve(t, supervise.Child{Name: "jobs", Service: jobs})
				time.Sleep(1500 * time.Millisecond)
				if err := jobs.Remove("a"); err != nil {
					t.Error(err)
				}
				if err := jobs.Add("a", job); err != nil {
					t.Error(err)
				}
				time.Sleep(10 * time.Second)
				tr.stop()
				if got := detail(job).Counts; got.Runs+got.Missed != 11 || got.Runs < 6 {
					t.Errorf("after 11 times, 5 of them during the first run: got %+v", got)
				}
			})
		})
	}
}

func TestTriggerDoesNotTakeThePlaceOfTheScheduledRunThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJournal()
		job := &services.Job{
			Schedule: services.At(j.start.Add(10*time.Second), j.start.Add(15*time.Second)), Overlap: services.Queue,
			Do: j.doing(20 * time.Second), Log: quietLog(),
		}
		tr := serve(t, supervise.Child{Name: "job", Service: job})
		time.Sleep(20 * time.Second)
		if err := job.Trigger(t.Context()); !errors.Is(err, services.ErrOverlap) {
			t.Errorf("Trigger: got %v, want ErrOverlap", err)
		}
		time.Sleep(time.Minute)
		j.want(t, "10", "30 for 15")
		tr.stop()
	})
}

func TestJobUnderTwoNamesIsRefused(t *testing.T) {
	job := &services.Job{Schedule: services.Every(time.Second), Do: func(context.Context) error { return nil }}
	jobs := &services.Jobs{Jobs: map[string]*services.Job{"a": job}}
	if err := jobs.Add("b", job); err == nil || jobs.Len() != 1 {
		t.Errorf("Add: got %v and %d jobs, want an error", err, jobs.Len())
	}
	if err := jobs.Remove("a"); err != nil {
		t.Error(err)
	}
	if err := jobs.Add("b", job); err != nil {
		t.Errorf("Add after Remove: %v", err)
	}
}

func TestCancelledRunDoesNotMakeAJobOneThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		job := &services.Job{Schedule: services.Every(time.Hour), Log: quietLog(), Do: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
		jobs := &services.Jobs{Jobs: map[string]*services.Job{"a": job}}
		tr := serve(t, supervise.Child{Name: "jobs", Service: jobs})
		time.Sleep(61 * time.Minute)
		job.Cancel()
		synctest.Wait()
		if got := jobs.Detail().(services.JobsDetail); got.Failing != 0 || got.Counts.Cancelled != 1 {
			t.Errorf("got %+v, want one that was cancelled, and none that fails", got)
		}
		tr.stop()
	})
}

func TestMissedTimesAreToldWithoutANameWhereThereIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log records
		job := &services.Job{Schedule: services.Every(time.Second), Log: log.logger(), Do: newJournal().doing(3500 * time.Millisecond)}
		tr := serve(t, supervise.Child{Name: "job", Service: job})
		time.Sleep(6 * time.Second)
		tr.stop()
		if got := log.String(); !strings.Contains(got, "job missed times") || strings.Contains(got, "job=") {
			t.Errorf("log: got %s", got)
		}
	})
}

func TestAHistoryHasNoRoomForMoreThanItRemembers(t *testing.T) {
	for _, n := range []int{49, 50, 51, 200} {
		if runs, errs := services.HistoryRoom(n); runs != 50 || errs != 50 {
			t.Errorf("after %d runs: got room for %d runs and %d errors, want 50", n, runs, errs)
		}
	}
}
