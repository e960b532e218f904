package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tend.example/tend/internal/cli/client"
)

// well tells whether there is nothing to see to: a service runs, or is done, and so is all below it.
func well(s *client.Status) bool {
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
			if !well(&s.Children[i]) {
				return false
			}
		}
		return true
	default:
		return false
	}
}

// flat is a service and all below it, in the order of the tree.
func flat(s *client.Status) []*client.Status {
	list := []*client.Status{s}
	for i := range s.Children {
		list = append(list, flat(&s.Children[i])...)
	}
	return list
}

// note is what there is to say of a service besides its state, the most urgent first. It is plain.
func note(s *client.Status, now time.Time) string {
	var parts []string
	switch s.State {
	case "backoff":
		parts = append(parts, "again in "+soon(s.Next.Sub(now)))
	case "idle":
		parts = append(parts, "waits for its turn")
	}
	if s.Err != "" && s.State == "running" {
		parts = append(parts, "before: "+plain(s.Err))
	} else if s.Err != "" {
		parts = append(parts, plain(s.Err))
	}
	if len(s.Counts) > 0 {
		parts = append(parts, counts(s.Counts))
	}
	if d, ok := jobOf(s); ok {
		parts = append(parts, d.note(now))
	}
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), "; ")
}

// counts is how many members of a pool are in each state.
func counts(counts map[string]int) string {
	states := make([]string, 0, len(counts))
	for state := range counts {
		states = append(states, state)
	}
	slices.SortFunc(states, func(a, b string) int {
		if counts[a] != counts[b] {
			return counts[b] - counts[a]
		}
		return strings.Compare(a, b)
	})
	for i, state := range states {
		states[i] = count(counts[state]) + " " + plain(state)
	}
	return strings.Join(states, ", ")
}

// job is what a service tells of itself that runs at the times of a schedule.
type job struct {
	Schedule string    `json:"schedule"`
	Next     time.Time `json:"next"`
	Paused   bool      `json:"paused"`
	UnderWay []jobRun  `json:"under_way"`
	Last     []jobRun  `json:"last"` // the latest first
	Counts   *jobCount `json:"counts"`
	Jobs     *int      `json:"jobs"` // it is many jobs
}

type jobCount struct {
	Runs   int `json:"runs"`
	Missed int `json:"missed"`
}

type jobRun struct {
	ID        int       `json:"id"`
	Started   time.Time `json:"started"`
	Ended     time.Time `json:"ended"`
	Attempts  int       `json:"attempts"`
	Triggered bool      `json:"triggered"`
	Outcome   string    `json:"outcome"`
	Err       string    `json:"err"`
}

// jobOf finds out by its detail whether a service is a job.
func jobOf(s *client.Status) (job, bool) {
	var d job
	if len(s.Detail) == 0 || json.Unmarshal(s.Detail, &d) != nil {
		return job{}, false
	}
	return d, d.Counts != nil && d.Jobs == nil
}

func (d *job) note(now time.Time) string {
	var parts []string
	switch {
	case len(d.UnderWay) == 1:
		parts = append(parts, "at work for "+age(now.Sub(d.UnderWay[0].Started)))
	case len(d.UnderWay) > 1:
		parts = append(parts, count(len(d.UnderWay))+" runs under way")
	}
	switch {
	case d.Paused:
		parts = append(parts, "paused")
	case !d.Next.IsZero():
		parts = append(parts, "next in "+soon(d.Next.Sub(now)))
	}
	if len(d.Last) > 0 && d.Last[0].Outcome != "succeeded" {
		parts = append(parts, d.Last[0].failure())
	}
	return strings.Join(parts, ", ")
}

// failure is how a run went that did not go well.
func (r *jobRun) failure() string {
	text := fmt.Sprintf("run %d %s", r.ID, plain(r.Outcome))
	if r.Err != "" {
		text += ": " + plain(r.Err)
	}
	return text
}

// num is a number that is not worth showing when it is 0.
func num(n int) string {
	if n == 0 {
		return ""
	}
	return count(n)
}

// since is how long ago something was, or "".
func since(t, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	return age(now.Sub(t))
}
