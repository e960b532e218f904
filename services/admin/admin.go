// Package admin is the operator's view of a tree, over HTTP: is it alive, is it ready, what does it look like, what
// happened; and what an operator does about it.
//
//	var events journal.Journal
//	tree.OnEvent = events.Observe
//	view := admin.View{Tree: tree, Journal: &events, Draining: services.Draining}
//	side := &services.HTTP{Addr: "127.0.0.1:8081", Handler: view.Handler(), ConnContext: admin.ConnContext}
//
// The routes are in the OpenAPI document that it serves at /api/v1/openapi.json. docs/admin.md shows each in use.
package admin

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"tend.example/tend/services/admin/journal"
	"tend.example/tend/services/admin/logring"
	"tend.example/tend/supervise"
)

// View shows a tree, and steers it.
type View struct {
	// Tree is what is shown. Required.
	Tree *supervise.Group

	// Journal has been told what happened. nil: there are no events, no last errors, and a run that hangs counts as
	// alive until it is stuck.
	Journal *journal.Journal

	// Logs has the last lines of the log. nil: there is no /api/v1/logs.
	Logs *logring.Ring

	// LogLevel is what can be set as the level of the log. nil: there is no /api/v1/log-level.
	LogLevel *slog.LevelVar

	// Drill makes the service at path fail in the given mode, without waiting for it. It answers
	// supervise.ErrNoChild for a path that does not exist, supervise.ErrNotServing for a service
	// that does not run, and another error for an unknown mode. nil: there are no drills.
	Drill func(path, mode string) error

	// Upgrade replaces the program by its newer file, and returns when the new process serves. Whatever it answers, the
	// program goes on. nil: there is no /api/v1/upgrade.
	Upgrade func(ctx context.Context) error

	// Reload loads the configuration again and applies what has changed, or tells what it would do. Its report is
	// answered as JSON. A *supervise.ExitError says that the configuration is not right. nil: there is no
	// /api/v1/reload.
	Reload func(ctx context.Context, dryRun bool) (report any, err error)

	// Reloads tells what Reload has done so far. It goes with Reload.
	Reloads func() any

	// Metrics is served at /metrics. nil: nothing is.
	Metrics http.Handler

	// Pprof serves /debug/pprof/.
	Pprof bool

	// Dashboard is served at /, /services/ and /assets/. It asks MayAct and LoggedIn about its requests. nil: nothing is.
	Dashboard http.Handler

	// Access is who may do what.
	Access Access

	// Draining tells when the server that has the request wants streams to end, as services.Draining does. nil: they
	// end with the request's context only.
	Draining func(ctx context.Context) <-chan struct{}

	// Overlap is what the Trigger of a job answers when a run is under way, as services.ErrOverlap is. nil: that is a
	// failure like any other.
	Overlap error

	// Version is the program's.
	Version string

	// Log is told of every action, with who and what, and of who is refused. nil: slog.Default().
	Log *slog.Logger
}

// server is a View that is served.
type server struct {
	View
	started  time.Time
	boot     string // tells the IDs of this process from those of another
	gate     *gate
	asker    asker
	streams  streams
	profiler profiler
	verbs    map[string]map[string]deed // what can be done to a service, by name and method

	policies sync.Mutex // held between reading a policy and setting it
}

// Handler serves the view. It is made once for a server: it knows who has logged in.
func (v View) Handler() http.Handler {
	s := newServer(v)
	engine := gin.New() // net/http recovers from panics, and gin.Recovery would hide them
	engine.HandleMethodNotAllowed = true
	engine.RedirectTrailingSlash = false
	engine.UseRawPath = true
	engine.Use(s.audit)
	engine.NoRoute(gin.WrapF(func(w http.ResponseWriter, r *http.Request) { fail(w, r, http.StatusNotFound, "there is no such page") }))
	engine.NoMethod(gin.WrapF(func(w http.ResponseWriter, r *http.Request) {
		fail(w, r, http.StatusMethodNotAllowed, "allowed here: "+w.Header().Get("Allow"))
	}))
	for _, route := range s.routes() {
		engine.Handle(route.method, route.path, gin.WrapF(route.do))
	}
	return s.guard(engine)
}

func newServer(v View) *server {
	if v.Log == nil {
		v.Log = slog.Default()
	}
	s := &server{View: v, started: time.Now(), boot: newBoot(), gate: newGate(v.Access)}
	s.asker.ask = v.Tree.Status
	s.verbs = s.deeds()
	return s
}

// route is a line of the table of routes.
type route struct {
	method, path string // as gin has it
	do           http.HandlerFunc
}

func (s *server) routes() []route {
	routes := []route{
		{http.MethodGet, "/livez", s.livez},
		{http.MethodHead, "/livez", s.livez}, // balancers ask by either
		{http.MethodGet, "/readyz", s.readyz},
		{http.MethodHead, "/readyz", s.readyz},
		{http.MethodGet, "/readyz/*path", s.readyzOf},
		{http.MethodHead, "/readyz/*path", s.readyzOf},
		{http.MethodGet, "/api/v1/info", s.info},
		{http.MethodGet, "/api/v1/tree", s.tree},
		{http.MethodGet, "/api/v1/goroutines", s.goroutines},
		{http.MethodGet, "/api/v1/openapi.json", openapi},
		{http.MethodGet, "/api/tree", s.tree}, // from before there was a v1
	}
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch} {
		routes = append(routes, route{method, servicesPrefix + "*path", s.service})
	}
	if s.Journal != nil {
		routes = append(routes, route{http.MethodGet, "/api/v1/events", s.events})
	}
	if s.Logs != nil {
		routes = append(routes, route{http.MethodGet, "/api/v1/logs", s.logs})
	}
	if s.LogLevel != nil {
		routes = append(routes, route{http.MethodGet, "/api/v1/log-level", s.logLevel}, route{http.MethodPut, "/api/v1/log-level", s.setLogLevel})
	}
	if s.Upgrade != nil {
		routes = append(routes, route{http.MethodPost, "/api/v1/upgrade", s.upgrade})
	}
	if s.Reload != nil {
		routes = append(routes, route{http.MethodGet, "/api/v1/reload", s.reloads}, route{http.MethodPost, "/api/v1/reload", s.reload})
	}
	if s.Drill != nil {
		routes = append(routes, route{http.MethodPost, drillPrefix + "*path", s.oldDrill})
	}
	if s.Metrics != nil {
		routes = append(routes, route{http.MethodGet, "/metrics", s.Metrics.ServeHTTP})
	}
	if s.Pprof {
		routes = append(routes, s.pprofRoutes()...)
	}
	if s.Dashboard != nil {
		for _, path := range []string{"/", "/services/*path", "/assets/*path"} {
			routes = append(routes, route{http.MethodGet, path, s.Dashboard.ServeHTTP})
		}
	}
	if s.gate.locked() {
		routes = append(routes, route{http.MethodGet, "/login", s.loginPage}, route{http.MethodPost, "/login", s.login}, route{http.MethodPost, "/logout", s.logout})
	}
	return routes
}
