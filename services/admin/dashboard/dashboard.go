// Package dashboard shows a tree to a person with a browser: what is wrong first, then all of it, and a page for each
// service. It steers nothing itself; the buttons on its pages ask the API of package admin, at /api/v1.
//
// Its pages are whole without JavaScript, as something to read. With it they follow what happens, and the buttons work.
// They load nothing from elsewhere, and run nothing that is not a file of ours.
package dashboard

import (
	"html/template"
	"net/http"
	"strings"
	"time"

	"tend.example/tend/services/admin/journal"
	"tend.example/tend/supervise"
)

// Dashboard is what is shown, and to whom.
type Dashboard struct {
	// Tree is what is shown. Required.
	Tree *supervise.Group

	// Journal has been told what happened. nil: there are no events and no stacks of errors.
	Journal *journal.Journal

	// Version is the program's.
	Version string

	// Drill says that services can be made to fail, so there are buttons for it.
	Drill bool

	// MayAct tells whether who asks may steer, so that there are buttons, as admin.MayAct does. nil: everybody.
	MayAct func(*http.Request) bool

	// LoggedIn tells whether who asks can log out, at /logout, as admin.LoggedIn does. nil: nobody.
	LoggedIn func(*http.Request) bool
}

// viewer is somebody who looks at the pages.
type viewer struct{ Act, LoggedIn bool }

// site is a Dashboard that is served.
type site struct {
	Dashboard
	pages  *template.Template
	assets assets
	rates  rates
}

// Handler serves the pages, at / and /services/PATH, and what they are made of, at /assets/. It checks neither who asks nor
// what for: that is for who puts it on an address.
func (d Dashboard) Handler() http.Handler {
	s := &site{Dashboard: d, pages: parsePages(), assets: readAssets()}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.overview)
	mux.HandleFunc("GET /services/", s.service)
	mux.HandleFunc("GET /assets/", s.assets.serve)
	return mux
}

// frame is what every page has around it.
type frame struct {
	Title   string
	Root    string
	Version string
	Build   string // tells pages of one program from those of the next
	Now     time.Time
	Viewer  viewer
	Page    string // which it is, for the style
	Part    bool   // only what changes is wanted
	Follows bool   // there are events to follow
}

func (s *site) frame(r *http.Request, page string) frame {
	f := frame{
		Root: s.Tree.Name, Version: s.Version, Build: s.assets.build, Now: time.Now(), Page: page,
		Viewer: viewer{Act: true}, Part: r.Header.Get("Tend-Part") != "", Follows: s.Journal != nil,
	}
	if s.MayAct != nil {
		f.Viewer.Act = s.MayAct(r)
	}
	if s.LoggedIn != nil {
		f.Viewer.LoggedIn = s.LoggedIn(r)
	}
	return f
}

// policy lets a page use our own files and nothing else, send forms and requests only to us, and turn no text into code.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// show writes a page. It is made as a whole first, so that a fault is not half a page.
func (s *site) show(w http.ResponseWriter, status int, page string, data any) {
	var text strings.Builder
	if err := s.pages.ExecuteTemplate(&text, page, data); err != nil {
		http.Error(w, "make the page: "+err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Tend-Part")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text.String())) // the client may be gone
}
