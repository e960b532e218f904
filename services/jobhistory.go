package services

import (
	"slices"
	"time"
)

// remembered is how many runs a job remembers.
const remembered = 50

// jobHistory is the last runs of a job. A hundred thousand jobs have one each, so what it remembers of a run that
// succeeded has no pointers, and it grows as it must.
type jobHistory struct {
	runs []pastRun // a ring once there are as many as are remembered
	next int       // where the next one goes
	errs []pastErr // of those that failed, the latest ones
}

type pastRun struct {
	id                        int
	scheduled, started, ended int64 // in nanoseconds of Unix time
	attempts                  int32
	outcome                   Outcome
	triggered                 bool
}

type pastErr struct {
	id  int
	err error
}

func (h *jobHistory) add(r *JobRun) {
	past := pastRun{
		r.ID, r.Scheduled.UnixNano(), r.Started.UnixNano(), r.Ended.UnixNano(),
		int32(min(r.Attempts, 1<<30)), r.Outcome, r.Triggered,
	}
	if len(h.runs) < remembered {
		h.runs = append(withRoom(h.runs), past)
	} else {
		h.runs[h.next] = past
		h.next = (h.next + 1) % remembered
	}
	if r.Err == nil {
		return
	}
	if len(h.errs) == remembered {
		h.errs = slices.Delete(h.errs, 0, 1)
	}
	h.errs = append(withRoom(h.errs), pastErr{r.ID, r.Err})
}

// withRoom is a list with room for one more, and never for more than are remembered, as append would have it.
func withRoom[T any](list []T) []T {
	if len(list) < cap(list) {
		return list
	}
	return append(make([]T, 0, min(2*len(list)+1, remembered)), list...)
}

// latest is the last run.
func (h *jobHistory) latest() (pastRun, bool) {
	if len(h.runs) == 0 {
		return pastRun{}, false
	}
	return h.runs[(h.next+len(h.runs)-1)%len(h.runs)], true
}

// all is the runs, the latest first.
func (h *jobHistory) all() []JobRun {
	out := make([]JobRun, len(h.runs))
	for i := range out {
		p := &h.runs[(h.next+len(h.runs)-1-i)%len(h.runs)]
		out[i] = JobRun{
			ID: p.id, Scheduled: time.Unix(0, p.scheduled), Started: time.Unix(0, p.started), Ended: time.Unix(0, p.ended),
			Attempts: int(p.attempts), Triggered: p.triggered, Outcome: p.outcome,
		}
		for _, e := range h.errs {
			if e.id == p.id {
				out[i].Err = e.err
			}
		}
	}
	return out
}

// JobCounts counts what became of the times of a job since its value was made.
type JobCounts struct {
	Runs      int `json:"runs"` // that have ended
	Succeeded int `json:"succeeded"`
	Failed    int `json:"failed"`
	TimedOut  int `json:"timed_out"`
	Cancelled int `json:"cancelled"`
	Panicked  int `json:"panicked"`
	Missed    int `json:"missed"`  // times that passed without a run of their own; 10,000 at the most where they are found one by one, as those of Cron are
	MadeUp    int `json:"made_up"` // runs for missed times

	Total   time.Duration `json:"total"`   // of all runs, in nanoseconds
	Longest time.Duration `json:"longest"` // run
}

func (c *JobCounts) sum(other *JobCounts) {
	c.Runs += other.Runs
	c.Succeeded += other.Succeeded
	c.Failed += other.Failed
	c.TimedOut += other.TimedOut
	c.Cancelled += other.Cancelled
	c.Panicked += other.Panicked
	c.Missed += other.Missed
	c.MadeUp += other.MadeUp
	c.Total += other.Total
	c.Longest = max(c.Longest, other.Longest)
}

func (c *JobCounts) add(r *JobRun) {
	c.Runs++
	switch r.Outcome {
	case Succeeded:
		c.Succeeded++
	case Failed:
		c.Failed++
	case TimedOut:
		c.TimedOut++
	case Cancelled:
		c.Cancelled++
	case Panicked:
		c.Panicked++
	case UnderWay:
	}
	took := r.Ended.Sub(r.Started)
	c.Total += took
	c.Longest = max(c.Longest, took)
}

// JobDetail is what a job tells of itself, as supervise.Status has it.
type JobDetail struct {
	Schedule string    `json:"schedule,omitempty"`
	Next     time.Time `json:"next,omitzero"` // zero: none, or it is not served
	Paused   bool      `json:"paused,omitempty"`
	Finished bool      `json:"finished,omitempty"` // for good, as a run of it said
	UnderWay []JobRun  `json:"under_way,omitempty"`
	Queued   bool      `json:"queued,omitempty"` // one waits for its turn
	Last     []JobRun  `json:"last,omitempty"`   // the last 50, the latest first
	Counts   JobCounts `json:"counts"`
}

// Detail is a JobDetail.
func (j *Job) Detail() any {
	s := &j.state
	s.mu.Lock()
	defer s.mu.Unlock()
	d := JobDetail{
		Schedule: j.scheduleText(), Paused: s.paused, Finished: s.finished != nil, Queued: s.queued != nil || len(s.backlog) > 0 || s.blocked && j.Overlap == Queue,
		Last: s.history.all(), Counts: s.counts,
	}
	if s.seat != nil {
		d.Next = present(s.next)
	}
	for _, r := range s.active {
		d.UnderWay = append(d.UnderWay, r.record)
	}
	return d
}
