package services_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
	"tend.example/tend/supervise/supervisetest"
)

func quietLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestJobKeepsTheContractOfServe(t *testing.T) {
	for name, newService := range map[string]func() supervise.Service{
		"job": func() supervise.Service {
			return &services.Job{Schedule: services.Every(time.Millisecond), Do: func(context.Context) error { return nil }, Log: quietLog()}
		},
		"jobs": func() supervise.Service {
			return &services.Jobs{Jobs: map[string]*services.Job{
				"a": {Schedule: services.Every(time.Millisecond), Do: func(context.Context) error { return nil }, Log: quietLog()},
			}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { supervisetest.TestService(t, newService) })
		})
	}
}

func TestTrigger(t *testing.T) {
	for _, c := range []struct {
		overlap services.Overlap
		busy    string // what a trigger gets during a run
		then    string // and one more
	}{
		{services.Skip, "trigger the job: a run is under way", "trigger the job: a run is under way"},
		{services.Queue, "boom", "trigger the job: a run is under way"},
		{services.Parallel, "boom", "boom"},
	} {
		t.Run(fmt.Sprint(c.overlap), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				job := &services.Job{
					Schedule: services.Every(time.Hour), Overlap: c.overlap, OnError: services.Log, Log: quietLog(),
					Do: func(context.Context) error { time.Sleep(time.Second); return errBoom },
				}
				if err := job.Trigger(t.Context()); !errors.Is(err, supervise.ErrNotServing) {
					t.Errorf("before Serve: got %v, want ErrNotServing", err)
				}
				tr := serve(t, supervise.Child{Name: "job", Service: job})
				synctest.Wait()
				answers := make([]chan string, 3)
				for i := range answers {
					answers[i] = make(chan string, 1)
					go func() { answers[i] <- job.Trigger(t.Context()).Error() }()
					synctest.Wait()
				}
				for i, want := range []string{"boom", c.busy, c.then} {
					if got := <-answers[i]; got != want {
						t.Errorf("trigger %d: got %s, want %s", i, got, want)
					}
				}
				for _, run := range detail(job).Last {
					if !run.Triggered {
						t.Errorf("run %d: not marked as triggered", run.ID)
					}
				}
				tr.stop()
			})
		})
	}
}

func TestTriggerIsBoundedByItsContextAndTheRunGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		job := &services.Job{Schedule: services.Every(time.Hour), Do: func(context.Context) error { time.Sleep(time.Minute); return nil }}
		tr := serve(t, supervise.Child{Name: "job", Service: job})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := job.Trigger(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want deadline exceeded", err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := detail(job).Counts.Succeeded; got != 1 {
			t.Errorf("%d runs succeeded, want 1", got)
		}
		tr.stop()
	})
}

func TestWhoWaitsForATurnThatWillNotComeIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		job := &services.Job{
			Schedule: services.Every(time.Hour), Overlap: services.Queue,
			Do: func(context.Context) error { time.Sleep(time.Second); return nil },
		}
		tr := serve(t, supervise.Child{Name: "job", Service: job})
		synctest.Wait()
		first, second := make(chan error, 1), make(chan error, 1)
		go func() { first <- job.Trigger(t.Context()) }()
		synctest.Wait()
		go func() { second <- job.Trigger(t.Context()) }()
		synctest.Wait()
		if err := tr.stop(); err != nil {
			t.Errorf("Serve: %v", err)
		}
		if err := <-first; err != nil {
			t.Errorf("the run under way: got %v, want nil", err)
		}
		if err := <-second; !errors.Is(err, supervise.ErrNotServing) {
			t.Errorf("the one in the queue: got %v, want ErrNotServing", err)
		}
	})
}

func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJournal()
		job := &services.Job{Schedule: services.Every(time.Second), Do: j.doing(0), Missed: services.MissedAll}
		tr := serve(t, supervise.Child{Name: "job", Service: job})
		time.Sleep(1500 * time.Millisecond)
		job.Pause()
		time.Sleep(3 * time.Second)
		if err := tr.Restart(t.Context(), "test/job"); err != nil { // which it lasts through
			t.Error(err)
		}
		time.Sleep(time.Second)
		if err := job.Trigger(t.Context()); err != nil {
			t.Errorf("Trigger while paused: %v", err)
		}
		if d := detail(job); !d.Paused || !d.Next.IsZero() {
			t.Errorf("detail: got %+v, want paused, and no next time", d)
		}
		job.Resume()
		time.Sleep(1100 * time.Millisecond)
		j.want(t, "1", "5.5", "6")
		if got := detail(job).Counts.Missed; got != 0 {
			t.Errorf("%d missed, want none: it was paused", got)
		}
		tr.stop()
	})
}

func TestCancelEndsTheRunsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		job := &services.Job{Schedule: services.Every(time.Second), Overlap: services.Parallel, Do: func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}}
		tr := serve(t, supervise.Child{Name: "job", Service: job})
		time.Sleep(2500 * time.Millisecond)
		if n := job.Cancel(); n != 2 {
			t.Errorf("Cancel: got %d, want 2", n)
		}
		synctest.Wait()
		d := detail(job)
		if len(d.UnderWay) != 0 || d.Counts.Cancelled != 2 || !errors.Is(d.Last[0].Err, services.ErrCancelled) {
			t.Errorf("got %+v, want two that were cancelled", d)
		}
		if got := tr.child(); got.State != supervise.Running || got.Run != 1 {
			t.Errorf("the service: got %v in run %d, want running in run 1", got.State, got.Run)
		}
		tr.stop()
	})
}

func TestTimes(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	job := &services.Job{Schedule: &given{times: []time.Time{start.Add(time.Hour), start.Add(2 * time.Hour)}}}
	if got := job.Times(start, 3); len(got) != 2 || !got[1].Equal(start.Add(2*time.Hour)) {
		t.Errorf("got %v, want the two there are", got)
	}
	if got := (&services.Job{Schedule: services.Every(time.Minute)}).Times(start, 3); len(got) != 3 || !got[2].Equal(start.Add(3*time.Minute)) {
		t.Errorf("got %v, want three", got)
	}
}

func TestRunThatIsCutShortIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		job := &services.Job{Schedule: services.Every(time.Second), Do: func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}}
		tr := serve(t, supervise.Child{Name: "job", Service: job})
		time.Sleep(1500 * time.Millisecond)
		begin := time.Now()
		err := tr.stop()
		want := "did not stop cleanly: test/job: job: run 1 of 2000-01-01T00:00:01Z was cut short: out of time: context canceled"
		if err == nil || err.Error() != want {
			t.Errorf("Serve: got %v, want %s", err, want)
		}
		if took := time.Since(begin); took != 9*time.Second {
			t.Errorf("took %v, want all of the ten seconds but the last", took)
		}
		if got := detail(job).Last[0].Outcome; got != services.Cancelled {
			t.Errorf("outcome: got %v, want cancelled", got)
		}
	})
}

// --- many ------------------------------------------------------------------------------------------------

func TestJobsRunsEachAtItsTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := map[string]*journal{"a": newJournal(), "b": newJournal(), "c": newJournal()}
		jobs := &services.Jobs{Jobs: map[string]*services.Job{
			"a": {Schedule: services.Every(time.Second), Do: runs["a"].doing(0)},
			"b": {Schedule: services.Every(3 * time.Second), Do: runs["b"].doing(0)},
		}}
		tr := serve(t, supervise.Child{Name: "jobs", Service: jobs})
		time.Sleep(3500 * time.Millisecond)
		if err := jobs.Add("c", &services.Job{Schedule: services.Every(2 * time.Second), Do: runs["c"].doing(0)}); err != nil {
			t.Error(err)
		}
		if err := jobs.Remove("a"); err != nil {
			t.Error(err)
		}
		time.Sleep(3 * time.Second)
		runs["a"].want(t, "1", "2", "3")
		runs["b"].want(t, "3", "6")
		runs["c"].want(t, "5.5")
		tr.stop()
	})
}

func TestJobsRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		job := &services.Job{Schedule: services.Every(time.Second), Do: func(context.Context) error { return nil }}
		jobs := &services.Jobs{Jobs: map[string]*services.Job{"a": job}}
		tr := serve(t, supervise.Child{Name: "jobs", Service: jobs})
		synctest.Wait()
		for name, c := range map[string]struct {
			err  error
			want string
		}{
			"taken":     {jobs.Add("a", &services.Job{Schedule: services.Every(1), Do: job.Do}), `add the job "a": duplicate`},
			"lacking":   {jobs.Add("b", &services.Job{}), `add the job "b": Schedule and Do are required`},
			"served":    {jobs.Add("b", job), `add the job "b": the job is served already`},
			"not there": {jobs.Remove("b"), `remove the job "b": no such child`},
			"twice":     {jobs.Serve(t.Context()), "services.Jobs: it is served already"},
			"job twice": {job.Serve(t.Context()), "the job is served already"},
		} {
			if c.err == nil || c.err.Error() != c.want {
				t.Errorf("%s: got %v, want %s", name, c.err, c.want)
			}
		}
		if err := jobs.Add("c", &services.Job{Schedule: services.Every(time.Hour), Do: job.Do}); err != nil || len(jobs.Jobs) != 1 {
			t.Errorf("Add: %v; the field has %d jobs, want it unchanged", err, len(jobs.Jobs))
		}
		if err := jobs.Remove("c"); err != nil {
			t.Error(err)
		}
		if jobs.Job("a") != job || jobs.Job("b") != nil || jobs.Len() != 1 {
			t.Errorf("Job: got %v and %v of %d", jobs.Job("a"), jobs.Job("b"), jobs.Len())
		}
		tr.stop()
	})
}

func TestJobThatFailsJobsIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jobs := &services.Jobs{Jobs: map[string]*services.Job{
			"a": {Schedule: services.Every(time.Second), Do: func(context.Context) error { return errBoom }},
		}}
		tr := serve(t, supervise.Child{Name: "jobs", Service: jobs, Policy: supervise.Policy{Restart: supervise.Never}})
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		if err := tr.child().Err; !errors.Is(err, errBoom) || err.Error() != "job a: boom" {
			t.Errorf("got %v, want job a: boom", err)
		}
		tr.stop()
	})
}

func TestRemovedJobFinishesItsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ended error
		job := &services.Job{Schedule: services.Every(time.Second), Do: func(ctx context.Context) error {
			<-ctx.Done()
			ended = context.Cause(ctx)
			return ctx.Err()
		}}
		jobs := &services.Jobs{Jobs: map[string]*services.Job{"a": job}}
		tr := serve(t, supervise.Child{Name: "jobs", Service: jobs})
		time.Sleep(1500 * time.Millisecond)
		if err := jobs.Remove("a"); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour)
		if ended != nil || len(detail(job).UnderWay) != 1 {
			t.Errorf("the run of a removed job: ended by %v, want it to go on", ended)
		}
		if err := tr.stop(); err == nil || !strings.Contains(err.Error(), "job a: run 1 of ") {
			t.Errorf("Serve: got %v, want the run named", err)
		}
	})
}

func TestJobsTellsHowItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jobs := &services.Jobs{Jobs: map[string]*services.Job{}}
		for i := range 300 {
			jobs.Jobs[fmt.Sprintf("job%03d", i)] = &services.Job{
				Schedule: services.Every(time.Second), OnError: services.Log, Log: quietLog(),
				Do: func(context.Context) error {
					if i%2 == 0 {
						return errBoom
					}
					return nil
				},
			}
		}
		tr := serve(t, supervise.Child{Name: "jobs", Service: jobs})
		synctest.Wait()
		jobs.Job("job001").Pause()
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		got := tr.child().Detail.(services.JobsDetail)
		if got.Jobs != 300 || got.Failing != 150 || got.Paused != 1 || got.Counts.Runs != 299 || len(got.Worst) != 100 || got.Worst[1] != "job002" {
			t.Errorf("got %+v", got)
		}
		tr.stop()
	})
}

func TestManyJobsKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		jobs := &services.Jobs{}
		var got []int
		var want []int
		for i := range 500 {
			at := (i * 7919) % 500 // in no order
			if err := jobs.Add(fmt.Sprint(i), &services.Job{
				Schedule: &given{times: []time.Time{time.Now().Add(time.Duration(at+1) * time.Second)}},
				Do:       func(context.Context) error { got = append(got, at); return nil },
			}); err != nil {
				t.Fatal(err)
			}
			want = append(want, i)
		}
		for i := 100; i < 200; i++ {
			if err := jobs.Remove(fmt.Sprint(i)); err != nil {
				t.Fatal(err)
			}
		}
		gone := map[int]bool{}
		for i := 100; i < 200; i++ {
			gone[(i*7919)%500] = true
		}
		tr := serve(t, supervise.Child{Name: "jobs", Service: jobs})
		time.Sleep(time.Hour)
		synctest.Wait()
		left := []int{}
		for _, at := range want {
			if !gone[at] {
				left = append(left, at)
			}
		}
		if diff := cmp.Diff(left, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		tr.stop()
	})
}

func TestPauseHoldsBackWhatIsToBeMadeUpFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJournal()
		job := &services.Job{Schedule: services.Every(time.Second), Missed: services.MissedAll, Log: quietLog(), Do: j.doing(2400 * time.Millisecond)}
		tr := serve(t, supervise.Child{Name: "job", Service: job})
		time.Sleep(3500 * time.Millisecond)
		job.Pause() // 2 runs, 3 waits
		time.Sleep(10 * time.Second)
		j.want(t, "1", "3.4 for 2")
		job.Resume()
		j.want(t, "13.5 for 3")
		tr.stop()
	})
}

// Runs that begin in the same instant share workers, but none of them waits for another.
func TestRunsOfOneInstantDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 300
		var all sync.WaitGroup
		all.Add(n)
		jobs := &services.Jobs{Jobs: map[string]*services.Job{}}
		for i := range n {
			jobs.Jobs[fmt.Sprint(i)] = &services.Job{Schedule: services.Every(time.Second), Do: func(context.Context) error {
				all.Done()
				all.Wait()
				time.Sleep(time.Minute)
				return nil
			}}
		}
		tr := serve(t, supervise.Child{Name: "jobs", Service: jobs})
		time.Sleep(time.Second)
		synctest.Wait()
		if got := jobs.Detail().(services.JobsDetail).UnderWay; got != n {
			t.Errorf("%d runs under way, want %d", got, n)
		}
		all.Wait()
		time.Sleep(time.Minute)
		if err := tr.stop(); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

func TestManyJobsRunAtEachOfTheirTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 300
		var runs atomic.Int64
		jobs := &services.Jobs{Jobs: map[string]*services.Job{}}
		for i := range n {
			jobs.Jobs[fmt.Sprint(i)] = &services.Job{Schedule: services.Every(time.Second), Do: func(context.Context) error {
				runs.Add(1)
				return nil
			}}
		}
		tr := serve(t, supervise.Child{Name: "jobs", Service: jobs})
		time.Sleep(5500 * time.Millisecond)
		if got := jobs.Detail().(services.JobsDetail).Counts; runs.Load() != 5*n || got.Runs != 5*n || got.Missed != 0 {
			t.Errorf("%d runs, counts %+v, want %d and none missed", runs.Load(), got, 5*n)
		}
		tr.stop()
	})
}

// Whoever begins a run, its goroutine is found by the path of its service and the name of its job.
func TestGoroutineOfARunIsLabelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		labels := make(chan string, 1)
		do := func(context.Context) error {
			var profile strings.Builder
			pprof.Lookup("goroutine").WriteTo(&profile, 1)
			for _, goroutine := range strings.Split(profile.String(), "\n\n") {
				if strings.Contains(goroutine, "services_test.TestGoroutineOfARunIsLabelled.func1.1") {
					_, rest, _ := strings.Cut(goroutine, "# labels: ")
					line, _, _ := strings.Cut(rest, "\n")
					labels <- line
				}
			}
			return nil
		}
		one := &services.Job{Schedule: services.Every(time.Minute), Do: do}
		many := &services.Jobs{Jobs: map[string]*services.Job{
			"a": {Schedule: services.EveryFrom(time.Now().Add(time.Second), time.Hour), Do: do},
			"b": {Schedule: services.EveryFrom(time.Now().Add(2*time.Second), time.Hour), Do: do},
		}}
		for _, c := range []struct {
			service supervise.Service
			begin   func()
			want    string
		}{
			{one, func() { time.Sleep(time.Minute) }, `{"job":"child", "service":"test/child"}`},
			{one, func() { one.Trigger(t.Context()) }, `{"job":"child", "service":"test/child"}`},
			{many, func() { time.Sleep(time.Second) }, `{"job":"a", "service":"test/child"}`},
			{many, func() { many.Job("b").Trigger(t.Context()) }, `{"job":"b", "service":"test/child"}`},
		} {
			tr := serve(t, supervise.Child{Name: "child", Service: c.service})
			synctest.Wait()
			pprof.Do(t.Context(), pprof.Labels("service", "another", "job", "another"), func(context.Context) { c.begin() })
			synctest.Wait()
			if got := <-labels; got != c.want {
				t.Errorf("labels: got %s, want %s", got, c.want)
			}
			tr.stop()
		}
	})
}
