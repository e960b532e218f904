package admin_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tend.example/tend/supervise"
)

// byHand is a job as the view knows them: services.Job is one, too, and the scripts of the root ask that.
type byHand struct {
	busy, paused bool
	runs         int
	takes        time.Duration
	err          error
	cancelled    int
}

func (j *byHand) Serve(ctx context.Context) error { return idle(ctx) }

func (j *byHand) Trigger(ctx context.Context) error {
	if j.busy {
		return errors.Join(errors.New("trigger the job"), errOverlap)
	}
	j.runs++
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(j.takes):
		return j.err
	}
}

func (j *byHand) Pause()      { j.paused = true }
func (j *byHand) Resume()     { j.paused = false }
func (j *byHand) Cancel() int { j.cancelled++; return 1 }

func (j *byHand) Upcoming(n int) (times []time.Time) {
	t := time.Now()
	for range min(n, 3) {
		t = t.Add(time.Hour)
		times = append(times, t)
	}
	return times
}

func (j *byHand) Detail() any {
	return map[string]any{"paused": j.paused, "last": []any{map[string]any{"triggered": true, "outcome": "timed out", "err": "too slow"}}}
}

// wrapped hides the methods of what is in it.
type wrapped struct{ inside supervise.Service }

func (w *wrapped) Serve(ctx context.Context) error { return w.inside.Serve(ctx) }
func (w *wrapped) Unwrap() supervise.Service       { return w.inside }

func TestAJobIsSteeredByHandAlsoBehindWrappers(t *testing.T) {
	j := &byHand{takes: time.Second}
	inBubble(t, nil, func(t *testing.T, s *side) {
		post := func(target string, status int, part string) {
			t.Helper()
			if got, body := ask(s.handler, "POST", "/api/v1/services/g/job/"+target); got != status || !strings.Contains(body, part) {
				t.Errorf("%s: got %d %s, want %d with %s", target, got, body, status, part)
			}
		}
		begun := time.Now()
		post("trigger", 202, `"path":"tend/g/job"`)
		if j.runs != 1 || time.Since(begun) != 0 {
			t.Errorf("after a trigger: %d runs, %s", j.runs, time.Since(begun))
		}
		post("trigger?wait=true", 200, `{"outcome":"succeeded"}`)
		if time.Since(begun) != time.Second {
			t.Errorf("the wait took %s", time.Since(begun))
		}
		post("trigger?wait=true&timeout=10ms", 504, "wait for the run")
		j.err = errors.New("too slow")
		post("trigger?wait=true", 200, `{"outcome":"timed out","err":"too slow"}`)
		j.err = errors.New("something else")
		post("trigger?wait=true", 200, `{"outcome":"failed","err":"something else"}`)
		j.busy = true
		post("trigger", 409, "a run is under way")
		post("trigger?wait=true", 409, "a run is under way")
		post("trigger?wait=yes", 400, "wait: want true or false")
		post("pause", 200, `"status"`)
		if !j.paused {
			t.Error("not paused")
		}
		post("resume", 200, `"status"`)
		post("cancel", 200, `"cancelled":1`)
		if j.paused || j.cancelled != 1 {
			t.Errorf("paused %v, cancelled %d", j.paused, j.cancelled)
		}
		for _, j.paused = range []bool{false, true} {
			_, body := ask(s.handler, "GET", "/api/v1/services/g/job/next?n=2")
			if len(at(t, body, "next").([]any)) != 2 || at(t, body, "state") != "running" || at(t, body, "paused") != j.paused {
				t.Errorf("next when paused=%v: %s", j.paused, body)
			}
		}
		for n, want := range map[string]int{"0": 400, "1001": 400, "x": 400, "10": 200} {
			if status, body := ask(s.handler, "GET", "/api/v1/services/g/job/next?n="+n); status != want {
				t.Errorf("n=%s: got %d %s", n, status, body)
			}
		}
		if _, body := ask(s.handler, "GET", "/api/v1/services/g/job"); !strings.Contains(body, `"trigger","pause","resume","cancel"`) {
			t.Errorf("actions: %s", body)
		}
		if _, body := ask(s.handler, "GET", "/api/v1/services/hello"); strings.Contains(body, `"trigger"`) {
			t.Errorf("actions of what is no job: %s", body)
		}
		for target, want := range map[string]string{"hello/trigger": "is no job", "nobody/trigger": "no service", "g/nobody/pause": "no service", "hello/x/pause": "no service"} {
			if status, body := ask(s.handler, "POST", "/api/v1/services/"+target); status != 404 || !strings.Contains(body, want) {
				t.Errorf("%s: got %d %s", target, status, body)
			}
		}
		synctest.Wait()
	}, hello(), supervise.Child{Name: "g", Service: &supervise.Group{Children: []supervise.Child{{Name: "job", Service: &wrapped{&wrapped{j}}}}}})
}
