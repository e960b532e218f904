package router_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"tend.example/tend/services/router"
)

// logged serves requests and gives the lines that were logged, as maps.
func logged(t *testing.T, c router.Config, routes func(*gin.Engine), requests ...*http.Request) (lines []map[string]any) {
	t.Helper()
	var out bytes.Buffer
	c.Log = slog.New(slog.NewJSONHandler(&out, nil))
	engine := c.Engine()
	routes(engine)
	for _, r := range requests {
		func() {
			defer func() { _ = recover() }() // as a server does
			engine.ServeHTTP(httptest.NewRecorder(), r)
		}()
	}
	for line := range strings.Lines(out.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, m)
	}
	return lines
}

func get(path string) *http.Request { return httptest.NewRequest(http.MethodGet, path, nil) }

func users(e *gin.Engine) {
	e.GET("/users/:id", func(c *gin.Context) { c.String(http.StatusOK, "user %s", c.Param("id")) })
	e.GET("/missing", func(c *gin.Context) { c.Status(http.StatusNotFound) })
	e.GET("/broken", func(c *gin.Context) { c.Status(http.StatusBadGateway) })
	e.GET("/panic", func(*gin.Context) { panic("oh dear") })
	e.GET("/half", func(c *gin.Context) { c.String(http.StatusOK, "half"); panic("oh dear") })
}

func TestEveryRequestIsLoggedByItsRoute(t *testing.T) {
	for _, c := range []struct {
		request *http.Request
		level   string
		route   string
		status  float64
		bytes   float64
	}{
		{get("/users/7?token=secret"), "INFO", "GET /users/:id", 200, 6},
		{get("/missing"), "WARN", "GET /missing", 404, 0},
		{get("/broken"), "ERROR", "GET /broken", 502, 0},
		{get("/no/such?token=secret"), "WARN", "none", 404, 0},
		{httptest.NewRequest(http.MethodPost, "/missing", nil), "WARN", "none", 405, 0},
		{httptest.NewRequest("MADE-UP", "/users/7", nil), "WARN", "none", 405, 0},
		{get("/panic"), "ERROR", "GET /panic", 500, 0},
		{get("/half"), "ERROR", "GET /half", 200, 4},
	} {
		lines := logged(t, router.Config{}, users, c.request)
		if len(lines) != 1 {
			t.Fatalf("%s %s: got %d lines, want 1", c.request.Method, c.request.URL, len(lines))
		}
		l := lines[0]
		if l["msg"] != "request" || l["level"] != c.level || l["route"] != c.route || l["status"] != c.status || l["bytes"] != c.bytes {
			t.Errorf("%s %s: got %v, want %+v", c.request.Method, c.request.URL, l, c)
		}
		if _, ok := l["took"].(float64); !ok || len(l) != 8 {
			t.Errorf("%s %s: got %v, want took, and no more than there is to be", c.request.Method, c.request.URL, l)
		}
	}
}

func TestOnRequestIsToldOfEveryRequest(t *testing.T) {
	var got []string
	engine := router.Config{Quiet: true, OnRequest: func(r *http.Request, status int, took time.Duration) {
		if took < 0 {
			t.Errorf("%s: took %s", r.Pattern, took)
		}
		got = append(got, fmt.Sprint(r.Pattern, " ", status))
	}}.Engine()
	users(engine)
	for _, r := range []*http.Request{get("/users/7"), get("/missing"), get("/no/such"), httptest.NewRequest("MADE-UP", "/users/7", nil), get("/panic"), get("/half")} {
		func() {
			defer func() { _ = recover() }() // as a server does
			engine.ServeHTTP(httptest.NewRecorder(), r)
		}()
	}
	want := []string{"GET /users/:id 200", "GET /missing 404", "none 404", "none 405", "GET /panic 500", "GET /half 200"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSkippedRoutesAreLoggedOnlyWhenTheyFail(t *testing.T) {
	skip := router.Config{Skip: []string{"GET /users/:id", "GET /missing", "GET /broken"}}
	lines := logged(t, skip, users, get("/users/7"), get("/missing"), get("/broken"))
	if len(lines) != 1 || lines[0]["route"] != "GET /broken" {
		t.Errorf("got %v, want /broken alone", lines)
	}
	if lines := logged(t, router.Config{Quiet: true}, users, get("/users/7"), get("/broken")); len(lines) != 0 {
		t.Errorf("quiet: got %v, want nothing", lines)
	}
}

func TestQueryIsLoggedWhenAskedFor(t *testing.T) {
	lines := logged(t, router.Config{Query: true}, users, get("/users/7?a=b"))
	if len(lines) != 1 || lines[0]["query"] != "a=b" {
		t.Errorf("got %v, want the query a=b", lines)
	}
}

func TestRouteThatIsAddedLateHasItsName(t *testing.T) {
	var engine *gin.Engine
	late := func(e *gin.Engine) {
		engine = e
		e.GET("/first", func(*gin.Context) {
			engine.GET("/second", func(*gin.Context) {})
		})
	}
	lines := logged(t, router.Config{}, late, get("/first"), get("/second"))
	if len(lines) != 2 || lines[1]["route"] != "GET /second" {
		t.Errorf("got %v, want GET /second", lines)
	}
}

func TestRequestHasAnID(t *testing.T) {
	for given, kept := range map[string]bool{
		"":                       false,
		"abc-DEF_1.2":            true,
		strings.Repeat("x", 64):  true,
		strings.Repeat("x", 65):  false,
		"new\nline":              false,
		"<script>":               false,
		"spaces are not allowed": false,
	} {
		r := get("/")
		if given != "" {
			r.Header["X-Request-Id"] = []string{given}
		}
		var seen string
		engine := router.Config{Quiet: true}.Engine()
		engine.GET("/", func(c *gin.Context) { seen = c.GetHeader("X-Request-Id") })
		w := httptest.NewRecorder()
		engine.ServeHTTP(w, r)
		answered := w.Header().Get("X-Request-Id")
		if answered != seen || answered == "" || (answered == given) != kept {
			t.Errorf("given %q: the handler sees %q, the client %q, kept %v", given, seen, answered, kept)
		}
	}
}

func TestNobodyIsBelievedWhoHeIs(t *testing.T) {
	r := get("/")
	r.RemoteAddr = "192.0.2.1:1234"
	r.Header.Set("X-Forwarded-For", "10.0.0.1")
	r.Header.Set("X-Real-Ip", "10.0.0.1")
	engine := router.Config{Quiet: true}.Engine()
	engine.GET("/", func(c *gin.Context) { c.String(http.StatusOK, c.ClientIP()) })
	w := httptest.NewRecorder()
	engine.ServeHTTP(w, r)
	if got := w.Body.String(); got != "192.0.2.1" {
		t.Errorf("client: got %s, want the peer", got)
	}
}

func TestContextOfGinIsThatOfTheRequest(t *testing.T) {
	type key struct{}
	ctx, cancel := context.WithCancel(context.WithValue(t.Context(), key{}, "value"))
	engine := router.Config{Quiet: true}.Engine()
	engine.GET("/", func(c *gin.Context) {
		if c.Value(key{}) != "value" {
			t.Error("a value of the request's context is not in gin's")
		}
		cancel()
		<-c.Done()
	})
	w := httptest.NewRecorder()
	engine.ServeHTTP(w, get("/").WithContext(ctx))
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("a handler that gave up: got %d, want 503", w.Code)
	}
}

func TestPanicPassesThrough(t *testing.T) {
	engine := router.Config{Quiet: true}.Engine()
	engine.GET("/", func(*gin.Context) { panic(http.ErrAbortHandler) })
	defer func() {
		if value := recover(); value != http.ErrAbortHandler { //nolint:errorlint // the very value
			t.Errorf("got %v, want ErrAbortHandler", value)
		}
	}()
	engine.ServeHTTP(httptest.NewRecorder(), get("/"))
	t.Error("no panic")
}

// The promise: two allocations a request, both for the id.
func TestAccessLogCostsTwoAllocations(t *testing.T) {
	if racing {
		t.Skip("the detector allocates, too")
	}
	bare := gin.New()
	full := router.New(slog.New(slog.NewJSONHandler(io.Discard, nil)))
	for _, e := range []*gin.Engine{bare, full} {
		e.GET("/users/:id", func(c *gin.Context) { c.Status(http.StatusNoContent) })
	}
	w := &discard{http.Header{}}
	cost := func(e *gin.Engine) float64 {
		r := get("/users/7")
		return testing.AllocsPerRun(1000, func() {
			clear(r.Header)
			e.ServeHTTP(w, r)
		})
	}
	if more := cost(full) - cost(bare); more > 2 {
		t.Errorf("%v allocations more than gin alone, want 2 at most", more)
	}
}

type discard struct{ header http.Header }

func (d *discard) Header() http.Header       { return d.header }
func (*discard) Write(p []byte) (int, error) { return len(p), nil }
func (*discard) WriteHeader(int)             {}

func TestTookIsTheTimeOfTheHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lines := logged(t, router.Config{}, func(e *gin.Engine) {
			e.GET("/", func(*gin.Context) { time.Sleep(time.Minute) })
		}, get("/"))
		if took := lines[0]["took"]; took != float64(time.Minute) {
			t.Errorf("took: got %v ns, want a minute", took)
		}
	})
}
