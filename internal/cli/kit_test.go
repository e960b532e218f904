package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"tend.example/tend/internal/cli"
	"tend.example/tend/internal/config"
)

var update = flag.Bool("update", false, "write what the tests find as what they want")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noon is when everything happens.
func noon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// daemon answers as a daemon does, with what is in testdata.
type daemon struct {
	*httptest.Server

	mu    sync.Mutex
	asked []string
}

func newDaemon(t *testing.T) *daemon {
	t.Helper()
	d := &daemon{}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		problem(w, 404, "there is no service "+strings.TrimPrefix(r.URL.Path, "/api/v1/services/"))
	})
	for pattern, file := range map[string]string{
		"GET /api/v1/info":                           "info.json",
		"GET /api/v1/tree":                           "tree.json",
		"GET /api/v1/services/tend/web":              "service.json",
		"GET /api/v1/services/web":                   "service.json",
		"GET /api/v1/services/tend":                  "root.json",
		"GET /api/v1/services/conns":                 "pool.json",
		"GET /api/v1/services/tend/conns/c7":         "member.json",
		"GET /api/v1/events":                         "events.json",
		"GET /api/v1/logs":                           "logs.json",
		"GET /api/v1/goroutines":                     "goroutines.json",
		"GET /api/v1/services/web/goroutines":        "stacks.json",
		"GET /api/v1/services/jobs/nightly/next":     "next.json",
		"GET /api/v1/services/jobs/off/next":         "next_paused.json",
		"GET /api/v1/services/jobs/sweep/next":       "next_stopped.json",
		"POST /api/v1/services/web/restart":          "done.json",
		"POST /api/v1/services/tend/web/restart":     "done.json",
		"POST /api/v1/services/a%20b%3Fc/stop":       "done.json",
		"POST /api/v1/services/jobs/nightly/pause":   "done.json",
		"POST /api/v1/services/jobs/nightly/cancel":  "cancel.json",
		"POST /api/v1/services/jobs/sweep/cancel":    "cancel_none.json",
		"POST /api/v1/services/jobs/off/cancel":      "done.json", // as a daemon does that does not tell
		"POST /api/v1/services/jobs/nightly/trigger": "outcome.json",
		"PATCH /api/v1/services/web/policy":          "policy.json",
		"PUT /api/v1/services/web/policy":            "policy.json",
		"GET /api/v1/log-level":                      "level.json",
		"PUT /api/v1/log-level":                      "level.json",
		"POST /api/v1/services/web/drill":            "drill.json",
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) { reply(t, w, file) })
	}
	mux.HandleFunc("POST /api/v1/services/jobs/start", func(w http.ResponseWriter, _ *http.Request) {
		problem(w, 504, "context deadline exceeded")
	})
	mux.HandleFunc("POST /api/v1/services/web/reset", func(w http.ResponseWriter, _ *http.Request) { problem(w, 409, "not serving") })
	mux.HandleFunc("POST /api/v1/services/web/stop", func(w http.ResponseWriter, _ *http.Request) {
		problem(w, 403, "this token is for reading only")
	})
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.note(t, r)
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(d.Close)
	return d
}

func (d *daemon) note(t *testing.T, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	line := r.Method + " " + r.URL.RequestURI()
	if len(body) > 0 {
		line += " " + string(body)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked = append(d.asked, line)
}

func (d *daemon) requests() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked
}

func reply(t *testing.T, w http.ResponseWriter, file string) {
	text, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Error(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(text)
}

func problem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"type": "about:blank", "title": http.StatusText(status), "status": status, "detail": detail})
}

// result is how a command ended.
type result struct {
	code           int
	stdout, stderr string
}

// run runs a command against the daemon at an address.
func run(ctx context.Context, admin string, args ...string) result {
	var stdout, stderr bytes.Buffer
	program := cli.Program{
		Version: "v1.2.3",
		Serve: func(_ context.Context, _ config.Loader, s *config.Settings) int {
			fmt.Fprintln(&stdout, "serves at", s.HTTPAddr)
			return 0
		},
		Stdout: &stdout, Stderr: &stderr,
		Env: func(key string) string { return map[string]string{"TEND_ADMIN": admin}[key] },
		Now: noon,
	}
	code := program.Run(ctx, args)
	return result{code, stdout.String(), stderr.String()}
}

// golden compares a text with a file in testdata/golden.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}
