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
	c.Next()
	if a.verb == "" {
		return
	}
	attrs := []slog.Attr{slog.String("who", viewerOf(c.Request).who), slog.String("action", a.verb)}
	if a.service != "" {
		attrs = append(attrs, slog.String("service", a.service))
	}
	attrs = append(append(attrs, a.attrs...), slog.Int("status", c.Writer.Status()))
	level := slog.LevelInfo
	if c.Writer.Status() >= http.StatusBadRequest {
		level = slog.LevelWarn
	}
	s.Log.LogAttrs(c.Request.Context(), level, "action", attrs...)
}

// newBoot is what this process is known by in the IDs of events.
func newBoot() string {
	var random [4]byte
	_, _ = rand.Read(random[:]) // which never fails
	return hex.EncodeToString(random[:])
}
