package services_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

// journal notes when runs begin and for which time, in seconds since it was made: "3" or, when those differ, "3 for 1".
type journal struct {
	mu    sync.Mutex
	start time.Time
	lines []string
}

func newJournal() *journal { return &journal{start: time.Now()} }

func seconds(d time.Duration) string {
	return strings.TrimSuffix(d.Round(time.Millisecond).String(), "s")
}

func (j *journal) note(ctx context.Context) {
	run, _ := services.CurrentRun(ctx)
	line := seconds(time.Since(j.start))
	if at := seconds(run.Scheduled.Sub(j.start)); at != line {
		line += " for " + at
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

func (j *journal) want(t *testing.T, lines ...string) {
	t.Helper()
	synctest.Wait()
	j.mu.Lock()
	defer j.mu.Unlock()
	if diff := cmp.Diff(byInstant(lines), byInstant(j.lines)); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
	j.lines = nil
}

// byInstant sorts lines that begin with the same time: which of two runs is the first then, nobody can say.
func byInstant(lines []string) []string {
	at := func(line string) string { when, _, _ := strings.Cut(line, " "); return when }
	for i := 0; i < len(lines); {
		same := i + 1
		for same < len(lines) && at(lines[same]) == at(lines[i]) {
			same++
		}
		slices.Sort(lines[i:same])
		i = same
	}
	return lines
}

// doing notes, and takes d.
func (j *journal) doing(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		j.note(ctx)
		time.Sleep(d)
		return nil
	}
}

func detail(j *services.Job) services.JobDetail { return j.Detail().(services.JobDetail) }

func TestOverlap(t *testing.T) {
	for _, c := range []struct {
		name   string
		job    *services.Job
		takes  time.Duration
		want   []string
		missed int
	}{
		{"skip", &services.Job{}, 2400 * time.Millisecond, []string{"1", "4", "7"}, 4},
		{"queue", &services.Job{Overlap: services.Queue}, 2400 * time.Millisecond, []string{"1", "3.4 for 2", "5.8 for 4", "8.2 for 6"}, 4},
		{"parallel", &services.Job{Overlap: services.Parallel, Parallel: 2}, 2400 * time.Millisecond, []string{"1", "2", "4", "5", "7", "8"}, 2},
		{"parallel, enough", &services.Job{Overlap: services.Parallel}, 2400 * time.Millisecond, []string{"1", "2", "3", "4", "5", "6", "7", "8"}, 0},
		{"skip, once", &services.Job{Missed: services.MissedOnce}, 2400 * time.Millisecond, []string{"1", "3.4 for 3", "5.8 for 5", "8.2 for 8"}, 7},
		{"skip, all", &services.Job{Missed: services.MissedAll}, 2400 * time.Millisecond, []string{"1", "3.4 for 2", "5.8 for 3", "8.2 for 4"}, 7},
		{"skip, all with a cap", &services.Job{Missed: services.MissedAll, MaxMissed: 1}, 2400 * time.Millisecond, []string{"1", "3.4 for 3", "5.8 for 5", "8.2 for 8"}, 7},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := newJournal()
				c.job.Schedule, c.job.Do = services.Every(time.Second), j.doing(c.takes)
				c.job.Log = quietLog()
				tr := serve(t, supervise.Child{Name: "job", Service: c.job})
				time.Sleep(8700 * time.Millisecond)
				j.want(t, c.want...)
				if got := detail(c.job).Counts.Missed; got != c.missed {
					t.Errorf("missed: got %d, want %d", got, c.missed)
				}
				tr.stop()
			})
		})
	}
}

// given is a schedule that says what is on its list, seen from a clock that may be set: what a frozen process sees.
type given struct {
	mu    sync.Mutex
	times []time.Time
}

func (g *given) Next(after time.Time) time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, t := range g.times {
		if t.After(after) {
			return t
		}
	}
	return time.Time{}
}

// A schedule whose times lie in the past of the job's state is what a job sees that was down.
func TestMissedWhileDown(t *testing.T) {
	for _, c := range []struct {
		name   string
		missed services.Missed
		cap    int
		want   []string
		count  int
	}{
		{"skip", services.MissedSkip, 0, []string{"3600"}, 5},
		{"once", services.MissedOnce, 0, []string{"0 for -3600", "3600"}, 5},
		{"all", services.MissedAll, 0, []string{"0 for -18000", "10 for -14400", "20 for -10800", "30 for -7200", "40 for -3600", "3600"}, 5},
		{"all with a cap", services.MissedAll, 2, []string{"0 for -7200", "10 for -3600", "3600"}, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := newJournal()
				j.start = j.start.Round(0) // as the file has it
				file := filepath.Join(t.TempDir(), "state")
				writeState(t, file, j.start.Add(-6*time.Hour))
				hours := &given{}
				for h := -6; h < 3; h++ {
					hours.times = append(hours.times, j.start.Add(time.Duration(h)*time.Hour))
				}
				hours.times = append(hours.times[:6], hours.times[7:]...) // not just now
				job := &services.Job{
					Schedule: hours, StateFile: file, Missed: c.missed, MaxMissed: c.cap, Log: quietLog(),
					Do: j.doing(10 * time.Second),
				}
				tr := serve(t, supervise.Child{Name: "job", Service: job})
				time.Sleep(time.Hour + time.Minute)
				for i, line := range c.want {
					c.want[i] = inUnits(line)
				}
				j.want(t, c.want...)
				tr.stop()
				if got := detail(job).Counts; got.Missed != c.count || got.MadeUp != len(c.want)-1 {
					t.Errorf("counts: got %+v, want %d missed, %d made up for", got, c.count, len(c.want)-1)
				}
				if got := readState(t, file); !got.Equal(j.start.Add(time.Hour)) {
					t.Errorf("state file: got %v, want the last time, %v", got, j.start.Add(time.Hour))
				}
			})
		})
	}
}

// inUnits writes seconds as seconds does.
func inUnits(line string) string {
	var out []string
	for _, word := range strings.Split(line, " for ") {
		d, err := time.ParseDuration(word + "s")
		if err != nil {
			panic(err)
		}
		out = append(out, seconds(d))
	}
	return strings.Join(out, " for ")
}

func writeState(t *testing.T, file string, last time.Time) {
	t.Helper()
	text, err := json.Marshal(map[string]time.Time{"last": last})
	if err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func readState(t *testing.T, file string) time.Time {
	t.Helper()
	var state struct{ Last time.Time }
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &state)
	}
	if err != nil {
		t.Fatal(err)
	}
	return state.Last
}

func TestStateFileThatIsNoUseIsToldAndLeftAlone(t *testing.T) {
	for name, text := range map[string]string{
		"no JSON": "oops", "of something else": `{"latest":"1999-01-01T00:00:00Z"}`, "of the future": `{"last":"2999-01-01T00:00:00Z"}`,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log records
				j := newJournal()
				job := &services.Job{Schedule: services.Every(time.Hour), Do: j.doing(0), StateFile: tempFile(t, "state", text), Log: log.logger()}
				tr := serve(t, supervise.Child{Name: "job", Service: job})
				time.Sleep(61 * time.Minute)
				j.want(t, inUnits("3600"))
				tr.stop()
				if log.count("read the state file") != 1 {
					t.Errorf("log: got %s, want one line about the file", log.String())
				}
			})
		})
	}
}

func TestJobGoesOnInItsScheduleAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJournal()
		job := &services.Job{Schedule: services.Every(time.Second), Do: j.doing(0), Missed: services.MissedAll, Log: quietLog()}
		tr := serve(t, supervise.Child{Name: "job", Service: job})
		time.Sleep(1200 * time.Millisecond)
		if err := tr.Stop(t.Context(), "test/job"); err != nil {
			t.Error(err)
		}
		time.Sleep(3 * time.Second)
		if err := tr.Start(t.Context(), "test/job"); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		j.want(t, "1", "4.2 for 2", "4.2 for 3", "4.2 for 4", "5")
		tr.stop()
	})
}

func TestWhatIsMadeUpForKeepsTheBoundOfParallel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJournal()
		job := &services.Job{
			Schedule: services.Every(time.Second), Overlap: services.Parallel, Parallel: 2, Missed: services.MissedAll,
			Do: j.doing(700 * time.Millisecond), Log: quietLog(),
		}
		tr := serve(t, supervise.Child{Name: "job", Service: job})
		time.Sleep(500 * time.Millisecond)
		if err := tr.Stop(t.Context(), "test/job"); err != nil {
			t.Error(err)
		}
		time.Sleep(2600 * time.Millisecond)
		if err := tr.Start(t.Context(), "test/job"); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		j.want(t, "3.1 for 1", "3.1 for 2", "3.8 for 3", "4")
		tr.stop()
	})
}

func TestTimeoutEndsARun(t *testing.T) {
	for name, onError := range map[string]services.OnError{"fail": services.Fail, "log": services.Log} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				job := &services.Job{
					Schedule: services.Every(time.Minute), Timeout: time.Second, OnError: onError, Retries: 5, Log: quietLog(),
					Do: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
				}
				tr := serve(t, supervise.Child{Name: "job", Service: job, Policy: supervise.Policy{Restart: supervise.Never}})
				time.Sleep(62 * time.Second)
				synctest.Wait()
				got := detail(job)
				if len(got.Last) != 1 || got.Last[0].Outcome != services.TimedOut || !errors.Is(got.Last[0].Err, services.ErrTimeout) ||
					got.Last[0].Ended.Sub(got.Last[0].Started) != time.Second || got.Last[0].Attempts != 1 {
					t.Errorf("last: got %+v, want one that timed out after a second", got.Last)
				}
				want := supervise.Failed
				if onError == services.Log {
					want = supervise.Running
				}
				if got := tr.child(); got.State != want {
					t.Errorf("state: got %v (%v), want %v", got.State, got.Err, want)
				}
				tr.stop()
			})
		})
	}
}

func TestRetriesAreWithinTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries []time.Duration
		start := time.Now()
		job := &services.Job{
			Schedule: services.Every(time.Hour), Retries: 3, RetryAfter: 10 * time.Second, Log: quietLog(),
			Do: func(context.Context) error {
				tries = append(tries, time.Since(start)-time.Hour)
				if len(tries) < 3 {
					return errBoom
				}
				return nil
			},
		}
		tr := serve(t, supervise.Child{Name: "job", Service: job})
		time.Sleep(90 * time.Minute)
		synctest.Wait()
		if len(tries) != 3 || tries[1] < 10*time.Second || tries[1] > 15*time.Second ||
			tries[2]-tries[1] < 20*time.Second || tries[2]-tries[1] > 30*time.Second {
			t.Errorf("tries at %v, want three, after 10 and 20 s and up to half more", tries)
		}
		if got := detail(job); got.Counts.Runs != 1 || got.Counts.Succeeded != 1 || got.Last[0].Attempts != 3 {
			t.Errorf("got %+v, want a run that succeeded at the third attempt", got)
		}
		tr.stop()
	})
}

func TestRetriesDoNotComeSoonerThanRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var pauses []time.Duration
		last := time.Now()
		job := &services.Job{
			Schedule: services.Every(time.Hour), Retries: 12, RetryAfter: time.Second, OnError: services.Log, Log: quietLog(),
			Do: func(context.Context) error {
				pauses = append(pauses, time.Since(last))
				last = time.Now()
				return errBoom
			},
		}
		tr := serve(t, supervise.Child{Name: "job", Service: job})
		synctest.Wait()
		for _, c := range []struct{ after, most time.Duration }{{time.Second, time.Minute}, {5 * time.Minute, 5 * time.Minute}} {
			job.RetryAfter, pauses = c.after, nil
			job.Trigger(t.Context())
			want, exact := c.after, 0
			for i, d := range pauses[1:] {
				if d < want || d > want+want/2 {
					t.Errorf("RetryAfter %v, pause %d: got %v, want %v and up to half more", c.after, i+1, d, want)
				}
				if d == want {
					exact++
				}
				want = min(2*want, c.most)
			}
			if exact > 6 {
				t.Errorf("RetryAfter %v: %d pauses of %d have nothing added at random", c.after, exact, len(pauses)-1)
			}
		}
		tr.stop()
	})
}

func TestRetriesThatAreUsedUpFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		job := &services.Job{
			Schedule: services.Every(time.Hour), Retries: 2, Log: quietLog(),
			Do: func(context.Context) error { calls++; return errBoom },
		}
		tr := serve(t, supervise.Child{Name: "job", Service: job, Policy: supervise.Policy{Restart: supervise.Never}})
		time.Sleep(90 * time.Minute)
		synctest.Wait()
		if got := tr.child(); calls != 3 || got.State != supervise.Failed || !errors.Is(got.Err, errBoom) {
			t.Errorf("%d calls, %v (%v), want 3 and failed", calls, got.State, got.Err)
		}
		tr.stop()
	})
}

func TestJitterDelaysEachRunWithinItsBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var late []time.Duration
		job := &services.Job{Schedule: services.Every(time.Hour), Jitter: time.Minute, Do: func(ctx context.Context) error {
			run, _ := services.CurrentRun(ctx)
			late = append(late, time.Since(run.Scheduled))
			return nil
		}}
		tr := serve(t, supervise.Child{Name: "job", Service: job})
		time.Sleep(100*time.Hour + time.Minute)
		tr.stop()
		differ := false
		for _, d := range late {
			if d < 0 || d >= time.Minute {
				t.Errorf("%v late, want less than a minute", d)
			}
			differ = differ || d != late[0]
		}
		if len(late) != 100 || !differ {
			t.Errorf("%d runs, different delays: %v, want 100 and true", len(late), differ)
		}
	})
}

func TestErrorsThatAreLoggedFailNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log records
		calls := 0
		job := &services.Job{
			Schedule: services.Every(time.Second), OnError: services.Log, Log: log.logger(),
			Do: func(context.Context) error {
				if calls++; calls == 2 {
					panic("oops")
				}
				return errBoom
			},
		}
		tr := serve(t, supervise.Child{Name: "job", Service: job})
		time.Sleep(3500 * time.Millisecond)
		synctest.Wait()
		if got := tr.child(); got.Run != 1 || got.State != supervise.Running {
			t.Errorf("got run %d, %v, want the first, running", got.Run, got.State)
		}
		if got := detail(job).Counts; got.Failed != 2 || got.Panicked != 1 || got.Runs != 3 {
			t.Errorf("counts: got %+v, want 2 failed, 1 panicked", got)
		}
		for _, want := range []string{
			`level=WARN msg="job run failed" service=test/job job_run=1 outcome=failed attempts=1 err=boom`,
			`service=test/job job_run=2 outcome=panicked attempts=1 err="panic: oops" stack=`,
		} {
			if log.count(want) != 1 {
				t.Errorf("log: got %s, want %s in it once", log.String(), want)
			}
		}
		tr.stop()
	})
}

func TestOneRunThatFailsCutsTheOthersShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		others := make(chan error, 1)
		job := &services.Job{
			Schedule: services.Every(time.Second), Overlap: services.Parallel,
			Do: func(ctx context.Context) error {
				if calls.Add(1) == 2 {
					return errBoom
				}
				<-ctx.Done()
				others <- context.Cause(ctx)
				return ctx.Err()
			},
		}
		tr := serve(t, supervise.Child{Name: "job", Service: job, Policy: supervise.Policy{Restart: supervise.Never}})
		time.Sleep(2500 * time.Millisecond)
		synctest.Wait()
		if got := tr.child(); got.State != supervise.Failed || !errors.Is(got.Err, errBoom) || <-others == nil {
			t.Errorf("got %v (%v), want failed (boom), and the other one ended", got.State, got.Err)
		}
		tr.stop()
	})
}

func TestRunIsKnownByItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log records
		start := time.Now()
		job := &services.Job{Schedule: services.Every(time.Second), Log: log.logger(), Do: func(ctx context.Context) error {
			run, ok := services.CurrentRun(ctx)
			if !ok || run.ID != 1 || run.Attempts != 1 || !run.Scheduled.Equal(start.Add(time.Second)) || run.Outcome != services.UnderWay {
				t.Errorf("CurrentRun: got %+v, %v", run, ok)
			}
			if got := supervise.Path(ctx); got != "test/job" {
				t.Errorf("Path: got %q, want test/job", got)
			}
			services.RunLog(ctx).Info("working")
			return supervise.ErrDone
		}}
		tr := serve(t, supervise.Child{Name: "job", Service: job})
		err := tr.wait()
		if !errors.Is(err, supervise.ErrDone) {
			t.Errorf("Serve: got %v, want ErrDone, as Do says it", err)
		}
		if log.count("msg=working service=test/job job_run=1") != 1 {
			t.Errorf("log: got %s", log.String())
		}
		if _, ok := services.CurrentRun(t.Context()); ok {
			t.Error("CurrentRun elsewhere: want none")
		}
	})
}

func TestHistoryHasTheLastFiftyRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		var seen []int
		job := &services.Job{
			Schedule: services.Every(time.Second), OnError: services.Log, Log: quietLog(),
			Do: func(context.Context) error {
				if calls++; calls%10 == 0 {
					return errBoom
				}
				return nil
			},
			OnRun: func(r services.JobRun) { seen = append(seen, r.ID) },
		}
		tr := serve(t, supervise.Child{Name: "job", Service: job})
		time.Sleep(120*time.Second + 500*time.Millisecond)
		synctest.Wait()
		last := detail(job).Last
		if len(last) != 50 || last[0].ID != 120 || last[49].ID != 71 || !errors.Is(last[0].Err, errBoom) || last[1].Err != nil || !errors.Is(last[40].Err, errBoom) {
			t.Errorf("got %d runs, from %+v to %+v", len(last), last[0], last[len(last)-1])
		}
		if len(seen) != 120 || seen[119] != 120 {
			t.Errorf("OnRun saw %d runs, want 120", len(seen))
		}
		text, err := json.Marshal(tr.child())
		if err != nil || !strings.Contains(string(text), `"detail":{"schedule":"every 1s","next":"2000-01-01T00:02:01Z"`) ||
			!strings.Contains(string(text), `"outcome":"failed","err":"boom"`) {
			t.Errorf("status: got %s, %v", text, err)
		}
		tr.stop()
	})
}
