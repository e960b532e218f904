package services

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"tend.example/tend/supervise"
)

// Jobs keeps many jobs in one service: they share a goroutine and a timer, and a job has a goroutine only while it
// runs. Each is a [Job] with all that one can be told; but OnError Fail fails all of Jobs, so Log is mostly
// what is wanted here. A pointer to it is a supervise.Service; it may be served again after it has
// returned, but not twice at a time.
//
// The goroutines of a run, and its ctx, have the pprof label job beside service: the name in Jobs.
type Jobs struct {
	// Jobs are those that it begins with, by name. It is not changed: Add and Remove change what is kept beside.
	Jobs map[string]*Job

	mu   sync.Mutex
	jobs map[string]*Job // nil before the first use
	has  map[*Job]bool   // those
	rota *rota           // nil: it is not served
}

// Serve begins the runs of all jobs at their times until ctx is done, or a run fails under Fail. Without jobs it waits
// for some.
func (j *Jobs) Serve(ctx context.Context) error {
	if err := AwaitTurn(ctx); err != nil {
		return err
	}
	r := newRota(ctx)
	if err := j.open(r); err != nil {
		return err
	}
	defer j.close()
	supervise.Ready(ctx)
	return r.serve(ctx)
}

func (j *Jobs) open(r *rota) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.rota != nil {
		return errors.New("services.Jobs: it is served already")
	}
	j.fill()
	for name, job := range j.jobs {
		err := job.check()
		if err == nil {
			err = job.join(r, name)
		}
		if err != nil {
			j.part()
			return supervise.Fatal(fmt.Errorf("services.Jobs: job %q: %w", name, err))
		}
	}
	j.rota = r
	return nil
}

// fill takes over the jobs of the field, once. The caller holds mu.
func (j *Jobs) fill() {
	if j.jobs != nil {
		return
	}
	j.jobs, j.has = make(map[string]*Job, len(j.Jobs)), make(map[*Job]bool, len(j.Jobs))
	for name, job := range j.Jobs {
		j.jobs[name], j.has[job] = job, true
	}
}

func (j *Jobs) close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.part()
	j.rota = nil
}

// part lets all jobs leave. The caller holds mu.
func (j *Jobs) part() {
	for _, job := range j.jobs {
		job.leave()
	}
}

// Add adds a job, whether Jobs is served or not. Errors: supervise.ErrDuplicate when there is one of that name, and
// others for a job that lacks Schedule or Do, is there under another name, or is served elsewhere.
func (j *Jobs) Add(name string, job *Job) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.fill()
	err := job.check()
	switch _, taken := j.jobs[name]; {
	case err != nil:
	case taken:
		err = supervise.ErrDuplicate
	case j.rota != nil:
		err = job.join(j.rota, name)
	case j.has[job]:
		err = errors.New("the job is there under another name")
	}
	if err != nil {
		return fmt.Errorf("add the job %q: %w", name, err)
	}
	j.jobs[name], j.has[job] = job, true
	return nil
}

// Remove takes a job out. A run under way goes on; Job.Cancel ends it. Error: supervise.ErrNoChild when there is no job of that
// name.
func (j *Jobs) Remove(name string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.fill()
	job, ok := j.jobs[name]
	if !ok {
		return fmt.Errorf("remove the job %q: %w", name, supervise.ErrNoChild)
	}
	delete(j.jobs, name)
	delete(j.has, job)
	job.leave()
	return nil
}

// Job is the job of a name, or nil.
func (j *Jobs) Job(name string) *Job {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.fill()
	return j.jobs[name]
}

// Len is how many jobs there are.
func (j *Jobs) Len() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.fill()
	return len(j.jobs)
}

// String is "jobs".
func (j *Jobs) String() string { return "jobs" }

// JobsDetail is what Jobs tells of itself, as supervise.Status has it.
type JobsDetail struct {
	Jobs     int       `json:"jobs"`
	Paused   int       `json:"paused,omitempty"`
	UnderWay int       `json:"under_way,omitempty"` // jobs with a run under way
	Failing  int       `json:"failing,omitempty"`   // jobs whose last run has failed, timed out or panicked
	Next     time.Time `json:"next,omitzero"`
	Counts   JobCounts `json:"counts"` // of all

	// Worst is names of those that fail, in order, at most 100.
	Worst []string `json:"worst,omitempty"`
}

// Detail is a JobsDetail. It looks at every job for a moment.
func (j *Jobs) Detail() any {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.fill()
	d := JobsDetail{Jobs: len(j.jobs)}
	for name, job := range j.jobs {
		if job.sum(&d) {
			d.Worst = append(d.Worst, name)
		}
	}
	slices.Sort(d.Worst)
	d.Failing = len(d.Worst)
	d.Worst = d.Worst[:min(len(d.Worst), 100)]
	return d
}

// sum adds what is known of a job, and tells whether its last run has failed; one that was cancelled has not.
func (j *Job) sum(d *JobsDetail) (failing bool) {
	s := &j.state
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.paused {
		d.Paused++
	}
	if len(s.active) > 0 {
		d.UnderWay++
	}
	if s.seat != nil && !s.next.IsZero() && (d.Next.IsZero() || s.next.Before(d.Next)) {
		d.Next = present(s.next)
	}
	d.Counts.sum(&s.counts)
	last, ok := s.history.latest()
	return ok && last.outcome != Succeeded && last.outcome != Cancelled
}
