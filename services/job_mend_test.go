package services_test

import (
	"context"
	"errors"
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
