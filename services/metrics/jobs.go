package metrics

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tend.example/tend/services"
)

// job is what OnRun has told of a job, or of all jobs of a service.
type job struct {
	took, late  prometheus.Observer
	lastSuccess atomic.Int64 // in nanoseconds of Unix time; 0: none yet
}

// OnRun is an OnRun for a services.Job of the service with this path, which calls next, too, unless that is nil. Register
// sees to it for the jobs that are in the tree.
func (t *Tree) OnRun(service string, next func(services.JobRun)) func(services.JobRun) {
	t.setUp()
	j := t.job(service)
	return func(r services.JobRun) {
		j.ended(&r)
		if next != nil {
			next(r)
		}
	}
}

func (t *Tree) job(service string) *job {
	t.mu.Lock()
	defer t.mu.Unlock()
	j := t.jobs[service]
	if j == nil {
		j = &job{took: t.vecs.jobTook.WithLabelValues(service), late: t.vecs.jobLate.WithLabelValues(service)}
		t.jobs[service] = j
	}
	return j
}

func (j *job) ended(r *services.JobRun) {
	j.took.Observe(r.Ended.Sub(r.Started).Seconds())
	if !r.Triggered { // or there is no time that it could be late for
		j.late.Observe(max(0, r.Started.Sub(r.Scheduled)).Seconds())
	}
	if r.Outcome == services.Succeeded {
		j.succeeded(r.Ended)
	}
}

func (j *job) succeeded(at time.Time) {
	for now := at.UnixNano(); ; {
		last := j.lastSuccess.Load()
		if last >= now || j.lastSuccess.CompareAndSwap(last, now) {
			return
		}
	}
}

// forgetJobs drops those that are gone. The caller holds mu.
func (t *Tree) forgetJobs(gone func(service string) bool) {
	for service := range t.jobs {
		if gone(service) {
			delete(t.jobs, service)
			t.vecs.jobTook.DeleteLabelValues(service)
			t.vecs.jobLate.DeleteLabelValues(service)
		}
	}
}
