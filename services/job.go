package services

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"tend.example/tend/supervise"
)

// Job does something at the times of a schedule. A pointer to it is a supervise.Service; many of them are
// better kept together in [Jobs]. It may be served again after it has returned, but not twice at a time, and then
// goes on in its schedule as if it had never stopped: what it knows lasts as long as the value.
//
// What is due while it can't run (the run before takes too long, the process stood still, the clock was set,
// or, with a StateFile, the program was down) is missed, and Missed says what becomes of that. A time is
// missed when a later one has passed, too, or when it is more than a minute late.
//
// When the service is told to stop no further run begins, and one under way has the time of
// supervise.StopContext to finish, further tries included: its ctx ends when a fifth of that is left, but at most a second,
// and [Draining] tells earlier. What is cut short by that, or does not end even so, is named in the error.
//
// It calls supervise.Beat before and after each Do. So a Policy.Heartbeat that is longer than both the
// pauses of the schedule and the longest Do finds a Do that hangs.
type Job struct {
	// Schedule says when. Required.
	Schedule Schedule

	// Do is called at each time, on a goroutine that no other run has meanwhile. Required. One that follows may have it: what
	// Do does to its goroutine, by runtime.LockOSThread for one, it undoes. ctx has the values of the service's run,
	// so the functions of package supervise work on it; [CurrentRun] and [RunLog] tell of the run. Beside the pprof label
	// service, the path of the child, it has the label job: the name in Jobs, or else that of the child. A panic is a
	// failed run of the service under Fail, whatever else is set.
	Do func(ctx context.Context) error

	// Overlap says what becomes of a time that comes while a run is under way. 0: Skip.
	Overlap Overlap

	// Parallel is how many runs there may be at a time under the overlap Parallel. 0: 10.
	Parallel int

	// Missed says what becomes of the times that were missed. 0: MissedSkip.
	Missed Missed

	// MaxMissed is how many runs are made up for under MissedAll, the latest ones; 10,000 at the most. 0: 100.
	MaxMissed int

	// Timeout is the deadline of the ctx of a run, retries included. It ends with context.DeadlineExceeded and the cause
	// [ErrTimeout]; the run has timed out, which is a failure. 0: none.
	Timeout time.Duration

	// Jitter delays each run by up to so much, at random. One that is longer than the distance of two times makes the second
	// of them late, or missed. 0: none.
	Jitter time.Duration

	// Retries is how often a Do that fails is tried again within its run. What says supervise.ErrDone or supervise.Fatal
	// is not.
	Retries int

	// RetryAfter is the delay before the first of them, and up to half more at random. It doubles with each, up to a
	// minute, but stays if it is longer than that. 0: 1s.
	RetryAfter time.Duration

	// OnError says what an error of the last try means. 0: Fail. Whatever it is, supervise.ErrDone says that the job is
	// finished for good (in Jobs, this one alone, for as long as the value lives), and supervise.Fatal ends the whole tree.
	OnError OnError

	// StateFile remembers the last time that was dealt with, so that what was missed while the program was down is
	// known, and a program that ends while it makes up for that goes on with it. It is written before a run begins. A
	// file that can't be read or written is told in the log. "": none.
	StateFile string

	// OnRun is told of every run that has ended, one at a time and in their order. It may ask the job; but other runs of it
	// do not end meanwhile, so it should not block, and must not wait for one. nil: nobody is told.
	OnRun func(JobRun)

	// Log is told of failures that do not fail the service, and of missed runs. nil: slog.Default().
	Log *slog.Logger

	state jobState
}

// Overlap says what becomes of a time that comes while a run is under way.
type Overlap int

const (
	// Skip misses it.
	Skip Overlap = iota
	// Queue lets one wait; a further one is missed.
	Queue
	// Parallel runs it beside, up to Job.Parallel at a time; a further one is missed.
	Parallel
)

// Missed says what becomes of times that were missed. All are counted.
type Missed int

const (
	// MissedSkip leaves them out.
	MissedSkip Missed = iota
	// MissedOnce makes up for all of them by one run, as soon as it can be.
	MissedOnce
	// MissedAll makes up for each, one after another, the oldest first, up to Job.MaxMissed.
	MissedAll
)

// OnError says what an error of a run means.
type OnError int

const (
	// Fail fails the service: other runs are cut short, and the policy of the service decides what follows.
	Fail OnError = iota
	// Log logs it, and the job goes on. A panic is logged, too.
	Log
)

const (
	defaultParallel   = 10
	defaultMaxMissed  = 100
	defaultRetryAfter = time.Second
	maxRetryAfter     = time.Minute

	// missedAfter is how late a time may be. It is the misfire threshold of Quartz.
	missedAfter = time.Minute
)

// These are answers to Trigger, or in a JobRun.
var (
	// ErrOverlap: a run is under way, and Overlap lets no other begin or wait.
	ErrOverlap = errors.New("a run is under way")
	// ErrTimeout is the cause of the end of a run's ctx after Timeout.
	ErrTimeout = errors.New("took longer than its timeout")
	// ErrCancelled is the cause of the end of a run's ctx after Cancel.
	ErrCancelled = errors.New("cancelled by hand")
	// errPanicked stands for a panic that goes on its way.
	errPanicked = errors.New("panicked")
)

// cutShort is the cause of the end of a run's ctx when its service ends before it.
type cutShort string

const (
	errOutOfTime   cutShort = "out of time"        // for stopping
	errOtherFailed cutShort = "another run failed" // and that under Fail, or by a panic
	errItsFailed   cutShort = "its service failed" // by something else: a schedule, or OnRun
	errSilent      cutShort = "no sign of life"    // from the service
)

func (c cutShort) Error() string { return string(c) }

// String is "job" and the schedule, if that has a String method.
func (j *Job) String() string {
	if s := j.scheduleText(); s != "" {
		return "job " + s
	}
	return "job"
}

func (j *Job) scheduleText() string {
	if s, ok := j.Schedule.(fmt.Stringer); ok {
		return s.String()
	}
	return ""
}

// Serve calls Do at each time of the schedule until ctx is done, and then returns nil; until Do fails under
// Fail, and then returns its error; or until the schedule has no further time, or Do returns supervise.ErrDone, and then
// returns that. A job that lacks Schedule or Do is fatal to its tree.
func (j *Job) Serve(ctx context.Context) error {
	if err := j.check(); err != nil {
		return supervise.Fatal(fmt.Errorf("services.Job: %w", err))
	}
	if err := AwaitTurn(ctx); err != nil {
		return err
	}
	r := newRota(ctx)
	r.ends = true
	if err := j.join(r, ""); err != nil {
		return err
	}
	defer j.leave()
	supervise.Ready(ctx)
	return r.serve(ctx)
}

func (j *Job) check() error {
	if j.Schedule == nil || j.Do == nil {
		return errors.New("Schedule and Do are required")
	}
	for _, field := range []struct {
		name        string
		value, most int64
	}{
		{"Overlap", int64(j.Overlap), int64(Parallel)},
		{"Missed", int64(j.Missed), int64(MissedAll)},
		{"OnError", int64(j.OnError), int64(Log)},
		{"Parallel", int64(j.Parallel), math.MaxInt64},
		{"MaxMissed", int64(j.MaxMissed), math.MaxInt64},
		{"Retries", int64(j.Retries), math.MaxInt64},
		{"Timeout", int64(j.Timeout), math.MaxInt64},
		{"Jitter", int64(j.Jitter), math.MaxInt64},
		{"RetryAfter", int64(j.RetryAfter), math.MaxInt64},
	} {
		if field.value < 0 || field.value > field.most {
			return fmt.Errorf("%s of %d has no meaning", field.name, field.value)
		}
	}
	return nil
}

// Times is the next n times of the schedule after t, fewer when it has no more.
func (j *Job) Times(t time.Time, n int) []time.Time {
	var times []time.Time
	for len(times) < n {
		next := j.Schedule.Next(t)
		if next.IsZero() || !next.After(t) {
			break
		}
		times = append(times, next)
		t = next
	}
	return times
}

// Upcoming is the next n times at which the job is to run, fewer when there are no more. Where Times asks the
// schedule alone, this goes on from where the job is in it: the times of Every are counted from when it began. It is
// what would come if it were not paused, or not stopped; of one that is finished for good it is none.
func (j *Job) Upcoming(n int) []time.Time {
	from, now := j.whereabouts(), time.Now()
	times := []time.Time{}
	if from.finished {
		return times
	}
	if n > 0 && from.next.After(now) {
		times = append(times, from.next)
	} else if from.next = now; !from.last.IsZero() {
		from.next, _ = latest(j.Schedule, from.last, now)
	}
	times = append(times, j.Times(from.next, n-len(times))...)
	for i, t := range times {
		times[i] = present(t)
	}
	return times
}

// whereabouts is where a job is in its schedule.
type whereabouts struct {
	last, next time.Time
	finished   bool
}

func (j *Job) whereabouts() whereabouts {
	j.state.mu.Lock()
	defer j.state.mu.Unlock()
	return whereabouts{j.state.last, j.state.next, j.state.finished != nil}
}

func (j *Job) log() *slog.Logger {
	if j.Log == nil {
		return slog.Default()
	}
	return j.Log
}

// jobState is what a job knows, guarded by mu.
type jobState struct {
	mu   sync.Mutex
	seat *seat // in the rota that it is in; nil: it is not served

	last     time.Time // of the schedule: dealt with, up to this one, but for what waits
	dealt    time.Time // and up to this one, nothing waits
	next     time.Time // the first after that; zero: none, or not known yet
	paused   bool
	known    bool // the state file has been read
	lastID   int
	finished error // what a run said by which the job is finished for good; nil: it is not
	active   []*jobRun
	queued   *jobRun     // waits for its turn under Queue
	blocked  bool        // the time has come, but there is no room
	backlog  []time.Time // missed, and to be made up for
	history  jobHistory
	counts   JobCounts
	unsaved  bool      // the state file is to be written
	notes    []jobNote // are to be logged

	telling sync.Mutex // while OnRun is called; comes before mu
	saving  sync.Mutex // while the state file is written; comes before mu
}
