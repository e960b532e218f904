package show

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tend.example/tend/internal/cli/client"
)

// Well tells whether there is nothing to see to: a service runs, or is done, and so is all below it.
func Well(s *client.Status) bool {
	switch s.State {
	case "done":
		return true
	case "running":
		for state, n := range s.Counts {
			if n > 0 && state != "running" && state != "done" {
				return false
			}
		}
		for i := range s.Children {
			if !Well(&s.Children[i]) {
				return false
			}
		}
		return true
	default:
		return false
	}
}

// Flat is a service and all below it, in the order of the tree.
func Flat(s *client.Status) []*client.Status {
	list := []*client.Status{s}
	for i := range s.Children {
		list = append(list, Flat(&s.Children[i])...)
	}
	return list
}

// Note is what there is to say of a service besides its state, the most urgent first. It is plain.
func Note(s *client.Status, now time.Time) string {
	var parts []string
	switch s.State {
	case "backoff":
		parts = append(parts, "again in "+Soon(s.Next.Sub(now)))
	case "idle":
		parts = append(parts, "waits for its turn")
	}
	if s.Err != "" && (s.State == "running" || s.State == "starting") {
		parts = append(parts, "before: "+Plain(s.Err))
	} else if s.Err != "" {
		parts = append(parts, Plain(s.Err))
	}
	if len(s.Counts) > 0 {
		parts = append(parts, Counts(s.Counts))
	}
	if d, ok := JobOf(s); ok {
		parts = append(parts, d.note(now, s.Err))
	}
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), "; ")
}

// worstFirst is the order in which states are counted up: a line may be cut at its end.
var worstFirst = []string{"stuck", "failed", "backoff", "stopped", "stopping", "starting", "idle", "running", "done"}

// Counts is how many services are in each state, the worst first.
func Counts(counts map[string]int) string {
	rank := func(state string) int { return slices.Index(worstFirst, state) } // those of a newer daemon before all
	states := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b))
	})
	for i, state := range states {
		states[i] = Count(counts[state]) + " " + Plain(state)
	}
	return strings.Join(states, ", ")
}

// Job is what a service tells of itself that runs at the times of a schedule.
type Job struct {
	Schedule string     `json:"schedule"`
	Next     time.Time  `json:"next"`
	Paused   bool       `json:"paused"`
	UnderWay []JobRun   `json:"under_way"`
	Last     []JobRun   `json:"last"` // the latest first
	Counts   *JobCounts `json:"counts"`
	Jobs     *int       `json:"jobs"` // it is many jobs
}

// JobCounts counts what became of its times.
type JobCounts struct {
	Runs   int `json:"runs"`
	Missed int `json:"missed"`
}

// JobRun is a run of it.
type JobRun struct {
	ID        int       `json:"id"`
	Started   time.Time `json:"started"`
	Ended     time.Time `json:"ended"`
	Attempts  int       `json:"attempts"`
	Triggered bool      `json:"triggered"`
	Outcome   string    `json:"outcome"`
	Err       string    `json:"err"`
}

// JobOf finds out by its detail whether a service is a job.
func JobOf(s *client.Status) (Job, bool) {
	var d Job
	if len(s.Detail) == 0 || json.Unmarshal(s.Detail, &d) != nil {
		return Job{}, false
	}
	return d, d.Counts != nil && d.Jobs == nil
}

// note tells of the job; what has failed the service need not be told twice.
func (d *Job) note(now time.Time, told string) string {
	var parts []string
	switch {
	case len(d.UnderWay) == 1:
		parts = append(parts, "at work for "+Age(now.Sub(d.UnderWay[0].Started)))
	case len(d.UnderWay) > 1:
		parts = append(parts, Count(len(d.UnderWay))+" runs under way")
	}
	switch {
	case d.Paused:
		parts = append(parts, "paused")
	case !d.Next.IsZero():
		parts = append(parts, "next in "+Soon(d.Next.Sub(now)))
	}
	if len(d.Last) > 0 && d.Last[0].Outcome != "succeeded" && (d.Last[0].Err != told || told == "") {
		parts = append(parts, d.Last[0].Failure())
	}
	return strings.Join(parts, ", ")
}

// Failure is how a run went that did not go well.
func (r *JobRun) Failure() string {
	text := fmt.Sprintf("run %d %s", r.ID, Plain(r.Outcome))
	if r.Err != "" {
		text += ": " + Plain(r.Err)
	}
	return text
}

// Num is a number that is not worth showing when it is 0.
func Num(n int) string {
	if n == 0 {
		return ""
	}
	return Count(n)
}

// Since is how long ago something was, or "".
func Since(t, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	return Age(now.Sub(t))
}
