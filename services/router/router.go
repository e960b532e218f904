// Package router makes a gin engine that is fit for production, which gin.Default is not: that one trusts the
// X-Forwarded-For of everybody, logs paths with their query to stdout, makes a complete 200 of a handler that
// panicked halfway, and prints every route in debug mode.
//
//	engine := router.New(log)
//	engine.GET("/users/:id", showUser)
//	web := &services.HTTP{Addr: ":8080", Handler: engine, Log: log}
//
// A panic is left to services.HTTP, which answers it, logs it with the route, and counts it; net/http cuts the
// connection. A gin.Context is a context of its request: the functions of package supervise, and
// services.Draining, can be asked with it.
package router

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
)

// Config is what can be told of an engine. The zero value is that of New.
type Config struct {
	// Log is told of every request, in a line "request" with the attributes route ("GET /users/:id", or
	// "none"), status, took, bytes (of the body) and id. The level is Error for a status of 5xx and a panic,
	// Warn for 4xx, else Info. A path or a query of the client's is not in it. nil: slog.Default().
	Log *slog.Logger

	// Skip is the routes that are not logged, such as "GET /livez", unless the level is Error.
	Skip []string

	// Query adds the query of the client to the line. false: it may have secrets in it.
	Query bool

	// Quiet logs no request.
	Quiet bool

	// OnRequest is told of every request when it has been answered, on its goroutine: the route is r.Pattern, as in the log,
	// and a panic that is yet to be answered has status 500. nil: nobody is.
	OnRequest func(r *http.Request, status int, took time.Duration)
}

// New makes an engine with the zero Config. It has no trusted proxies, so ClientIP is the peer's address, it
// answers 405 where another method would do, and it gives each request an id: the X-Request-Id of the
// client, if that is up to 64 letters, digits, dots, dashes and underscores, or else one made at random. The
// id is in that header of the request and of the answer, unless that is the 500 of a panic.
//
// It puts gin into release mode, which holds for the whole process, unless another mode than debug was set.
func New(log *slog.Logger) *gin.Engine { return Config{Log: log}.Engine() }

// Engine makes an engine.
func (c Config) Engine() *gin.Engine {
	releaseMode()
	engine := gin.New()
	engine.ContextWithFallback = true
	engine.HandleMethodNotAllowed = true
	_ = engine.SetTrustedProxies(nil) // which cannot fail for none
	if c.Log == nil {
		c.Log = slog.Default()
	}
	a := &access{Config: c, engine: engine}
	engine.Use(a.handle)
	return engine
}

// releaseMode must not be set by two at a time.
var releaseMode = sync.OnceFunc(func() { //nolint:gochecknoglobals // gin's mode is a global, too
	if gin.Mode() == gin.DebugMode {
		gin.SetMode(gin.ReleaseMode)
	}
})

// access is the middleware.
type access struct {
	Config
	engine *gin.Engine

	once   sync.Once
	routes map[string]map[string]string // "GET" and "/users/:id" to both
}

// none stands for the route of a request that has none.
const none = "none"

const idHeader = "X-Request-Id" // in canonical form

func (a *access) handle(c *gin.Context) {
	begin := time.Now()
	id := identify(c.Request.Header, c.Writer.Header())
	c.Request.Pattern = a.route(c)
	returned := false
	defer func() { // also when the handler panics
		status := c.Writer.Status()
		if !returned && !c.Writer.Written() {
			status = http.StatusInternalServerError // which services.HTTP will answer
		}
		end := time.Now()
		took := end.Sub(begin)
		if a.OnRequest != nil {
			a.OnRequest(c.Request, status, took)
		}
		a.log(c, end, took, status, id, !returned)
	}()
	c.Next()
	if !c.Writer.Written() && c.Writer.Status() == http.StatusOK && c.Request.Context().Err() != nil {
		// The handler gave up because the time for stopping is over. A bare 200 would be a lie.
		c.String(http.StatusServiceUnavailable, "stopping\n")
	}
	returned = true
}

func (a *access) log(c *gin.Context, end time.Time, took time.Duration, status int, id string, panicked bool) {
	level := slog.LevelInfo
	switch {
	case status >= http.StatusInternalServerError || panicked:
		level = slog.LevelError
	case a.Quiet, slices.Contains(a.Skip, c.Request.Pattern):
		return
	case status >= http.StatusBadRequest:
		level = slog.LevelWarn
	}
	if a.Quiet || !a.Log.Enabled(c.Request.Context(), level) {
		return
	}
	// Five attributes are what a record holds without an allocation.
	attrs := [6]slog.Attr{
		slog.String("route", c.Request.Pattern),
		slog.Int("status", status),
		slog.Duration("took", took),
		slog.Int("bytes", max(c.Writer.Size(), 0)),
		slog.String("id", id),
		slog.String("query", c.Request.URL.RawQuery),
	}
	n := len(attrs)
	if !a.Query {
		n--
	}
	line := slog.NewRecord(end, level, "request", 0) // where it is logged is always here, and costs to find out
	line.AddAttrs(attrs[:n]...)
	_ = a.Log.Handler().Handle(c.Request.Context(), line) // a logger would drop what it says, too
}

// route is the method and the pattern of a request. A client can make up methods and paths, but no routes.
func (a *access) route(c *gin.Context) string {
	path := c.FullPath()
	if path == "" {
		return none
	}
	a.once.Do(func() { // at the first request, when all are there
		a.routes = map[string]map[string]string{}
		for _, r := range a.engine.Routes() {
			if a.routes[r.Method] == nil {
				a.routes[r.Method] = map[string]string{}
			}
			a.routes[r.Method][r.Path] = r.Method + " " + r.Path
		}
	})
	if route, ok := a.routes[c.Request.Method][path]; ok {
		return route
	}
	return c.Request.Method + " " + path // added later
}

// identify gives a request its id, in the header of both, and returns it.
func identify(asked, answered http.Header) string {
	if ids := asked[idHeader]; len(ids) == 1 && isID(ids[0]) {
		answered[idHeader] = ids
		return ids[0]
	}
	ids := []string{rand.Text()}
	asked[idHeader], answered[idHeader] = ids, ids
	return ids[0]
}

func isID(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '-', c == '_':
		default:
			return false
		}
	}
	return s != "" && len(s) <= 64
}
