package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tend.example/tend/internal/config"
	"tend.example/tend/internal/kinds"
	"tend.example/tend/internal/loadtest"
	"tend.example/tend/services"
	"tend.example/tend/services/admin/logring"
	"tend.example/tend/supervise"
)

// reloadable is a daemon in this process, whose file can be changed.
type reloadable struct {
	*program
	t       *testing.T
	file    string
	hangups chan os.Signal
	stop    context.CancelFunc
	ended   chan error
	log     *logFile
}

func newReloadable(t *testing.T, text string) *reloadable {
	t.Helper()
	r := &reloadable{t: t, file: filepath.Join(t.TempDir(), "tend.yaml"), hangups: make(chan os.Signal, 1), ended: make(chan error, 1)}
	r.write(text)
	r.log = &logFile{seen: make(chan struct{}), awaited: "msg=ready"}
	l := config.Loader{Args: []string{"--config", r.file, "--admin-addr=127.0.0.1:0"}, Schedule: kinds.Schedule}
	s, err := l.Load()
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(r.log, nil))
	if r.program, err = newProgram(l, s, logbook{Logger: log, lines: &logring.Ring{}, level: &slog.LevelVar{}}, &neighbours{}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r.stop = cancel
	looped := make(chan struct{})
	go func() { // end waits for it
		defer close(looped)
		r.reload.Serve(ctx, r.hangups)
	}()
	go func() {
		err := r.tree.Serve(ctx)
		<-looped
		r.kinds.Close()
		r.ended <- err
	}()
	select {
	case <-r.log.seen:
	case <-time.After(patience):
		t.Fatalf("not ready; log:\n%s", r.log.text())
	}
	return r
}

func (r *reloadable) write(text string) {
	r.t.Helper()
	next := r.file + ".new"
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Rename(next, r.file); err != nil {
		r.t.Fatal(err)
	}
}

func (r *reloadable) end() {
	r.t.Helper()
	r.stop()
	if err := <-r.ended; err != nil {
		r.t.Errorf("Serve: got %v, want nil", err)
	}
}

// apply reloads another text, and returns what that changed.
func (r *reloadable) apply(text string) string {
	r.t.Helper()
	r.write(text)
	report, err := r.reload.Reload(r.t.Context(), false)
	if err != nil || report.Err != "" {
		r.t.Errorf("Reload: got %v, %s, want no error", err, report.Err)
	}
	lines := make([]string, len(report.Changes))
	for i, c := range report.Changes {
		lines[i] = c.String()
	}
	return strings.Join(lines, "\n")
}

// runs are the number of the present run of every service.
func (r *reloadable) runs() map[string]int {
	runs := map[string]int{}
	var walk func(s supervise.Status)
	walk = func(s supervise.Status) {
		for _, c := range s.Children {
			runs[strings.TrimPrefix(c.Path, "tend/")] = c.Run
			walk(c)
		}
	}
	walk(r.tree.Status())
	return runs
}

const ticking = "job: {run: 'true', schedule: '@yearly', zone: UTC"

func TestAReloadTouchesNothingThatHasNotChanged(t *testing.T) {
	r := newReloadable(t, `services:
  - {name: a, `+ticking+`}}
  - {name: b, `+ticking+`}}
  - {name: g, group: {services: [{name: x, `+ticking+`}}, {name: y, `+ticking+`}}]}}
  - {name: h, group: {strategy: one-for-all, services: [{name: x, `+ticking+`}}]}}
  - {name: web, http: {addr: "127.0.0.1:0", routes: {/: {hello: true}}}}
`)
	defer r.end()
	steps := []struct {
		name, text, plan string
		runs             map[string]int
	}{
		{"nothing", r.text(), "", map[string]int{"admin": 1, "a": 1, "b": 1, "g": 1, "g/x": 1, "g/y": 1, "h": 1, "h/x": 1, "web": 1}},
		{
			"one service, a policy, and one in a group", `services:
  - {name: a, ` + ticking + `, timeout: 1s}}
  - {name: b, policy: "limit=5/1m", ` + ticking + `}}
  - {name: g, group: {services: [{name: x, ` + ticking + `}}, {name: y, ` + ticking + `, retries: 1}}]}}
  - {name: h, group: {strategy: one-for-all, services: [{name: x, ` + ticking + `}}]}}
  - {name: web, http: {addr: "127.0.0.1:0", routes: {/: {hello: true}}}}
`, "restart a: job.timeout\npolicy b: restart=always -> limit=5/1m\nrestart g/y: job.retries",
			map[string]int{"admin": 1, "a": 2, "b": 1, "g": 1, "g/x": 1, "g/y": 2, "h": 1, "h/x": 1, "web": 1},
		},
		{
			"the order, one more, one less", `services:
  - {name: web, http: {addr: "127.0.0.1:0", routes: {/: {hello: true}}}}
  - {name: g, group: {services: [{name: z, ` + ticking + `}}, {name: x, ` + ticking + `}}]}}
  - {name: a, ` + ticking + `, timeout: 1s}}
  - {name: b, policy: "limit=5/1m", ` + ticking + `}}
  - {name: h, group: {strategy: one-for-all, services: [{name: x, ` + ticking + `}}]}}
`, "stop g/y\nstart g/z: job true\nreorder tend", map[string]int{"admin": 1, "a": 2, "b": 1, "g": 1, "g/x": 1, "g/z": 1, "h": 1, "h/x": 1, "web": 1},
		},
		{
			"the shape of a group, and what a server answers", `services:
  - {name: web, http: {addr: "127.0.0.1:0", routes: {/x: {hello: true}}}}
  - {name: g, group: {services: [{name: z, ` + ticking + `}}, {name: x, ` + ticking + `}}]}}
  - {name: a, ` + ticking + `, timeout: 1s}}
  - {name: b, policy: "limit=5/1m", ` + ticking + `}}
  - {name: h, group: {strategy: rest-for-one, services: [{name: x, ` + ticking + `}}]}}
`, "restart web: http.routes\nrestart h: group.strategy", map[string]int{"admin": 1, "a": 2, "b": 1, "g": 1, "g/x": 1, "g/z": 1, "h": 2, "h/x": 2, "web": 2},
		},
		{
			"budgets", `shutdown-timeout: 1h
upgrade-timeout: 1m
log-format: text
services:
  - {name: g, group: {stop-timeout: 1s, services: [{name: z, ` + ticking + `}}, {name: x, ` + ticking + `}}]}}
  - {name: a, ` + ticking + `, timeout: 1s}}
  - {name: b, policy: "limit=5/1m", ` + ticking + `}}
  - {name: h, group: {strategy: rest-for-one, services: [{name: x, ` + ticking + `}}]}}
`, "stop web\nset g: group.stop-timeout\nlater log-format: auto -> text\nset shutdown-timeout: 30s -> 1h0m0s\nset upgrade-timeout: 30s -> 1m0s",
			map[string]int{"admin": 1, "a": 2, "b": 1, "g": 1, "g/x": 1, "g/z": 1, "h": 2, "h/x": 2},
		},
	}
	for _, step := range steps {
		if diff := cmp.Diff(step.plan, r.apply(step.text)); diff != "" {
			t.Errorf("%s: plan (-want +got):\n%s", step.name, diff)
		}
		got := r.runs()
		if step.runs["h/x"] == 2 { // whether its new group counts on is the group's affair
			step.runs["h/x"] = got["h/x"]
		}
		if diff := cmp.Diff(step.runs, got); diff != "" {
			t.Errorf("%s: runs (-want +got):\n%s", step.name, diff)
		}
	}
}

func (r *reloadable) text() string {
	text, err := os.ReadFile(r.file)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(text)
}

// An operator's will outlives a reload that has nothing to say about it.
func TestWhatAnOperatorHasDoneStaysThroughAReload(t *testing.T) {
	const text = `services:
  - {name: a, ` + ticking + `}}
  - {name: web, http: {addr: "127.0.0.1:0", routes: {/: {hello: true}}}}
`
	r := newReloadable(t, text)
	defer r.end()
	if err := r.tree.Stop(t.Context(), "tend/web"); err != nil {
		t.Fatal(err)
	}
	if err := r.tree.SetPolicy("tend/a", supervise.Policy{Restart: supervise.Never}); err != nil {
		t.Fatal(err)
	}
	r.book.level.Set(slog.LevelWarn)
	r.apply(strings.Replace(text, "/: {", "/x: {", 1))
	children := r.tree.Status().Children
	if children[2].State != supervise.Stopped || children[1].Policy.Restart != supervise.Never || r.book.level.Level() != slog.LevelWarn {
		t.Errorf("got web %s, a %s, level %s, want stopped, restart=never, WARN", children[2].State, children[1].Policy, r.book.level.Level())
	}
	r.apply("log-level: debug\n" + text)
	if got := r.book.level.Level(); got != slog.LevelDebug {
		t.Errorf("a level that has changed in the file: got %s, want DEBUG", got)
	}
	if err := r.tree.Start(t.Context(), "tend/web"); err != nil {
		t.Errorf("Start: %v", err)
	}
}

func TestTwoHundredHangupsInARowLeaveOneTreeAndNoLeak(t *testing.T) {
	const text = `services:
  - {name: a, ` + ticking + `}}
  - {name: web, http: {addr: "127.0.0.1:0", routes: {/: {hello: true}, /p/: {proxy: "http://127.0.0.1:1"}}}}
`
	r := newReloadable(t, text)
	defer r.end()
	r.apply(text)
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	for n := range 200 {
		r.write(strings.Replace(text, "/p/", fmt.Sprintf("/p%d/", n), 1))
		select {
		case r.hangups <- syscall.SIGHUP:
		case <-time.After(patience):
			t.Fatal("nobody takes the signal")
		}
	}
	r.apply(text)
	r.await("goroutines to end", func() bool { return runtime.NumGoroutine() <= goroutines })
	r.await("files to be closed", func() bool { return openFiles(t) <= files })
	if got, want := len(r.tree.Status().Children), 3; got != want {
		t.Errorf("got %d services, want %d", got, want)
	}
	runs := r.runs()
	if runs["a"] != 1 || runs["admin"] != 1 {
		t.Errorf("runs: got %v, want 1 of a and admin", runs)
	}
	if stats := r.reload.Stats(); stats.Refused > 0 || stats.Reloads < 3 {
		t.Errorf("got %+v, want reloads and none refused", stats)
	}
}

func (r *reloadable) await(what string, done func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("still waiting for %s", what)
		}
	}
}

// openFiles is how many descriptors this process has; 0 where that cannot be told.
func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}

// TestNoRequestIsLostByReloads changes what a server answers, again and again, and its drain delay and its limit of
// connections, while clients of many kinds are at it.
func TestNoRequestIsLostByReloads(t *testing.T) {
	backend := &services.HTTP{Addr: "127.0.0.1:0", Handler: loadtest.Handler(nil), Log: slog.New(slog.DiscardHandler)}
	behind := &supervise.Group{Name: "behind", Children: []supervise.Child{{Name: "b", Service: backend}}}
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() { gone <- behind.Serve(ctx) }() // received below
	defer func() {
		cancel()
		<-gone
	}()
	var addr net.Addr
	for addr == nil {
		time.Sleep(time.Millisecond)
		addr = backend.BoundAddr()
	}
	text := func(n int) string {
		return fmt.Sprintf("services: [{name: web, http: {addr: '127.0.0.1:0', max-conns: %d, drain-delay: %dms, routes: {/: {proxy: 'http://%s'}, /%d: {hello: true}}}}]", 1000+n, n, addr, n)
	}
	r := newReloadable(t, text(0))
	listening := regexp.MustCompile(`msg=listening service=tend/web addr=(\S+)`).FindStringSubmatch(r.log.text())
	kinds := []loadtest.Kind{loadtest.KeepAlive, loadtest.NewConn, loadtest.Post, loadtest.NewConnPost, loadtest.Long, loadtest.Stream}
	var sent loadtest.Progress
	load := loadtest.Load{Addr: listening[1], Kinds: kinds, Clients: 4, Hold: 50 * time.Millisecond, Progress: &sent}
	loading, enough := context.WithCancel(t.Context())
	result := make(chan loadtest.Result, 1)
	go func() { result <- load.Run(loading) }() // received below
	const reloads = 20
	for n := range reloads {
		before := sent.Of(loadtest.NewConn)
		r.await("more answers", func() bool { return sent.Of(loadtest.NewConn) > before+8 })
		if plan := r.apply(text(n + 1)); plan == "" {
			t.Error("nothing has changed")
		}
	}
	r.await("an answer of every kind", func() bool { return sent.AtLeast(16, kinds...) })
	if got := r.runs()["web"]; got != reloads+1 {
		t.Errorf("got run %d of web, want %d", got, reloads+1)
	}
	enough()
	got := <-result
	if total := got.Total(); total.Lost() > 0 || total.Refused > 0 || total.Unavailable > 0 || total.OK == 0 {
		t.Errorf("requests were lost:\n%s", got)
	}
	r.end()
}

func TestARequestForAReloadIsAnsweredWhenTendEnds(t *testing.T) {
	r := newReloadable(t, "services: []")
	r.end()
	if _, err := r.reload.Reload(t.Context(), false); err == nil || err.Error() != "tend is about to end" {
		t.Errorf("got %v, want that it is about to end", err)
	}
}

func TestTheSchemaOfTheDocsIsThatOfTheProgram(t *testing.T) {
	for file, make := range map[string]func() ([]byte, error){
		"docs/tend.schema.json": config.Schema,
		"docs/configuration.md": func() ([]byte, error) { return []byte(config.Page()), nil },
	} {
		want, err := make()
		if err != nil {
			t.Fatal(err)
		}
		if os.Getenv("TEND_UPDATE_DOCS") != "" {
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file)
		if err != nil && os.Getenv("TEND_UPDATE_DOCS") == "" {
			t.Error(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not up to date: run TEND_UPDATE_DOCS=1 go test -run %s .", file, t.Name())
		}
	}
}

var _ io.Writer = (*logFile)(nil)
