package services_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

// whileServed serves a job in a tree, calls f, and then stops the tree.
func whileServed(job supervise.Service, f func(ctx context.Context)) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	shop := &supervise.Group{Name: "shop", Children: []supervise.Child{
		{Name: "job", Service: job, WaitReady: true},
		{Name: "main", Policy: supervise.Policy{Restart: supervise.Never}, Service: supervise.Func(func(ctx context.Context) error {
			f(ctx)
			stop()
			return nil
		})},
	}}
	return shop.Serve(ctx)
}

// A job in a tree. This one runs as soon as it is there, and has no further times.
func ExampleJob() {
	sweep := &services.Job{
		Schedule: services.AtOnce(services.At()), // services.Every(time.Minute) in earnest
		Do: func(ctx context.Context) error {
			run, _ := services.CurrentRun(ctx)
			fmt.Println(supervise.Path(ctx), "run", run.ID)
			return nil
		},
	}
	shop := &supervise.Group{Name: "shop", Children: []supervise.Child{{Name: "sweep", Service: sweep}}}
	err := shop.Serve(context.Background())
	fmt.Println("done:", errors.Is(err, supervise.ErrDone))
	// Output:
	// shop/sweep run 1
	// done: true
}

// What becomes of a run that is due while another is under way: Skip refuses it, Queue lets one wait, Parallel
// runs it beside.
func ExampleOverlap() {
	for _, overlap := range []services.Overlap{services.Skip, services.Queue, services.Parallel} {
		begun, end := make(chan int, 2), make(chan struct{})
		job := &services.Job{
			Schedule: services.Every(time.Hour),
			Overlap:  overlap,
			Do: func(ctx context.Context) error {
				run, _ := services.CurrentRun(ctx)
				begun <- run.ID
				<-end
				return nil
			},
		}
		_ = whileServed(job, func(ctx context.Context) {
			first, second := make(chan error, 1), make(chan error, 1)
			go func() { first <- job.Trigger(ctx) }()
			<-begun
			go func() { second <- job.Trigger(ctx) }()
			switch overlap {
			case services.Skip:
				fmt.Println("skip:", <-second)
			case services.Queue:
				for !job.Detail().(services.JobDetail).Queued {
					time.Sleep(time.Millisecond)
				}
				fmt.Println("queue: one waits")
			case services.Parallel:
				fmt.Println("parallel: run", <-begun, "is under way, too")
			}
			close(end)
			<-first
		})
	}
	// Output:
	// skip: trigger the job: a run is under way
	// queue: one waits
	// parallel: run 2 is under way, too
}

// After three nights out of service: nothing, one run for all, or a run for each.
func ExampleMissed() {
	dir, err := os.MkdirTemp("", "jobs")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	night := func(day int) time.Time { return time.Date(2026, 1, day, 3, 0, 0, 0, time.UTC) }
	nightly := services.At(night(1), night(2), night(3), night(4)) // services.MustCron("0 3 * * *", time.UTC) in earnest

	for name, missed := range map[string]services.Missed{
		"skip": services.MissedSkip, "once": services.MissedOnce, "all": services.MissedAll,
	} {
		// What an earlier process left there.
		if err := os.WriteFile(filepath.Join(dir, name), []byte(`{"last":"2026-01-01T03:00:00Z"}`), 0o600); err != nil {
			fmt.Println(err)
			return
		}
		report := &services.Job{
			Schedule:  nightly,
			Missed:    missed,
			StateFile: filepath.Join(dir, name),
			Do: func(ctx context.Context) error {
				run, _ := services.CurrentRun(ctx)
				fmt.Println(name, run.Scheduled.Format(time.DateOnly))
				return nil
			},
			Log: slog.New(slog.DiscardHandler),
		}
		_ = report.Serve(context.Background()) // until the schedule has no further time
		counts := report.Detail().(services.JobDetail).Counts
		fmt.Println(name, "missed", counts.Missed, "made up", counts.MadeUp)
	}
	// Unordered output:
	// skip missed 3 made up 0
	// once 2026-01-04
	// once missed 3 made up 1
	// all 2026-01-02
	// all 2026-01-03
	// all 2026-01-04
	// all missed 3 made up 3
}

// An error fails the service, whose policy decides what follows; or it is logged, and the job goes on.
func ExampleOnError() {
	for _, onError := range []services.OnError{services.Fail, services.Log} {
		job := &services.Job{
			Schedule: services.AtOnce(services.At()),
			Do:       func(context.Context) error { return errors.New("no space left") },
			OnError:  onError,
			Log:      plainLog(),
		}
		err := job.Serve(context.Background())
		fmt.Println("Serve:", err)
	}
	// Output:
	// Serve: no space left
	// level=WARN msg="job run failed" service="" job_run=1 outcome=failed attempts=1 err="no space left"
	// Serve: service should not be restarted
}

// A run that takes too long: its ctx ends, and the run has timed out.
func ExampleJob_timeout() {
	job := &services.Job{
		Schedule: services.Every(time.Hour),
		Timeout:  10 * time.Millisecond,
		Do: func(ctx context.Context) error {
			<-ctx.Done() // as a request to a server that does not answer
			return ctx.Err()
		},
		OnError: services.Log,
		Log:     slog.New(slog.DiscardHandler),
	}
	_ = whileServed(job, func(ctx context.Context) {
		fmt.Println(job.Trigger(ctx))
		fmt.Println(job.Detail().(services.JobDetail).Last[0].Outcome)
	})
	// Output:
	// took longer than its timeout: context deadline exceeded
	// timed out
}

// A Do that fails is tried again within its run, after a delay that doubles.
func ExampleJob_retries() {
	tries := 0
	job := &services.Job{
		Schedule:   services.Every(time.Hour),
		Retries:    3,
		RetryAfter: time.Millisecond, // 10 * time.Second in earnest
		Do: func(context.Context) error {
			if tries++; tries < 3 {
				return errors.New("connection refused")
			}
			return nil
		},
	}
	_ = whileServed(job, func(ctx context.Context) {
		fmt.Println(job.Trigger(ctx))
		last := job.Detail().(services.JobDetail).Last[0]
		fmt.Println(last.Outcome, "after", last.Attempts, "attempts")
	})
	// Output:
	// <nil>
	// succeeded after 3 attempts
}

// A thousand machines that ask one server at three o'clock are better spread over some minutes. The run is still for
// three o'clock, and never before it.
func ExampleJob_jitter() {
	job := &services.Job{
		Schedule: services.Every(10 * time.Millisecond), // services.MustCron("0 3 * * *", nil) in earnest
		Jitter:   10 * time.Millisecond,                 // 10 * time.Minute
		Do: func(ctx context.Context) error {
			run, _ := services.CurrentRun(ctx)
			fmt.Println("early:", run.Started.Before(run.Scheduled))
			return supervise.ErrDone // once is enough here
		},
	}
	_ = job.Serve(context.Background())
	// Output: early: false
}

// A run by hand, beside the schedule. Its error is that of the run.
func ExampleJob_Trigger() {
	job := &services.Job{
		Schedule: services.Every(24 * time.Hour),
		Do: func(ctx context.Context) error {
			run, _ := services.CurrentRun(ctx)
			fmt.Println("by hand:", run.Triggered)
			return errors.New("the disk is full")
		},
		OnError: services.Log,
		Log:     slog.New(slog.DiscardHandler),
	}
	fmt.Println(job.Trigger(context.Background()))
	_ = whileServed(job, func(ctx context.Context) { fmt.Println(job.Trigger(ctx)) })
	// Output:
	// trigger the job: not serving
	// by hand: true
	// the disk is full
}

// Paused, it has no next time, but runs by hand.
func ExampleJob_Pause() {
	job := &services.Job{
		Schedule: services.Every(time.Hour),
		Do:       func(context.Context) error { fmt.Println("runs"); return nil },
	}
	_ = whileServed(job, func(ctx context.Context) {
		job.Pause()
		d := job.Detail().(services.JobDetail)
		fmt.Println("paused:", d.Paused, "next:", !d.Next.IsZero())
		_ = job.Trigger(ctx)
		job.Resume()
		fmt.Println("paused:", job.Detail().(services.JobDetail).Paused)
	})
	// Output:
	// paused: true next: false
	// runs
	// paused: false
}

// Cancel ends the runs under way. That is no failure, and the schedule goes on.
func ExampleJob_Cancel() {
	begun := make(chan struct{})
	job := &services.Job{
		Schedule: services.Every(time.Hour),
		Do: func(ctx context.Context) error {
			close(begun)
			<-ctx.Done()
			return ctx.Err()
		},
	}
	_ = whileServed(job, func(ctx context.Context) {
		ended := make(chan error, 1)
		go func() { ended <- job.Trigger(ctx) }()
		<-begun
		fmt.Println("cancelled:", job.Cancel())
		err := <-ended
		fmt.Println(err, errors.Is(err, services.ErrCancelled))
	})
	// Output:
	// cancelled: 1
	// cancelled by hand: context canceled true
}

// When a job will run, asked before it is served.
func ExampleJob_Times() {
	job := &services.Job{Schedule: services.MustCron("0 18 * * FRIL", time.UTC)}
	for _, t := range job.Times(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 3) {
		fmt.Println(t.Format("Mon 2006-01-02 15:04"))
	}
	// Output:
	// Fri 2026-01-30 18:00
	// Fri 2026-02-27 18:00
	// Fri 2026-03-27 18:00
}

// What is known of a job.
func ExampleJob_Detail() {
	job := &services.Job{
		Schedule: services.AtOnce(services.At()),
		Do:       func(context.Context) error { return nil },
	}
	_ = job.Serve(context.Background())
	d := job.Detail().(services.JobDetail)
	fmt.Println(d.Schedule)
	fmt.Println(d.Counts.Runs, "run,", d.Counts.Failed, "failed,", d.Counts.Missed, "missed")
	for _, run := range d.Last { // up to 50
		fmt.Println("run", run.ID, run.Outcome)
	}
	// Output:
	// at once, then at
	// 1 run, 0 failed, 0 missed
	// run 1 succeeded
}

// A run that works in pieces ends by itself when the service is told to stop, and saves how far it came. Its
// ctx goes on meanwhile, until a fifth of the time for stopping is left.
func ExampleDraining_job() {
	begun := make(chan struct{})
	job := &services.Job{
		Schedule: services.Every(time.Hour),
		Do: func(ctx context.Context) error {
			close(begun)
			for piece := 1; ; piece++ {
				select {
				case <-services.Draining(ctx):
					fmt.Println("saved, ctx:", ctx.Err())
					return nil
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(time.Millisecond): // a piece of work
				}
			}
		},
	}
	fmt.Println(whileServed(job, func(ctx context.Context) {
		go func() { _ = job.Trigger(ctx) }()
		<-begun
	}))
	// Output:
	// saved, ctx: <nil>
	// <nil>
}

// The run of a job in the log: which service, which job, which run.
func ExampleRunLog() {
	jobs := &services.Jobs{Jobs: map[string]*services.Job{
		"invoices": {
			Schedule: services.Every(time.Hour),
			Do: func(ctx context.Context) error {
				services.RunLog(ctx).Info("sent", "invoices", 3)
				return nil
			},
			Log: plainLog(),
		},
	}}
	_ = whileServed(jobs, func(ctx context.Context) { _ = jobs.Job("invoices").Trigger(ctx) })
	// Output: level=INFO msg=sent service=shop/job job=invoices job_run=1 invoices=3
}

// Many jobs in one service, which come and go while it serves.
func ExampleJobs() {
	say := func(what string) func(context.Context) error {
		return func(context.Context) error { fmt.Println(what); return nil }
	}
	jobs := &services.Jobs{Jobs: map[string]*services.Job{
		"sweep": {Schedule: services.Every(time.Minute), Do: say("sweeps"), OnError: services.Log},
	}}
	_ = whileServed(jobs, func(ctx context.Context) {
		fmt.Println(jobs.Add("feed", &services.Job{Schedule: services.Every(time.Hour), Do: say("feeds")}))
		fmt.Println(jobs.Add("feed", &services.Job{Schedule: services.Every(time.Hour), Do: say("feeds twice")}))
		_ = jobs.Job("feed").Trigger(ctx)
		fmt.Println(jobs.Len(), "jobs,", jobs.Detail().(services.JobsDetail).Counts.Runs, "run")
		fmt.Println(jobs.Remove("feed"), jobs.Remove("feed"))
	})
	// Output:
	// <nil>
	// add the job "feed": duplicate
	// feeds
	// 2 jobs, 1 run
	// <nil> remove the job "feed": no such child
}

// --- the recipes of docs/jobs.md -------------------------------------------------------------------------

func Example_nightlyBackup() {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		fmt.Println(err)
		return
	}
	backup := &services.Command{Args: []string{"./backup.sh", "--full"}, Dir: "/srv/shop"}
	nightly := &services.Job{
		Schedule:   services.MustCron("0 3 * * *", berlin),
		Do:         backup.Run,
		Timeout:    2 * time.Hour,
		Retries:    2,
		RetryAfter: 5 * time.Minute,
		OnError:    services.Log, // tomorrow is another night
		Missed:     services.MissedOnce,
		StateFile:  "/var/lib/shop/backup.json",
	}
	child := supervise.Child{Name: "backup", Service: nightly, Policy: supervise.Policy{StopTimeout: 5 * time.Minute}}
	fmt.Println(child.Service)
	// Output: job 0 3 * * * Europe/Berlin
}

func Example_notTwice() {
	pay := func(context.Context) error { return nil }
	payout := &services.Job{
		Schedule:  services.MustCron("0 6 1 * *", time.UTC), // no hour comes twice in UTC
		Do:        pay,
		StateFile: "/var/lib/shop/payout.json",
		OnError:   services.Log, // and Retries 0: a person looks at it first
	}
	fmt.Println(payout)
	// Output: job 0 6 1 * * UTC
}

func Example_catchUp() {
	reportOf := func(_ context.Context, day string) error { fmt.Println("report of", day); return nil }
	report := &services.Job{
		Schedule:  services.MustCron("0 1 * * *", time.UTC),
		Missed:    services.MissedAll,
		MaxMissed: 31,
		StateFile: "/var/lib/shop/report.json",
		Do: func(ctx context.Context) error {
			run, _ := services.CurrentRun(ctx)
			return reportOf(ctx, run.Scheduled.AddDate(0, 0, -1).Format(time.DateOnly))
		},
		OnError: services.Log,
	}
	fmt.Println(report, report.Times(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 1))
	// Output: job 0 1 * * * UTC [2026-01-01 01:00:00 +0000 UTC]
}

func Example_onTheQuarter() {
	poll := func(context.Context) error { return nil }
	quarter := &services.Job{
		Schedule: services.MustCron("*/15 * * * *", nil),
		Do:       poll,
		Jitter:   20 * time.Second, // or all machines ask in the same second
	}
	fmt.Println(quarter)
	// Output: job */15 * * * * Local
}

// row is a job as a database has it.
type row struct{ name, schedule, url string }

// refresh makes the jobs those of the rows.
func refresh(jobs *services.Jobs, have map[string]row, rows []row, call func(ctx context.Context, url string) error) error {
	want := map[string]row{}
	for _, r := range rows {
		want[r.name] = r
	}
	for name, r := range have {
		if want[name] == r {
			continue
		}
		if err := jobs.Remove(name); err != nil { // a run under way goes on
			return err
		}
		delete(have, name)
	}
	for name, r := range want {
		if _, ok := have[name]; ok {
			continue
		}
		schedule, err := services.Cron(r.schedule, time.UTC)
		if err != nil {
			return fmt.Errorf("job %s: %w", name, err)
		}
		err = jobs.Add(name, &services.Job{
			Schedule: schedule,
			Do:       func(ctx context.Context) error { return call(ctx, r.url) },
			Timeout:  time.Minute,
			OnError:  services.Log,
		})
		if err != nil {
			return err
		}
		have[name] = r
	}
	return nil
}

func Example_jobsFromADatabase() {
	call := func(_ context.Context, url string) error { fmt.Println("GET", url); return nil }
	jobs := &services.Jobs{}
	have := map[string]row{}
	_ = whileServed(jobs, func(ctx context.Context) {
		fmt.Println(refresh(jobs, have, []row{{"a", "0 3 * * *", "/a"}, {"b", "@hourly", "/b"}}, call))
		fmt.Println(refresh(jobs, have, []row{{"b", "@hourly", "/b2"}, {"c", "@daily", "/c"}}, call))
		fmt.Println(slices.Sorted(maps.Keys(have)), jobs.Len())
		_ = jobs.Job("b").Trigger(ctx)
		fmt.Println(refresh(jobs, have, []row{{"d", "0 0 30 2 *", "/d"}}, call))
	})
	// Output:
	// <nil>
	// <nil>
	// [b c] 2
	// GET /b2
	// job d: cron "0 0 30 2 *": it would never run: day of month "30" does not come in month "2"
}

func Example_byHand() {
	job := &services.Job{Schedule: services.Every(24 * time.Hour), Do: func(context.Context) error { return nil }}
	runNow := func(ctx context.Context) string {
		switch err := job.Trigger(ctx); {
		case err == nil:
			return "done"
		case errors.Is(err, services.ErrOverlap):
			return "it runs already"
		case errors.Is(err, supervise.ErrNotServing):
			return "it is stopped"
		default:
			return "failed: " + err.Error()
		}
	}
	fmt.Println(runNow(context.Background()))
	_ = whileServed(job, func(ctx context.Context) { fmt.Println(runNow(ctx)) })
	// Output:
	// it is stopped
	// done
}

func Example_onRun() {
	outcomes := map[services.Outcome]int{} // a counter with the label outcome, in earnest
	job := &services.Job{
		Schedule: services.Every(time.Hour),
		Do:       func(context.Context) error { return nil },
		OnRun: func(run services.JobRun) {
			outcomes[run.Outcome]++
			if took := run.Ended.Sub(run.Started); took > time.Minute {
				slog.Warn("slow", "run", run.ID, "took", took)
			}
		},
	}
	_ = whileServed(job, func(ctx context.Context) {
		_ = job.Trigger(ctx)
		_ = job.Trigger(ctx)
	})
	fmt.Println(outcomes)
	// Output: map[succeeded:2]
}
