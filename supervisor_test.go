package main

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"tend.example/tend/internal/config"
	"tend.example/tend/internal/kinds"
	"tend.example/tend/services/admin/logring"
	"tend.example/tend/supervise"
)

// newTestTree is the tree for args, which listens on free ports unless they say otherwise.
func newTestTree(t *testing.T, log *slog.Logger, args ...string) *supervise.Group {
	t.Helper()
	return newTestProgram(t, log, args...).tree
}

func newTestProgram(t *testing.T, log *slog.Logger, args ...string) *program {
	t.Helper()
	l := config.Loader{Args: append([]string{"--http-addr=127.0.0.1:0", "--admin-addr=127.0.0.1:0"}, args...), Schedule: kinds.Schedule}
	s, err := l.Load()
	if err != nil {
		t.Fatal(err)
	}
	p, err := newProgram(l, s, logbook{Logger: log, lines: &logring.Ring{}, level: &slog.LevelVar{}}, &neighbours{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestMetricsOfTheDaemonAreByTheConventionsAndInTheDocs(t *testing.T) {
	docs, err := os.ReadFile("docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	newTestProgram(t, slog.New(slog.DiscardHandler)).shown.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	problems, err := promlint.New(bytes.NewReader(w.Body.Bytes())).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	names := regexp.MustCompile(`(?m)^# TYPE (tend_\w+) `).FindAllStringSubmatch(w.Body.String(), -1)
	if len(names) < 10 {
		t.Errorf("got %d metrics of tend, want more:\n%s", len(names), w.Body)
	}
	for _, name := range names {
		if !strings.Contains(string(docs), "`"+name[1]) {
			t.Errorf("docs/metrics.md lacks %s", name[1])
		}
	}
}

func TestShapeOfTheTree(t *testing.T) {
	for _, args := range [][]string{nil, {"--drill"}} {
		tree := newTestTree(t, slog.New(slog.DiscardHandler), append(args, "--timer-every=1m", "--shutdown-timeout=7s")...)
		got := []string{tree.Name}
		for _, c := range tree.Children {
			got = append(got, c.Name+": "+c.Service.(interface{ String() string }).String())
		}
		want := []string{"tend", "admin: http 127.0.0.1:0", "hello: http 127.0.0.1:0", "timer: job every 1m0s"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("with %q (-want +got):\n%s", args, diff)
		}
		if tree.StopTimeout != 7*time.Second {
			t.Errorf("StopTimeout: got %s, want 7s", tree.StopTimeout)
		}
	}
}

func TestProgramsAreChildrenOfTheRoot(t *testing.T) {
	tree := newTestTree(t, slog.New(slog.DiscardHandler), "--without=hello,b", "--command", "a: sleep 5", "--job", "c: @daily UTC: true",
		"--command=b: true", "--policy=a:restart=never")
	var got []string
	for _, c := range tree.Children {
		got = append(got, c.Name+": "+c.Service.(interface{ String() string }).String())
	}
	want := []string{"admin: http 127.0.0.1:0", "timer: job every 30s", "a: command sleep", "c: job @daily UTC"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := tree.Children[2].Policy.Restart; got != supervise.Never {
		t.Errorf("policy of a: got restart=%v, want never", got)
	}
}

func TestAScheduleThatNeverComesIsAFaultOfTheCommandLine(t *testing.T) {
	_, err := config.Loader{Args: []string{"--job", "a: 0 0 30 2 *: true"}, Schedule: kinds.Schedule}.Load()
	if got := supervise.ExitCode(err); got != 64 || !strings.Contains(err.Error(), `--job "a: 0 0 30 2 *: true": `) {
		t.Errorf("got %v with code %d, want the flag and 64", err, got)
	}
}

func TestRunFromStartToStop(t *testing.T) {
	var stdout bytes.Buffer
	stderr := &logFile{seen: make(chan struct{}), awaited: "msg=ready"}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { // ends when the tree is ready, or the test fails for want of it
		defer cancel()
		select {
		case <-stderr.seen:
		case <-time.After(patience):
			t.Error("the tree does not get ready")
		}
	}()
	code := run(ctx, []string{"--http-addr=127.0.0.1:0", "--admin-addr=127.0.0.1:0", "--log-format=text"}, &stdout, stderr)
	<-ctx.Done()
	if code != 0 {
		t.Errorf("exit code: got %d, want 0; log:\n%s", code, stderr.text())
	}
	if stdout.Len() > 0 {
		t.Errorf("stdout: got %q, want nothing", stdout.String())
	}
	log := strings.TrimSpace(stderr.text())
	states := regexp.MustCompile(`service=(\S+) state=(\S+)`).FindAllStringSubmatch(log, -1)
	got := make([]string, len(states))
	for i, s := range states {
		got[i] = s[1] + " " + s[2]
	}
	want := []string{
		"tend starting",
		"tend/admin starting", "tend/admin running",
		"tend/hello starting", "tend/hello running",
		"tend/timer starting", "tend/timer running",
		"tend running",
		"tend stopping",
		"tend/timer stopping", "tend/timer stopped",
		"tend/hello stopping", "tend/hello stopped",
		"tend/admin stopping", "tend/admin stopped",
		"tend stopped",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	if last := log[strings.LastIndex(log, "\n")+1:]; !strings.Contains(last, `msg=exit code=0 err="context canceled"`) {
		t.Errorf("last line: got %s, want exit with code 0", last)
	}
}

func TestStopInTheMiddleOfTheStartStopsWhatHasStarted(t *testing.T) {
	log := &logFile{seen: make(chan struct{}), awaited: "service=tend/hello state=starting"}
	tree := newTestTree(t, slog.New(slog.NewTextHandler(log, nil)))
	tree.Children[1].Service = supervise.Func(func(ctx context.Context) error { // never ready
		<-ctx.Done()
		return nil
	})
	tree.Children[1].WaitReady = true
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- tree.Serve(ctx) }()
	<-log.seen
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
	got := map[string]supervise.State{}
	for _, c := range tree.Status().Children {
		got[c.Name] = c.State
	}
	want := map[string]supervise.State{"admin": supervise.Stopped, "hello": supervise.Stopped, "timer": supervise.Idle}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
}

// logFile is a log that tells when a text has been written to it.
type logFile struct {
	awaited string
	seen    chan struct{} // closed then

	mu  sync.Mutex
	all bytes.Buffer
	met bool
}

func (f *logFile) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all.Write(p)
	if !f.met && strings.Contains(string(p), f.awaited) { // slog writes whole lines
		f.met = true
		close(f.seen)
	}
	return len(p), nil
}

func (f *logFile) text() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.all.String()
}
