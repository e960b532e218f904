package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"tend.example/tend/supervise"
)

const (
	defaultTimeout = 30 * time.Second
	mostTimeout    = time.Hour
)

// done is the answer to an action. Err is what did not go well, though the action is done.
type done struct {
	Status supervise.Status `json:"status"`
	Err    string           `json:"err,omitzero"`
}

// steer is an action that takes its time. It goes on when the client does not wait for its end.
func (s *server) steer(verb string, do func(ctx context.Context, path string) error) deed {
	return func(w http.ResponseWriter, r *http.Request, path string) {
		note(r, verb, path)
		if path == s.Tree.Name {
			fail(w, r, http.StatusConflict, "this is the program itself: end that instead")
			return
		}
		ctx, free, ok := s.patience(w, r)
		if !ok {
			return
		}
		defer free()
		err := do(ctx, path)
		var child *supervise.ChildError
		unclean := errors.As(err, &child)
		switch {
		case err == nil, unclean && verb != "start":
			s.sayDone(w, http.StatusOK, path, err)
		case !unclean && ctx.Err() != nil && errors.Is(context.Cause(ctx), errDraining):
			s.sayDone(w, http.StatusAccepted, path, nil)
		default:
			refuse(w, r, err)
		}
	}
}

// errDraining ends the wait of a request that its own server waits for.
var errDraining = errors.New("the server of the request is to stop")

// patience is how long a request waits for what it has begun: as long as it says, but not longer than the server
// that has it. Otherwise a restart of the admin side would wait for itself.
func (s *server) patience(w http.ResponseWriter, r *http.Request) (ctx context.Context, free func(), ok bool) {
	timeout := defaultTimeout
	if text := r.URL.Query().Get("timeout"); text != "" {
		var err error
		if timeout, err = time.ParseDuration(text); err != nil || timeout <= 0 || timeout > mostTimeout {
			fail(w, r, http.StatusBadRequest, "timeout: want a duration such as 30s, up to 1h")
			return nil, nil, false
		}
	}
	ctx, end := context.WithTimeout(r.Context(), timeout)
	ctx, forget := s.untilDraining(ctx)
	return ctx, func() {
		forget()
		end()
	}, true
}

// untilDraining ends with ctx, and when the server that has the request wants it to, with the cause errDraining.
func (s *server) untilDraining(ctx context.Context) (until context.Context, free func()) {
	until, cancel := context.WithCancelCause(ctx)
	draining := s.draining(ctx)
	if draining == nil {
		return until, func() { cancel(nil) }
	}
	watched := make(chan struct{})
	go func() { // waited for by free
		defer close(watched)
		select {
		case <-draining:
			cancel(errDraining)
		case <-until.Done():
		}
	}()
	return until, func() {
		cancel(nil)
		<-watched
	}
}

func (s *server) sayDone(w http.ResponseWriter, status int, path string, err error) {
	_, st, _ := s.find(path)
	answer := done{Status: st}
	if err != nil {
		answer.Err = fmt.Sprint(err) // which survives an Error method that panics
	}
	reply(w, status, answer)
}

func (s *server) reset(w http.ResponseWriter, r *http.Request, path string) {
	note(r, "reset", path)
	if path == s.Tree.Name {
		fail(w, r, http.StatusConflict, "the program itself has no failures: only what it runs has")
		return
	}
	if err := s.Tree.Reset(path); err != nil {
		refuse(w, r, err)
		return
	}
	s.sayDone(w, http.StatusOK, path, nil)
}

func (s *server) drill(w http.ResponseWriter, r *http.Request, path string) {
	mode := r.URL.Query().Get("mode")
	note(r, "drill", path, slog.String("mode", clip(mode)))
	err := s.Drill(path, mode)
	switch {
	case err == nil:
		reply(w, http.StatusAccepted, map[string]string{"path": path, "mode": mode})
	case errors.Is(err, supervise.ErrNoChild), errors.Is(err, supervise.ErrNotServing):
		refuse(w, r, err)
	default:
		fail(w, r, http.StatusBadRequest, err.Error())
	}
}

// drillPrefix is where drills were before there was a v1.
const drillPrefix = "/api/drill/"

func (s *server) oldDrill(w http.ResponseWriter, r *http.Request) {
	s.drill(w, r, rest(r, drillPrefix))
}
