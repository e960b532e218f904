package services_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

// What lies just on one side of a bound, and just on the other.

// down is a job that comes back after a downtime: its StateFile tells of a time an hour ago, and times are how long ago others
// have passed.
func down(t *testing.T, missed services.Missed, passed ...time.Duration) (*services.Job, *journal) {
	t.Helper()
	j := newJournal()
	file := filepath.Join(t.TempDir(), "state")
	writeState(t, file, j.start.Add(-time.Hour))
	times := &given{}
	for _, ago := range passed {
		times.times = append(times.times, j.start.Round(0).Add(-ago))
	}
	return &services.Job{Schedule: times, Missed: missed, StateFile: file, Do: j.doing(0), Log: quietLog()}, j
}

func TestTimeIsMissedWhenItIsMoreThanAMinuteLate(t *testing.T) {
	for _, c := range []struct {
		late time.Duration
		want []string
	}{
		{59 * time.Second, []string{"0 for -59"}},
		{time.Minute, []string{"0 for -1m0"}},
		{61 * time.Second, nil},
	} {
		t.Run(c.late.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				job, j := down(t, services.MissedSkip, c.late)
				job.Serve(t.Context())
				j.want(t, c.want...)
				if got := detail(job).Counts.Missed; got != 1-len(c.want) {
					t.Errorf("missed: got %d, want %d", got, 1-len(c.want))
				}
			})
		})
	}
}

func TestOneRunMakesUpForAll(t *testing.T) {
	for name, c := range map[string]struct {
		passed []time.Duration
		want   string
		madeUp int
	}{
		"that which is due itself":              {[]time.Duration{30 * time.Minute, 20 * time.Minute, 10 * time.Second}, "0 for -10", 0},
		"the latest, if that is missed as well": {[]time.Duration{30 * time.Minute, 20 * time.Minute}, "0 for -20m0", 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				job, j := down(t, services.MissedOnce, c.passed...)
				job.Serve(t.Context())
				j.want(t, c.want)
				if got := detail(job).Counts; got.Missed != 2 || got.MadeUp != c.madeUp {
					t.Errorf("got %+v, want 2 missed, %d made up for", got, c.madeUp)
				}
			})
		})
	}
}

func TestDelayByJitterIsNotLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJournal()
		hours := &given{}
		for h := range 20 {
			hours.times = append(hours.times, j.start.Add(time.Duration(2*h+1)*time.Hour), // alone, and two that follow each other
				j.start.Add(time.Duration(2*h+2)*time.Hour), j.start.Add(time.Duration(2*h+2)*time.Hour+time.Second))
		}
		job := &services.Job{Schedule: hours, Jitter: 30 * time.Minute, Do: j.doing(0), Log: quietLog()}
		job.Serve(t.Context())
		got := detail(job).Counts
		if got.Runs < 40 || got.Missed != 60-got.Runs {
			t.Errorf("got %+v, want a run in each of 40 hours", got)
		}
	})
}

func TestStateFileKeepsThePlaceInTheSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJournal()
		file := filepath.Join(t.TempDir(), "state")
		serveFor := func(d, takes time.Duration) {
			tr := serve(t, supervise.Child{Name: "job", Service: &services.Job{
				Schedule: services.Every(time.Hour), StateFile: file, Do: j.doing(takes), Log: quietLog(),
			}})
			time.Sleep(d)
			if err := tr.stop(); err != nil {
				t.Error(err)
			}
		}
		serveFor(20*time.Minute, 0) // no run yet
		before, _ := os.Stat(file)
		serveFor(50*time.Minute, 0)
		if after, err := os.Stat(file); err != nil || os.SameFile(before, after) {
			t.Errorf("state file: it was written over (%v), want another in its place", err)
		}
		j.want(t, inUnits("3600"))
		serveFor(3*time.Hour, 130*time.Minute) // of which two hours pass during the run, and are missed
		j.want(t, inUnits("7200"))
		if got, want := readState(t, file), j.start.Add(4*time.Hour); !got.Equal(want) {
			t.Errorf("state file: got %v, want %v, the last that was missed", got, want)
		}
	})
}

func TestDefaultsAreAsTheDocsSay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parallel := &services.Job{
			Schedule: services.Every(time.Second), Overlap: services.Parallel, Log: quietLog(),
			Do: func(ctx context.Context) error { <-ctx.Done(); return nil },
		}
		tr := serve(t, supervise.Child{Name: "job", Service: parallel})
		time.Sleep(time.Minute)
		if got := len(detail(parallel).UnderWay); got != 10 {
			t.Errorf("Parallel: %d runs at a time, want 10", got)
		}
		tr.stop()

		var passed []time.Duration
		for i := range 150 {
			passed = append(passed, time.Hour-time.Duration(i+1)*10*time.Second)
		}
		missed, _ := down(t, services.MissedAll, passed...)
		missed.Serve(t.Context())
		if got := detail(missed).Counts; got.MadeUp != 100 || got.Missed != 150 {
			t.Errorf("MaxMissed: %d made up for of %d, want 100 of 150", got.MadeUp, got.Missed)
		}

		var tries []time.Time
		retries := &services.Job{Schedule: services.Every(time.Hour), Retries: 1, Do: func(context.Context) error {
			tries = append(tries, time.Now())
			return errBoom
		}}
		retries.Serve(t.Context())
		if got := tries[1].Sub(tries[0]); got < time.Second || got > 1500*time.Millisecond {
			t.Errorf("RetryAfter: %v, want 1s and up to half more", got)
		}
	})
}

// A catch-up that is cut short by a stop goes on where it was, whether in the same process or in another.
func TestCatchingUpGoesOnAfterAStop(t *testing.T) {
	for name, anew := range map[string]bool{"same process": false, "another": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := newJournal()
				file := filepath.Join(t.TempDir(), "state")
				writeState(t, file, j.start.Add(-5*time.Hour))
				newJob := func() *services.Job {
					return &services.Job{
						Schedule: services.Every(time.Hour), Missed: services.MissedAll, StateFile: file, MaxMissed: 4,
						Do: j.doing(10 * time.Minute), Log: quietLog(),
					}
				}
				job := newJob()
				tr := serve(t, supervise.Child{Name: "job", Service: job, Policy: supervise.Policy{StopTimeout: time.Hour}})
				time.Sleep(15 * time.Minute)
				if err := tr.stop(); err != nil {
					t.Error(err)
				}
				// It was five hours ago that it ran, and just now it is due.
				j.want(t, "0 for -4h0m0", "10m0 for -3h0m0")
				if anew {
					job = newJob()
				}
				tr = serve(t, supervise.Child{Name: "job", Service: job})
				time.Sleep(35 * time.Minute)
				j.want(t, "20m0 for -2h0m0", "30m0 for -1h0m0", "40m0 for 0")
				tr.stop()
				if got := readState(t, file); !got.Equal(j.start) {
					t.Errorf("state file: got %v, want %v", got, j.start)
				}
			})
		})
	}
}

func TestRunThatWaitsInTheQueueIsMissedByAStop(t *testing.T) {
	for _, c := range []struct {
		missed services.Missed
		want   []string
	}{
		{services.MissedSkip, []string{"4"}},
		{services.MissedOnce, []string{"3.5 for 3", "4.2 for 4"}},
		{services.MissedAll, []string{"3.5 for 2", "4.2 for 3", "4.9 for 4"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			j := newJournal()
			var takes atomic.Int64
			takes.Store(int64(2200 * time.Millisecond))
			job := &services.Job{
				Schedule: services.Every(time.Second), Overlap: services.Queue, Missed: c.missed, Log: quietLog(),
				Do: func(ctx context.Context) error { j.note(ctx); time.Sleep(time.Duration(takes.Load())); return nil },
			}
			tr := serve(t, supervise.Child{Name: "job", Service: job})
			time.Sleep(1500 * time.Millisecond)
			takes.Store(int64(700 * time.Millisecond))
			time.Sleep(800 * time.Millisecond) // 2 is due, and waits for the end of the run
			if err := tr.Stop(t.Context(), "test/job"); err != nil {
				t.Error(err)
			}
			j.want(t, "1")
			time.Sleep(time.Until(j.start.Add(3500 * time.Millisecond)))
			if err := tr.Start(t.Context(), "test/job"); err != nil {
				t.Error(err)
			}
			time.Sleep(1450 * time.Millisecond)
			j.want(t, c.want...)
			tr.stop()
		})
	}
}

func TestTriggerThatWaitsKeepsItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		job := &services.Job{
			Schedule: services.Every(time.Second), Overlap: services.Queue, Log: quietLog(),
			Do: func(context.Context) error { time.Sleep(1700 * time.Millisecond); return nil },
		}
		tr := serve(t, supervise.Child{Name: "job", Service: job})
		time.Sleep(1500 * time.Millisecond)
		if err := job.Trigger(t.Context()); err != nil { // 2 is due while it waits
			t.Errorf("Trigger: %v", err)
		}
		if got := detail(job); !got.Last[0].Triggered || got.Counts.Missed != 2 {
			t.Errorf("got %+v, want the triggered run to have been next, and 2 and 4 missed", got)
		}
		tr.stop()
	})
}

func TestRunThatMayNotBeginAnyMoreLeavesNoTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		job := &services.Job{
			Schedule: services.Every(time.Hour), Overlap: services.Parallel,
			Do: func(context.Context) error { time.Sleep(5 * time.Second); return nil },
		}
		tr := serve(t, supervise.Child{Name: "job", Service: job})
		synctest.Wait()
		go job.Trigger(t.Context())
		synctest.Wait()
		go tr.Stop(t.Context(), "test/job")
		synctest.Wait()
		if err := job.Trigger(t.Context()); !errors.Is(err, supervise.ErrNotServing) {
			t.Errorf("Trigger while it stops: got %v, want ErrNotServing", err)
		}
		time.Sleep(time.Minute)
		if err := tr.Start(t.Context(), "test/job"); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		job.Trigger(t.Context())
		if d := detail(job); len(d.Last) != 2 || d.Last[0].ID != 2 {
			t.Errorf("last: got %+v, want two runs, with the numbers 1 and 2", d.Last)
		}
		tr.stop()
	})
}

func TestHeartbeatNeedOnlyBeLongerThanARunAndThanAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, supervise.Child{
			Name:   "job",
			Policy: supervise.Policy{Heartbeat: 3 * time.Second},
			Service: &services.Job{
				Schedule: services.AtOnce(services.Every(4 * time.Second)),
				Do:       func(context.Context) error { time.Sleep(2500 * time.Millisecond); return nil },
			},
		})
		time.Sleep(time.Minute)
		if got := tr.child(); got.Run != 1 || got.State != supervise.Running {
			t.Errorf("got run %d, %v (%v), want the first, running", got.Run, got.State, got.Err)
		}
		tr.stop()
	})
}

func TestStopDoesNotWaitForARetryThatDoesNotFit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		job := &services.Job{
			Schedule: services.Every(time.Second), Retries: 3, RetryAfter: time.Minute, OnError: services.Log, Log: quietLog(),
			Do: func(context.Context) error { calls++; return errBoom },
		}
		tr := serve(t, supervise.Child{Name: "job", Service: job})
		time.Sleep(2 * time.Second)
		begin := time.Now()
		if err := tr.stop(); err == nil || !strings.Contains(err.Error(), "run 1 of 2000-01-01T00:00:01Z was cut short") {
			t.Errorf("Serve: got %v, want the run named", err)
		}
		if took := time.Since(begin); took != 0 || calls != 1 {
			t.Errorf("took %v, %d calls, want no time and one", took, calls)
		}
		if got := detail(job).Last[0]; got.Outcome != services.Cancelled || !errors.Is(got.Err, errBoom) {
			t.Errorf("got %+v, want a run that was cut short (boom)", got)
		}
	})
}

func TestContextOfARunEndsWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var left context.Context
		job := &services.Job{Schedule: services.Every(time.Hour), Do: func(ctx context.Context) error {
			left = ctx
			return ctx.Err()
		}}
		tr := serve(t, supervise.Child{Name: "job", Service: job})
		synctest.Wait()
		if err := job.Trigger(t.Context()); err != nil || left.Err() == nil {
			t.Errorf("Trigger: %v; the ctx after it: %v, want it ended", err, left.Err())
		}
		tr.stop()
	})
}

func TestDetailTellsHowItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		took := make(chan time.Duration, 3)
		job := &services.Job{
			Schedule: services.Every(time.Minute), Overlap: services.Queue,
			Do: func(context.Context) error { time.Sleep(<-took); return nil },
		}
		tr := serve(t, supervise.Child{Name: "jobs", Service: &services.Jobs{Jobs: map[string]*services.Job{"a": job}}})
		synctest.Wait()
		begin := time.Now()
		if got := tr.child().Detail.(services.JobsDetail).Next; !got.Equal(begin.Add(time.Minute)) {
			t.Errorf("next of the jobs: got %v, want in a minute", got)
		}
		took <- 90 * time.Second
		took <- time.Second
		time.Sleep(125 * time.Second)
		if got := detail(job); !got.Queued || len(got.UnderWay) != 1 || got.UnderWay[0].ID != 1 {
			t.Errorf("during a run, with one that is due: got %+v, want that it is queued", got)
		}
		time.Sleep(30 * time.Second) // the second has begun at 2:30
		synctest.Wait()
		if got := detail(job); got.Queued || got.Counts.Runs != 2 || got.Counts.Total != 91*time.Second || got.Counts.Longest != 90*time.Second {
			t.Errorf("after two runs: got %+v, want 91s in total, and 90 the longest", got)
		}
		tr.stop()
		if got := detail(job).Next; !got.IsZero() {
			t.Errorf("next, when it is not served: got %v, want none", got)
		}
	})
}

func TestTriggerDoesNotOvertakeTheOneThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		job := &services.Job{
			Schedule: services.Every(time.Hour), Overlap: services.Queue,
			Do: func(context.Context) error { time.Sleep(time.Second); return nil },
		}
		tr := serve(t, supervise.Child{Name: "job", Service: job})
		synctest.Wait()
		for range 3 {
			go job.Trigger(t.Context())
			synctest.Wait()
		}
		if d := detail(job); len(d.UnderWay) != 1 || !d.Queued {
			t.Errorf("got %+v, want one under way, and one that waits", d)
		}
		time.Sleep(time.Minute)
		if got := detail(job).Counts.Runs; got != 2 {
			t.Errorf("%d runs, want 2, as the third was refused", got)
		}
		tr.stop()
	})
}

func TestAJobWithASettingThatHasNoMeaningIsRefused(t *testing.T) {
	for want, job := range map[string]*services.Job{
		"Overlap of 3":           {Overlap: services.Parallel + 1},
		"Missed of -1":           {Missed: -1},
		"OnError of 2":           {OnError: services.Log + 1},
		"Parallel of -1":         {Parallel: -1},
		"MaxMissed of -1":        {MaxMissed: -1},
		"Retries of -1":          {Retries: -1},
		"Timeout of -1000000000": {Timeout: -time.Second},
		"Jitter of -1":           {Jitter: -1},
		"RetryAfter of -1":       {RetryAfter: -1},
	} {
		job.Schedule, job.Do = services.Every(time.Hour), func(context.Context) error { return nil }
		if err := job.Serve(t.Context()); err == nil || !strings.Contains(err.Error(), want+" has no meaning") {
			t.Errorf("Serve: got %v, want %s refused", err, want)
		}
	}
}

func TestJobsThatCannotBeServedLeaveTheirJobsFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good := &services.Job{Schedule: services.Every(time.Second), Do: func(context.Context) error { return supervise.ErrDone }}
		for range 20 { // they are opened in any order
			jobs := &services.Jobs{Jobs: map[string]*services.Job{"bad": {}, "good": good}}
			if err := jobs.Serve(t.Context()); err == nil {
				t.Error("Serve: no error")
			}
		}
		if err := good.Serve(t.Context()); !errors.Is(err, supervise.ErrDone) {
			t.Errorf("Serve of the good one: %v, want ErrDone", err)
		}
	})
}

func TestStateFileThatCannotBeWrittenIsToldAndTheJobRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log records
		j := newJournal()
		dir := t.TempDir()
		file := filepath.Join(dir, "state")
		if err := os.Mkdir(file, 0o700); err != nil {
			t.Fatal(err)
		}
		job := &services.Job{Schedule: services.Every(time.Hour), Do: j.doing(0), StateFile: file, Log: log.logger()}
		tr := serve(t, supervise.Child{Name: "job", Service: job})
		time.Sleep(61 * time.Minute)
		j.want(t, inUnits("3600"))
		tr.stop()
		if log.count("write the state file") != 2 {
			t.Errorf("log: got %s, want that the file can't be written, at the begin and after a time", log.String())
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
			t.Errorf("in the folder: %v (%v), want nothing that was left behind", left, err)
		}
	})
}
