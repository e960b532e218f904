package admin

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// What a request may have.
const (
	mostBody = 64 << 10
	bodyTime = 10 * time.Second
)

// guard lets through what nobody has to be afraid of.
func (s *server) guard(inside http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setHeaders(w.Header())
		if status, detail := s.foreign(r); status != 0 {
			s.turnAway(w, r, status, detail)
			return
		}
		who := s.gate.identify(r)
		if !s.gate.knownHost(r) {
			who.role = nobody // a probe
		}
		if who.role == nobody && !open(r) {
			s.unauthorized(w, r)
			return
		}
		r = r.WithContext(context.WithValue(r.Context(), viewerKey{}, who))
		if status, detail := s.forbidden(r, who.role); status != 0 {
			s.turnAway(w, r, status, detail)
			return
		}
		r, status, detail := readBody(w, r)
		if status != 0 {
			s.turnAway(w, r, status, detail)
			return
		}
		inside.ServeHTTP(w, r)
	})
}

// setHeaders is for all answers. Pages set a policy of their own.
func setHeaders(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
}

func (s *server) turnAway(w http.ResponseWriter, r *http.Request, status int, detail string) {
	if _, ok := s.gate.refusals.next(time.Now()); ok {
		s.logRefused(r, status)
	}
	fail(w, r, status, detail)
}

func (s *server) logRefused(r *http.Request, status int) {
	who := viewerOf(r).who
	if who == "" { // it has not come so far
		who = peerOf(r)
	}
	s.Log.LogAttrs(r.Context(), slog.LevelWarn, "refused", slog.String("who", who), slog.Int("status", status),
		slog.String("method", clip(r.Method)), slog.String("path", clip(r.URL.EscapedPath())))
}

// clip is for what a client may have made as long as it liked.
func clip(s string) string { return s[:min(len(s), 200)] }

// probe tells whether this is what a load balancer asks: whatever name it knows us by, and without a token.
func probe(r *http.Request) bool {
	return r.URL.Path == "/livez" || r.URL.Path == "/readyz" && !r.URL.Query().Has("verbose")
}

// open tells whether this needs no token. The login page wants to look like the others.
func open(r *http.Request) bool {
	return probe(r) || r.URL.Path == "/login" || strings.HasPrefix(r.URL.Path, "/assets/")
}

// foreign finds what the page of somebody else has made a browser send, and what no browser or client of ours sends.
func (s *server) foreign(r *http.Request) (status int, detail string) {
	switch {
	case !s.gate.knownHost(r) && !probe(r):
		return http.StatusMisdirectedRequest, "unknown Host: use an address of this machine, or tell the program its name"
	case !sameOrigin(r):
		return http.StatusForbidden, "this comes from the page of another origin"
	case r.Method == http.MethodTrace || r.Method == http.MethodConnect:
		return http.StatusMethodNotAllowed, "never allowed here"
	case r.Header.Get("Upgrade") != "" && !strings.HasPrefix(strings.ToLower(r.Header.Get("Upgrade")), "h2c"):
		return http.StatusBadRequest, "there is nothing to upgrade to"
	default:
		return 0, ""
	}
}

// forbidden finds what this viewer may not have, and paths that lead nowhere.
func (s *server) forbidden(r *http.Request, role role) (status int, detail string) {
	if status, detail = badPath(r.URL); status != 0 {
		return status, detail
	}
	looks := r.Method == http.MethodGet || r.Method == http.MethodHead
	if role == reader && (!looks || strings.HasPrefix(r.URL.Path, "/debug/")) && r.URL.Path != "/login" && r.URL.Path != "/logout" {
		return http.StatusForbidden, "this token is for reading only"
	}
	return 0, ""
}

// knownHost keeps out pages that have a name of their own resolve to our address (DNS rebinding). An address is no name
// that somebody can have resolved, if it is the one that the request came in by: others, such as 0.0.0.0, lead to
// the same place.
func (g *gate) knownHost(r *http.Request) bool {
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if local != nil && local.Network() == "unix" || r.Host == "" { // HTTP/1.0, which no browser speaks
		return true
	}
	here := addrPort(local)
	host, port, err := net.SplitHostPort(r.Host)
	if err != nil { // of a default port, or rubbish
		host = strings.TrimSuffix(strings.TrimPrefix(r.Host, "["), "]")
	}
	host = strings.ToLower(host)
	if slices.ContainsFunc(g.hosts, func(known string) bool {
		return strings.EqualFold(known, host) || strings.EqualFold(known, r.Host)
	}) {
		return true
	}
	if port == "" && here.IsValid() && here.Port() != 80 && here.Port() != 443 {
		return false
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return host == "localhost"
	}
	ip = ip.Unmap().WithZone("")
	return ip.IsLoopback() || ip == here.Addr().Unmap().WithZone("")
}

func addrPort(addr net.Addr) netip.AddrPort {
	if tcp, ok := addr.(*net.TCPAddr); ok {
		return tcp.AddrPort()
	}
	return netip.AddrPort{}
}

// sameOrigin tells whether a request comes from a page of ours, or from no page at all. A link on another page to one of
// ours may be followed: that does nothing.
func sameOrigin(r *http.Request) bool {
	h := r.Header
	switch h.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return true
	case "":
	default:
		return r.Method == http.MethodGet && page(r.URL.Path) && h.Get("Sec-Fetch-Mode") == "navigate" && h.Get("Sec-Fetch-Dest") == "document"
	}
	if len(h["Origin"]) == 0 {
		return true
	}
	origin, err := url.Parse(h.Get("Origin"))
	return err == nil && origin.Host != "" && strings.EqualFold(origin.Host, r.Host)
}

// page tells whether a path is of something that people look at.
func page(path string) bool {
	return path == "/" || path == "/login" || strings.HasPrefix(path, "/services/")
}

// unauthorized says that a token is wanted. Who tries many is made to wait.
func (s *server) unauthorized(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && page(r.URL.Path) && r.Header.Get("Authorization") == "" {
		http.Redirect(w, r, "/login?next="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
		return
	}
	if !s.punish(w, r) {
		return
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="tend"`)
	fail(w, r, http.StatusUnauthorized, "a token is needed: Authorization: Bearer TOKEN")
}

// punish logs a failure to show a token, and lets it wait. It answers, and returns false, when too many wait already.
func (s *server) punish(w http.ResponseWriter, r *http.Request) bool {
	wait, ok := s.gate.slowdown.next(time.Now())
	if !ok {
		w.Header().Set("Retry-After", "5")
		fail(w, r, http.StatusTooManyRequests, "too many without a token")
		return false
	}
	s.logRefused(r, http.StatusUnauthorized)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	case <-s.draining(r.Context()):
	}
	return true
}

// draining is nil, which is never closed, when nobody tells.
func (s *server) draining(ctx context.Context) <-chan struct{} {
	if s.Draining == nil {
		return nil
	}
	return s.Draining(ctx)
}

// readBody reads the body before anything is done by it.
func readBody(w http.ResponseWriter, r *http.Request) (read *http.Request, status int, detail string) {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return r, 0, ""
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTime)) // where there are deadlines
	if r.ContentLength > mostBody {
		return r, http.StatusRequestEntityTooLarge, "the body is too large"
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return r, http.StatusRequestEntityTooLarge, "the body is too large"
	case err != nil:
		return r, http.StatusBadRequest, "the body did not come"
	}
	_ = control.SetReadDeadline(time.Time{})
	r.Body = io.NopCloser(bytes.NewReader(body))
	return r, 0, ""
}
