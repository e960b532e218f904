package kinds

import (
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"tend.example/tend/internal/tendfile"
	"tend.example/tend/services/router"
)

// newHandler is what the routes of a server answer, with a line in the log for each request.
func newHandler(path string, routes map[string]tendfile.Route, m *Maker) http.Handler {
	log := m.Log.With(slog.String("service", path))
	mux := http.NewServeMux()
	for _, pattern := range slices.Sorted(maps.Keys(routes)) {
		switch route := routes[pattern]; {
		case route.Hello:
			mux.HandleFunc(pattern, hello) // with a method it would be neither more nor less than "/" is, and refused
		case route.Static != "":
			mux.Handle(pattern, http.StripPrefix(strings.TrimSuffix(prefix(pattern), "/"), http.FileServerFS(folder(route.Static))))
		default:
			mux.Handle(pattern, newProxy(pattern, route, m, log))
		}
	}
	engine := router.Config{Log: log, OnRequest: m.OnRequest}.Engine()
	engine.NoRoute(func(c *gin.Context) {
		c.Status(http.StatusOK) // or what says nothing of it would be a 404
		mux.ServeHTTP(c.Writer, c.Request)
		c.Request.Pattern = routeOf(c.Request)
	})
	return engine
}

// routeOf is what the log calls a route. A client can make up methods and paths, but no routes.
func routeOf(r *http.Request) string {
	switch {
	case r.Pattern == "":
		return "none"
	case slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"}, r.Method):
		return r.Method + " " + r.Pattern
	default:
		return r.Pattern
	}
}

// prefix is the path of a pattern, without the host.
func prefix(pattern string) string { return pattern[strings.IndexByte(pattern, '/'):] }

func hello(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "405 method not allowed", http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("Hello World!"))
}

// folder is the files of a folder that are anybody's business. It is opened for each, so that one that is exchanged as
// a whole, by a link, is seen; and nothing leads out of it.
type folder string

// Open hides what begins with a dot, but for .well-known, and folders without an index.html.
func (f folder) Open(name string) (fs.File, error) {
	hidden := func(part string) bool { return strings.HasPrefix(part, ".") && part != "." && part != ".well-known" }
	if slices.ContainsFunc(strings.Split(name, "/"), hidden) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	root, err := os.OpenRoot(string(f))
	if err != nil { // an error of ours: the folder is not there
		return nil, errors.New("open the folder of a static route: " + err.Error())
	}
	defer root.Close()
	file, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		_, err = root.Stat(path.Join(name, "index.html"))
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}

// newProxy passes requests on. The client's X-Forwarded-For counts for nothing; the peer's address takes its place.
func newProxy(pattern string, route tendfile.Route, m *Maker, log *slog.Logger) http.Handler {
	target, err := url.Parse(route.Proxy)
	if err != nil { // which was looked at when the file was read
		return http.NotFoundHandler()
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
			r.SetXForwarded()
			if target.User != nil {
				password, _ := target.User.Password()
				r.Out.SetBasicAuth(target.User.Username(), password)
			}
		},
		Transport: m.dialer.transport(),
		ErrorLog:  slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if r.Context().Err() == nil { // or the client is gone, or our time is over
				log.LogAttrs(r.Context(), slog.LevelWarn, "proxy failed", slog.String("route", pattern), slog.Any("err", err))
			}
			w.WriteHeader(http.StatusBadGateway)
		},
	}
	if !route.Strip {
		return proxy
	}
	return http.StripPrefix(strings.TrimSuffix(prefix(pattern), "/"), proxy)
}
