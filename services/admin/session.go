package admin

import (
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	sessionTime  = 12 * time.Hour
	mostSessions = 1000
)

// sessions are who has logged in. They are known by a hash, so that a dump of the memory lets nobody in.
type sessions struct {
	mu     sync.Mutex
	active map[[sha256.Size]byte]session
}

type session struct {
	role role
	ends time.Time
}

// begin makes a session, and returns what it is known by. When there are too many, the one that ends first does so now.
func (s *sessions) begin(as role, now time.Time) (secret string) {
	secret = rand.Text() + rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.active == nil {
		s.active = map[[sha256.Size]byte]session{}
	}
	for len(s.active) >= mostSessions {
		var oldest [sha256.Size]byte
		ends := now.Add(2 * sessionTime)
		for key, one := range s.active {
			if one.ends.Before(ends) {
				oldest, ends = key, one.ends
			}
		}
		delete(s.active, oldest)
	}
	s.active[sha256.Sum256([]byte(secret))] = session{as, now.Add(sessionTime)}
	return secret
}

func (s *sessions) end(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.active, sha256.Sum256([]byte(secret)))
}

// holder is what the one whose cookie this is may do.
func (s *sessions) holder(r *http.Request) role {
	cookie, err := r.Cookie(cookieName(r))
	if err != nil {
		return nobody
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.active[sha256.Sum256([]byte(cookie.Value))]
	if !ok || time.Now().After(one.ends) {
		return nobody
	}
	return one.role
}

// cookieName has the port in it: browsers send the cookies of a host to all of its ports.
func cookieName(r *http.Request) string {
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return "tend_session_" + strconv.Itoa(int(addrPort(local).Port()))
}

func cookie(r *http.Request, value string, age time.Duration) *http.Cookie {
	return &http.Cookie{
		Name: cookieName(r), Value: value, Path: "/", MaxAge: int(age.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
	}
}

//go:embed login.html
var pages embed.FS //nolint:gochecknoglobals // go:embed knows no other place

// loginForm is what the login page shows.
type loginForm struct {
	Next  string
	Wrong bool
	Style bool // there is a dashboard, whose style it takes
}

func (s *server) loginPage(w http.ResponseWriter, r *http.Request) {
	s.showLogin(w, r, http.StatusOK, r.URL.Query().Get("next"), false)
}

func (s *server) showLogin(w http.ResponseWriter, r *http.Request, status int, next string, wrong bool) {
	page, err := template.ParseFS(pages, "login.html")
	if err != nil {
		fail(w, r, http.StatusInternalServerError, err.Error())
		return
	}
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = page.Execute(w, loginForm{Next: next, Wrong: wrong, Style: s.Dashboard != nil}) // the client may be gone
}

// login gives a cookie for a token, which the browser then need not remember.
func (s *server) login(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		fail(w, r, http.StatusBadRequest, "this is no form")
		return
	}
	as := s.gate.holder(r.PostForm.Get("token")) // never from the query
	next := r.PostForm.Get("next")
	if as == nobody {
		if s.punish(w, r) {
			s.showLogin(w, r, http.StatusUnauthorized, next, true)
		}
		return
	}
	http.SetCookie(w, cookie(r, s.gate.sessions.begin(as, time.Now()), sessionTime))
	s.Log.LogAttrs(r.Context(), slog.LevelInfo, "action", slog.String("who", as.String()+" token, "+peerOf(r)), slog.String("action", "login"))
	http.Redirect(w, r, inside(next), http.StatusSeeOther)
}

// inside is a path of ours to go to, whatever somebody has put into a link.
func inside(next string) string {
	if !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return "/"
	}
	return next
}

func (s *server) logout(w http.ResponseWriter, r *http.Request) {
	if old, err := r.Cookie(cookieName(r)); err == nil {
		s.gate.sessions.end(old.Value)
	}
	http.SetCookie(w, cookie(r, "", -time.Second))
	note(r, "logout", "")
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}
