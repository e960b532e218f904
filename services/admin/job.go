package admin

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"tend.example/tend/supervise"
)

// job is what a service has that does something at the times of a schedule, as services.Job does.
type job interface {
	Trigger(ctx context.Context) error
	Pause()
	Resume()
	Cancel() int
	Upcoming(n int) []time.Time
}

// jobIn is the job in a service, which may have wrappers around it.
func jobIn(service supervise.Service) (job, bool) {
	for service != nil {
		if j, ok := service.(job); ok {
			return j, true
		}
		wrapper, ok := service.(interface{ Unwrap() supervise.Service })
		if !ok {
			return nil, false
		}
		service = wrapper.Unwrap()
	}
	return nil, false
}

// serviceAt finds the service of a child by its path, or nil. Members of pools it does not know.
func serviceAt(g *supervise.Group, path string) supervise.Service {
	name, rest, deeper := strings.Cut(strings.TrimPrefix(path, g.Name+"/"), "/")
	for {
		found := childOf(g, name)
		sub, ok := found.(*supervise.Group)
		switch {
		case !deeper:
			return found
		case !ok:
			return nil
		}
		g = sub
		name, rest, deeper = strings.Cut(rest, "/")
	}
}

func childOf(g *supervise.Group, name string) supervise.Service {
	children := g.Current()
	for i := range children {
		if children[i].Name == name {
			return children[i].Service
		}
	}
	return nil
}

// theJob finds the job at a path, or answers that there is none.
func (s *server) theJob(w http.ResponseWriter, r *http.Request, path string) (job, bool) {
	if j, ok := jobIn(serviceAt(s.Tree, path)); ok {
		return j, true
	}
	if _, _, ok := s.find(path); !ok {
		s.noService(w, r, path)
	} else {
		fail(w, r, http.StatusNotFound, path+" is no job")
	}
	return nil, false
}

func (s *server) byHand(verb string, do func(job)) deed {
	return func(w http.ResponseWriter, r *http.Request, path string) {
		note(r, verb, path)
		if j, ok := s.theJob(w, r, path); ok {
			do(j)
			s.sayDone(w, http.StatusOK, path, nil)
		}
	}
}

// cancel ends the runs under way, and tells how many there were. It waits for none of them.
func (s *server) cancel(w http.ResponseWriter, r *http.Request, path string) {
	note(r, "cancel", path)
	j, ok := s.theJob(w, r, path)
	if !ok {
		return
	}
	runs := j.Cancel()
	_, st, _ := s.find(path)
	reply(w, http.StatusOK, struct {
		done
		Cancelled int `json:"cancelled"`
	}{done{Status: st}, runs})
}

// trigger begins a run, and waits for it if that is asked for.
func (s *server) trigger(w http.ResponseWriter, r *http.Request, path string) {
	note(r, "trigger", path)
	j, ok := s.theJob(w, r, path)
	if !ok {
		return
	}
	wait, err := strconv.ParseBool(cmp.Or(r.URL.Query().Get("wait"), "false"))
	if err != nil {
		fail(w, r, http.StatusBadRequest, "wait: want true or false")
		return
	}
	ctx, free, ok := s.patience(w, r)
	if !ok {
		return
	}
	defer free()
	if !wait {
		var leave context.CancelFunc
		ctx, leave = context.WithCancel(ctx)
		leave() // it bounds the wait, and not the run
	}
	err = j.Trigger(ctx)
	over := ctx.Err() == nil && wait || err != nil && !errors.Is(err, ctx.Err())
	switch cause := context.Cause(ctx); {
	case errors.Is(err, supervise.ErrNotServing):
		refuse(w, r, err)
	case s.Overlap != nil && errors.Is(err, s.Overlap):
		fail(w, r, http.StatusConflict, err.Error())
	case over:
		reply(w, http.StatusOK, newOutcome(j, err))
	case errors.Is(cause, context.DeadlineExceeded):
		refuse(w, r, fmt.Errorf("wait for the run: %w", err))
	default: // nobody waits, or nobody may any longer
		s.sayDone(w, http.StatusAccepted, path, nil)
	}
}

// outcome is what became of a run.
type outcome struct {
	Outcome string `json:"outcome"`
	Err     string `json:"err,omitzero"`
}

// newOutcome has the word that the job itself has for it, if its Detail tells as that of services.Job does.
func newOutcome(j job, err error) outcome {
	if err == nil {
		return outcome{Outcome: "succeeded"}
	}
	failed := outcome{Outcome: "failed", Err: fmt.Sprint(err)} // which survives an Error method that panics
	for _, run := range detailOf(j).Last {
		if run.Triggered && run.Err == failed.Err {
			failed.Outcome = run.Outcome
			break
		}
	}
	return failed
}

// detail is what a job tells of itself, as far as it is needed here.
type detail struct {
	Paused bool `json:"paused"`
	Last   []struct {
		outcome
		Triggered bool `json:"triggered"`
	} `json:"last"`
}

// detailOf has nothing of a job whose Detail is not like that of services.Job.
func detailOf(j job) (d detail) {
	if teller, ok := j.(interface{ Detail() any }); ok {
		if text, err := json.Marshal(teller.Detail()); err != nil || json.Unmarshal(text, &d) != nil {
			return detail{}
		}
	}
	return d
}

// next is when a job runs next, or would run if it were not paused or at rest.
func (s *server) next(w http.ResponseWriter, r *http.Request, path string) {
	n := 10
	if text := r.URL.Query().Get("n"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 || n > 1000 {
			fail(w, r, http.StatusBadRequest, "n: want a number from 1 to 1000")
			return
		}
	}
	j, ok := s.theJob(w, r, path)
	if !ok {
		return
	}
	_, st, _ := s.find(path)
	reply(w, http.StatusOK, struct {
		State  supervise.State `json:"state"`
		Paused bool            `json:"paused"`
		Next   []time.Time     `json:"next"`
	}{st.State, detailOf(j).Paused, append([]time.Time{}, j.Upcoming(n)...)})
}
