package services_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

// What others do while a job is busy with itself: it holds no lock meanwhile, and leaves none locked.

func TestJobSurvivesWhatPanicsWhileARunEnds(t *testing.T) {
	var calls int
	for name, broken := range map[string]func(*services.Job){
		"OnRun": func(job *services.Job) {
			job.OnRun = func(services.JobRun) {
				if calls++; calls == 1 {
					panic("boom")
				}
			}
		},
		"the schedule, asked by the run": func(job *services.Job) {
			job.Schedule = scheduleFunc(func(after time.Time) time.Time {
				if calls++; calls == 3 { // the first two found the first time, and whether it is alone
					panic("boom")
				}
				return after.Add(time.Second)
			})
		},
		"the schedule, asked by the loop": func(job *services.Job) {
			job.Schedule = scheduleFunc(func(after time.Time) time.Time {
				if calls++; calls == 2 {
					panic("boom")
				}
				return after.Add(time.Second)
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls = 0
				job := &services.Job{Schedule: services.Every(time.Second), OnError: services.Log, Log: quietLog(), Do: newJournal().doing(1500 * time.Millisecond)}
				broken(job)
				tr := serve(t, supervise.Child{Name: "job", Service: job, Policy: supervise.Policy{MinBackoff: -1}})
				answer := make(chan error, 1)
				time.Sleep(11 * time.Second)
				go func() { answer <- job.Trigger(t.Context()) }()
				time.Sleep(2 * time.Second)
				if got := detail(job).Counts.Runs; got < 5 {
					t.Errorf("%d runs in 13 s, want that it went on", got)
				}
				<-answer
				if got := tr.child(); got.Run != 2 || !strings.Contains(got.Err.Error(), "boom") {
					t.Errorf("child: got run %d (%v), want run 2 after the panic", got.Run, got.Err)
				}
				if err := tr.stop(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// asking is a log that asks what it is about.
type asking struct {
	slog.Handler
	ask func()
}

func (a asking) Enabled(context.Context, slog.Level) bool  { return true }
func (a asking) Handle(context.Context, slog.Record) error { a.ask(); return nil }
func (a asking) WithAttrs([]slog.Attr) slog.Handler        { return a }

func TestOnRunAndTheLogMayAskTheJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ended []int
		told := 0
		job := &services.Job{
			Schedule: services.Every(time.Second), Overlap: services.Parallel, OnError: services.Log,
			StateFile: filepath.Join(t.TempDir(), "missing", "state"),
			Do:        func(context.Context) error { time.Sleep(5 * time.Second); return errBoom },
		}
		job.Log = slog.New(asking{ask: func() { told++; job.Detail(); job.Cancel() }})
		job.OnRun = func(run services.JobRun) {
			if got := detail(job).Last[0].ID; got < run.ID {
				t.Errorf("run %d is not among the last, the latest of which is %d", run.ID, got)
			}
			ended = append(ended, run.ID)
		}
		tr := serve(t, supervise.Child{Name: "job", Service: job})
		time.Sleep(50 * time.Second)
		tr.stop()
		if told == 0 || len(ended) < 10 {
			t.Errorf("the log was told %d times, OnRun of %v", told, ended)
		}
		var want []int
		for i := range ended {
			want = append(want, i+1)
		}
		if diff := cmp.Diff(want, ended); diff != "" {
			t.Errorf("runs in the order in which they ended (-want +got):\n%s", diff)
		}
	})
}

func TestTheLogOfARunThatDoesNotEndMayAskTheJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		under := 0
		job := &services.Job{Schedule: services.Every(time.Second), Do: func(context.Context) error { time.Sleep(time.Hour); return nil }}
		job.Log = slog.New(asking{ask: func() { under = len(detail(job).UnderWay) }})
		tr := serve(t, supervise.Child{Name: "job", Service: job})
		time.Sleep(1500 * time.Millisecond)
		if err := tr.stop(); err == nil || !strings.Contains(err.Error(), "run 1 of 2000-01-01T00:00:01Z did not end") || under != 1 {
			t.Errorf("got %v and %d under way in the log, want the one that did not end", err, under)
		}
		time.Sleep(2 * time.Hour)
	})
}

func TestRunThatFailsTheServiceBeginsNoOther(t *testing.T) {
	for name, how := range map[string]func() error{
		"error": func() error { return errBoom },
		"panic": func() error { panic(errBoom) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				job := &services.Job{
					Schedule: services.Every(time.Second), Overlap: services.Queue, Missed: services.MissedAll, Log: quietLog(),
					Do: func(context.Context) error { calls++; time.Sleep(2500 * time.Millisecond); return how() },
				}
				tr := serve(t, supervise.Child{Name: "job", Service: job, Policy: supervise.Policy{Restart: supervise.Never}})
				time.Sleep(time.Minute)
				if got := tr.child(); calls != 1 || got.State != supervise.Failed || !strings.Contains(got.Err.Error(), "boom") || strings.Contains(got.Err.Error(), "cut short") {
					t.Errorf("got %d runs, child %s (%v), want one that failed with boom alone", calls, got.State, got.Err)
				}
				if got := detail(job).Counts; got.Missed != 2 {
					t.Errorf("got %+v, want that the two that passed are owed", got)
				}
				tr.stop()
			})
		})
	}
}

func TestStateFileMayBeALink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		if err := errors.Join(os.Mkdir(filepath.Join(dir, "data"), 0o700), os.Symlink(filepath.Join("data", "state"), filepath.Join(dir, "link"))); err != nil {
			t.Skip(err)
		}
		j := newJournal()
		job := &services.Job{Schedule: services.Every(time.Second), StateFile: filepath.Join(dir, "link"), Do: j.doing(0), Log: quietLog()}
		tr := serve(t, supervise.Child{Name: "job", Service: job})
		time.Sleep(1500 * time.Millisecond)
		tr.stop()
		if got := readState(t, filepath.Join(dir, "data", "state")); !got.Equal(j.start.Add(time.Second)) {
			t.Errorf("state: got %s", got)
		}
		if info, err := os.Lstat(filepath.Join(dir, "link")); err != nil || info.Mode()&os.ModeSymlink == 0 {
			t.Errorf("the link: got %v (%v), want it in its place", info, err)
		}
	})
}
