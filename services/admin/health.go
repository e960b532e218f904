package admin

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"tend.example/tend/supervise"
)

// reason is a part of the tree that keeps it from being ready, or alive.
type reason struct {
	Path  string          `json:"path"`
	State supervise.State `json:"state"`
	Err   string          `json:"err,omitzero"`
}

func newReason(s *supervise.Status) reason {
	r := reason{Path: s.Path, State: s.State}
	if s.Err != nil {
		r.Err = fmt.Sprint(s.Err) // which survives an Error method that panics
	}
	return r
}

// answerTime is how long the tree may take to say what it looks like. It takes microseconds; but a service tells its
// own Detail, and may not come back.
const answerTime = 2 * time.Second

// livez says no when only a new process can help: the tree does not answer, or has ended by itself, or has a service
// that does not end though it was told to.
func (s *server) livez(w http.ResponseWriter, r *http.Request) {
	root, ok := s.asker.status()
	why := s.deadly(nil, &root)
	if !ok {
		why = s.silent()
	}
	if len(why) == 0 {
		reply(w, http.StatusOK, map[string]bool{"alive": true})
		return
	}
	deny(w, r, map[string]any{"alive": false}, why)
}

// silent is a tree that does not answer.
func (s *server) silent() []reason {
	return []reason{{Path: s.Tree.Name, Err: "the tree does not answer"}}
}

// deny tells who may know it why.
func deny(w http.ResponseWriter, r *http.Request, answer map[string]any, why []reason) {
	if viewerOf(r).role == nobody {
		reply(w, http.StatusServiceUnavailable, answer)
		return
	}
	reply(w, http.StatusServiceUnavailable, why)
}

func (s *server) deadly(why []reason, root *supervise.Status) []reason {
	if root.State == supervise.Done || root.State == supervise.Failed {
		why = append(why, newReason(root))
	}
	return s.appendDeadly(why, root)
}

func (s *server) appendDeadly(why []reason, st *supervise.Status) []reason {
	switch {
	case st.State == supervise.Stuck:
		why = append(why, newReason(st))
	case st.State == supervise.Stopping && s.hangs(st.Path):
		why = append(why, reason{st.Path, st.State, supervise.ErrHung.Error()})
	}
	before := len(why)
	for i := range st.Children {
		why = s.appendDeadly(why, &st.Children[i])
	}
	if n := st.Counts[supervise.Stuck]; n > 0 && len(why) == before { // of a pool, which does not show all
		why = append(why, reason{st.Path, supervise.Stuck, fmt.Sprintf("members: %d", n)})
	}
	return why
}

// hangs tells whether a run that is Stopping has been told to because it was silent.
func (s *server) hangs(path string) bool {
	if s.Journal == nil {
		return false
	}
	last := s.Journal.Recent(path, 1)
	return len(last) == 1 && last[0].State == supervise.Stopping && errors.Is(last[0].Err, supervise.ErrHung)
}

// asker asks for the status of a tree that may not answer. However often it is asked, one goroutine waits.
type asker struct {
	ask func() supervise.Status

	mu    sync.Mutex
	asked *asking // under way; nil: none
}

type asking struct {
	done   chan struct{}
	status supervise.Status // once done is closed
}

// status is what the tree looks like, or false when it does not say so in time. It is not older than the call.
func (a *asker) status() (supervise.Status, bool) {
	timer := time.NewTimer(answerTime)
	defer timer.Stop()
	for fresh := false; ; fresh = true { // whatever follows the first answer was asked after the call
		now, mine := a.join()
		select {
		case <-now.done:
			if mine || fresh {
				return now.status, true
			}
		case <-timer.C:
			return supervise.Status{}, false
		}
	}
}

// join asks, unless there has been no answer yet; that may be about a moment before.
func (a *asker) join() (now *asking, mine bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.asked != nil {
		return a.asked, false
	}
	now = &asking{done: make(chan struct{})}
	a.asked = now
	go func() { // waited for by status; one that never comes back is what livez is to find
		now.status = a.ask()
		a.mu.Lock()
		a.asked = nil
		a.mu.Unlock()
		close(now.done)
	}()
	return now, true
}

func (s *server) readyz(w http.ResponseWriter, r *http.Request) {
	root, ok := s.asker.status()
	why := unready(&root)
	if !ok {
		why = s.silent()
	}
	if r.URL.Query().Has("verbose") {
		status, services := http.StatusOK, appendReadiness(nil, &root)
		if len(why) > 0 {
			status = http.StatusServiceUnavailable
		}
		if !ok {
			services = []readiness{{reason: why[0]}}
		}
		reply(w, status, map[string]any{"ready": len(why) == 0, "services": services})
		return
	}
	s.sayReady(w, r, why)
}

func (s *server) sayReady(w http.ResponseWriter, r *http.Request, why []reason) {
	if len(why) > 0 {
		deny(w, r, map[string]any{"ready": false}, why)
		return
	}
	reply(w, http.StatusOK, map[string]bool{"ready": true})
}

// readyzOf is the readiness of one service and all below it. One that is done has been ready.
func (s *server) readyzOf(w http.ResponseWriter, r *http.Request) {
	path, st, ok := s.lookUp(r, "/readyz/")
	switch {
	case !ok:
		s.noService(w, r, path)
	case st.State == supervise.Done:
		s.sayReady(w, r, nil)
	default:
		s.sayReady(w, r, unready(&st))
	}
}

// readiness is a line of /readyz?verbose.
type readiness struct {
	reason
	Ready bool `json:"ready"` // or at rest
}

func appendReadiness(all []readiness, st *supervise.Status) []readiness {
	all = append(all, readiness{newReason(st), st.State == supervise.Running || atRest(st.State)})
	for i := range st.Children {
		all = appendReadiness(all, &st.Children[i])
	}
	return all
}

// unready lists what keeps a tree, or a part of it, from being ready. It has to be running itself; below it, what
// has come to rest does not count.
func unready(st *supervise.Status) []reason {
	var why []reason
	if st.State != supervise.Running {
		why = append(why, newReason(st))
	}
	for i := range st.Children {
		why = appendUnready(why, &st.Children[i])
	}
	return why
}

func appendUnready(why []reason, st *supervise.Status) []reason {
	if atRest(st.State) {
		return why // and so is all below it, or was never begun
	}
	if st.State != supervise.Running {
		why = append(why, newReason(st))
	}
	for i := range st.Children {
		why = appendUnready(why, &st.Children[i])
	}
	return why
}

func atRest(s supervise.State) bool {
	return s == supervise.Done || s == supervise.Failed || s == supervise.Stopped
}
