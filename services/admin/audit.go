package admin

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"

	"github.com/gin-gonic/gin"
)

// action is what a request does, for the log.
type action struct {
	verb    string // "": nothing
	service string // "": it is not about one
	attrs   []slog.Attr
}

type actionKey struct{}

// note says what the request does.
func note(r *http.Request, verb, service string, attrs ...slog.Attr) {
	if a, ok := r.Context().Value(actionKey{}).(*action); ok {
		*a = action{verb, service, attrs}
	}
}

// audit logs every action, with who did it and what came of it.
func (s *server) audit(c *gin.Context) {
	if c.Request.Method == http.MethodGet || c.Request.Method == http.MethodHead {
		return
	}
	var a action
	c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), actionKey{}, &a))
	status := http.StatusInternalServerError // what the server makes of a panic
	defer func() {
		if a.verb != "" {
			s.logAction(c.Request, &a, status)
		}
	}()
	c.Next()
	status = c.Writer.Status()
}

func (s *server) logAction(r *http.Request, a *action, status int) {
	attrs := []slog.Attr{slog.String("who", viewerOf(r).who), slog.String("action", a.verb)}
	if a.service != "" {
		attrs = append(attrs, slog.String("service", a.service))
	}
	attrs = append(append(attrs, a.attrs...), slog.Int("status", status))
	level := slog.LevelInfo
	if status >= http.StatusBadRequest {
		level = slog.LevelWarn
	}
	s.Log.LogAttrs(r.Context(), level, "action", attrs...)
}

// newBoot is what this process is known by in the IDs of events.
func newBoot() string {
	var random [4]byte
	_, _ = rand.Read(random[:]) // which never fails
	return hex.EncodeToString(random[:])
}
