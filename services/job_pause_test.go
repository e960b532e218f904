package services_test

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

func TestPauseIsNoDowntime(t *testing.T) {
	for name, c := range map[string]struct {
		before, until, after func(*services.Job) // Serve; after an hour; when the job is served anew
	}{
		"over when the program ends": {func(*services.Job) {}, (*services.Job).Resume, func(*services.Job) {}},
		"not over":                   {func(*services.Job) {}, func(*services.Job) {}, func(*services.Job) {}},
		"before Serve":               {(*services.Job).Pause, (*services.Job).Resume, func(*services.Job) {}},
		"again":                      {func(*services.Job) {}, (*services.Job).Resume, (*services.Job).Pause},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := newJournal()
				file := filepath.Join(t.TempDir(), "state")
				writeState(t, file, j.start)
				newJob := func() *services.Job {
					return &services.Job{Schedule: services.Every(time.Minute), Missed: services.MissedAll, StateFile: file, Do: j.doing(0), Log: quietLog()}
				}
				job := newJob()
				c.before(job)
				tr := serve(t, supervise.Child{Name: "job", Service: job})
				time.Sleep(30 * time.Second)
				job.Pause()
				time.Sleep(time.Hour)
				c.until(job)
				time.Sleep(10 * time.Second)
				tr.stop()
				j.want(t)
				next := newJob()
				tr = serve(t, supervise.Child{Name: "job", Service: next})
				synctest.Wait()
				c.after(next)
				next.Resume()
				time.Sleep(time.Minute)
				if d := next; detail(d).Counts.Missed != 0 || detail(job).Counts.Missed != 0 {
					t.Errorf("missed: got %d and %d, want none", detail(job).Counts.Missed, detail(d).Counts.Missed)
				}
				j.want(t, "1h1m0")
				tr.stop()
			})
		})
	}
}

func TestWhatPassedBeforeAPauseIsMissed(t *testing.T) {
	for _, c := range []struct {
		overlap services.Overlap
		missed  services.Missed
		want    []string
	}{
		{services.Skip, services.MissedSkip, []string{"13"}},
		{services.Skip, services.MissedOnce, []string{"12.1 for 4", "13"}},
		{services.Skip, services.MissedAll, []string{"12.1 for 2", "12.1 for 3", "12.1 for 4", "13"}},
		{services.Queue, services.MissedAll, []string{"12.1 for 2", "12.1 for 3", "12.1 for 4", "13"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			j := newJournal()
			var takes atomic.Int64
			takes.Store(int64(5 * time.Second))
			job := &services.Job{Schedule: services.Every(time.Second), Overlap: c.overlap, Missed: c.missed, Log: quietLog()}
			job.Do = func(ctx context.Context) error { j.note(ctx); time.Sleep(time.Duration(takes.Load())); return nil }
			tr := serve(t, supervise.Child{Name: "job", Service: job})
			time.Sleep(4500 * time.Millisecond)
			takes.Store(0)
			job.Pause()
			time.Sleep(7600 * time.Millisecond)
			j.want(t, "1")
			job.Resume()
			time.Sleep(1500 * time.Millisecond)
			j.want(t, c.want...)
			if got := detail(job).Counts.Missed; got != 3 {
				t.Errorf("missed: got %d, want 3", got)
			}
			tr.stop()
		})
	}
}

func TestPauseBeforeTheFirstServeKeepsWhatIsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJournal()
		job := &services.Job{Schedule: services.AtOnce(services.Every(time.Hour)), Do: j.doing(0), Log: quietLog()}
		job.Pause()
		tr := serve(t, supervise.Child{Name: "job", Service: job})
		time.Sleep(time.Minute)
		j.want(t)
		job.Resume()
		j.want(t, inUnits("60"))
		tr.stop()
	})
}

func TestUpcomingIsWhenTheJobRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		job := &services.Job{Schedule: services.Every(15 * time.Minute), Do: newJournal().doing(0), Log: quietLog()}
		want := func(when string, minutes ...int) {
			t.Helper()
			synctest.Wait()
			var times []string
			for _, m := range minutes {
				times = append(times, start.Add(time.Duration(m)*time.Minute).Format(time.TimeOnly))
			}
			var got []string
			for _, at := range job.Upcoming(len(minutes)) {
				got = append(got, at.Format(time.TimeOnly))
			}
			if diff := cmp.Diff(times, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", when, diff)
			}
		}
		want("before Serve", 15, 30)
		tr := serve(t, supervise.Child{Name: "job", Service: job})
		time.Sleep(16 * time.Minute)
		want("served", 30, 45, 60)
		job.Pause()
		time.Sleep(time.Minute)
		want("paused", 30, 45)
		job.Resume()
		want("resumed", 30, 45)
		time.Sleep(14 * time.Minute)
		if got := detail(job).Counts.Runs; got != 2 {
			t.Errorf("%d runs in 31 minutes, want 2", got)
		}
		tr.stop()
		time.Sleep(30 * time.Minute)
		want("stopped", 75, 90)
	})
}

func TestAJobThatIsFinishedHasNoUpcomingTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		once := &services.Job{Schedule: services.Every(time.Minute), Log: quietLog(), Do: func(context.Context) error { return supervise.ErrDone }}
		tr := serve(t, supervise.Child{Name: "jobs", Service: &services.Jobs{Jobs: map[string]*services.Job{"once": once}}})
		time.Sleep(30 * time.Second)
		if got := once.Upcoming(2); len(got) != 2 {
			t.Errorf("before its run: got %v, want two", got)
		}
		time.Sleep(time.Minute)
		if got := once.Upcoming(2); len(got) != 0 {
			t.Errorf("after it: got %v, want none", got)
		}
		tr.stop()
	})
}
