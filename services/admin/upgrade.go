package admin

import (
	"context"
	"fmt"
	"net/http"
)

// upgrade replaces the program. It goes on when the client does not wait for its end.
func (s *server) upgrade(w http.ResponseWriter, r *http.Request) {
	note(r, "upgrade", "")
	if err := s.Upgrade(context.WithoutCancel(r.Context())); err != nil {
		fail(w, r, http.StatusConflict, fmt.Sprint(err)) // which survives an Error method that panics
		return
	}
	reply(w, http.StatusOK, struct{}{})
}
