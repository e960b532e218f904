package admin

import (
	"errors"
	"net/http"

	"tend.example/tend/supervise"
)

// reloads tells what was reloaded so far.
func (s *server) reloads(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, s.Reloads())
}

// reload loads the configuration again. It goes on when the client does not wait for its end.
func (s *server) reload(w http.ResponseWriter, r *http.Request) {
	dryRun := false
	switch text := r.URL.Query().Get("dry_run"); text {
	case "", "false":
	case "true":
		dryRun = true
	default:
		fail(w, r, http.StatusBadRequest, "dry_run: want true or false")
		return
	}
	if !dryRun {
		note(r, "reload", "")
	}
	ctx, free, ok := s.patience(w, r)
	if !ok {
		return
	}
	defer free()
	report, err := s.Reload(ctx, dryRun)
	var exit *supervise.ExitError
	switch {
	case err == nil:
		reply(w, http.StatusOK, report)
	case errors.Is(err, errDraining): // the admin side is among what restarts
		reply(w, http.StatusAccepted, struct{}{})
	case ctx.Err() != nil:
		refuse(w, r, err)
	case errors.As(err, &exit):
		fail(w, r, http.StatusUnprocessableEntity, err.Error())
	default:
		fail(w, r, http.StatusConflict, err.Error())
	}
}
