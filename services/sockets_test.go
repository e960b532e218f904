//go:build unix

package services_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tend.example/tend/internal/loadtest"
	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

// serveAt is serve, in a process that has these sockets.
func serveAt(t *testing.T, s *services.Sockets, children ...supervise.Child) *tree {
	t.Helper()
	ctx, cancel := context.WithCancel(services.WithSockets(t.Context(), s))
	tr := &tree{Group: &supervise.Group{Name: "test", Children: children}, cancel: cancel, ended: make(chan error, 1)}
	go func() { tr.ended <- tr.Serve(ctx) }()
	return tr
}

// next is the sockets of a process that was started with those of another.
func next(t *testing.T, s *services.Sockets) (*services.Sockets, *services.Passing) {
	t.Helper()
	passing, err := s.Pass()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(passing.Close)
	heir, err := services.Received(passing)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(heir.Close)
	return heir, passing
}

// systemd is the sockets of a process that systemd has given l by that name.
func systemd(t *testing.T, name string, l net.Listener) *services.Sockets {
	t.Helper()
	raw, err := l.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var s *services.Sockets
	err = raw.Control(func(fd uintptr) {
		p := &services.Passing{Env: []string{"LISTEN_FDS=1", "LISTEN_FDNAMES=" + name}, Files: []uintptr{fd}}
		s, err = services.Received(p)
	})
	if err != nil || s == nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func web(h *services.HTTP) supervise.Child { return supervise.Child{Name: "web", Service: h} }

// says is a handler that says who it is.
func says(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, name) }
}

func TestUpgradesUnderLoadLoseNothing(t *testing.T) {
	upgrades := 10
	if testing.Short() {
		upgrades = 4
	}
	for name, addr := range map[string]string{"tcp": "127.0.0.1:0", "unix": "unix:" + filepath.Join(t.TempDir(), "s")} {
		t.Run(name, func(t *testing.T) {
			kinds := append(append([]loadtest.Kind{}, http1...), http2...)
			sockets := &services.Sockets{}
			serve := func(s *services.Sockets) (*services.HTTP, *tree) {
				h := newHTTP(nil)
				h.Addr, h.Handler, h.KeepIdle, h.H2C = addr, answers(), 0, true
				tr := serveAt(t, s, web(h))
				awaitRunning(t, tr)
				return h, tr
			}
			h, tr := serve(sockets)
			var sent loadtest.Progress
			load := loadtest.Load{Addr: h.BoundAddr().String(), Kinds: kinds, Clients: 4, Hold: 50 * time.Millisecond, Progress: &sent}
			if name == "unix" {
				load.Addr = addr
			}
			ctx, cancel := context.WithCancel(t.Context())
			result := make(chan loadtest.Result, 1)
			go func() { result <- load.Run(ctx) }()
			for range upgrades {
				heir, passing := next(t, sockets)
				newer, newTree := serve(heir)
				taken, _ := heir.Settle()
				leave, done := context.WithTimeout(ctx, 5*time.Second)
				passing.HandOver(leave, taken...)
				done()
				if err := tr.stop(); err != nil {
					t.Errorf("the old one: Serve: got %v, want nil", err)
				}
				if got := h.Stats(); got.Cut > 0 || got.Conns > 0 {
					t.Errorf("the old one: Stats: got %+v, want nothing left or cut off", got)
				}
				sockets, h, tr = heir, newer, newTree
				least := sent.Of(loadtest.NewConn) + 8
				eventually(t, "more answers", func() bool { return sent.Of(loadtest.NewConn) >= least })
			}
			if err := tr.stop(); err != nil {
				t.Errorf("the last one: Serve: got %v, want nil", err)
			}
			cancel()
			if r := <-result; r.Lost() > 0 || r.Total().Unavailable > 0 || r.Total().OK < 100*upgrades {
				t.Errorf("want no request lost:\n%s", r)
			}
			if path, ok := strings.CutPrefix(addr, "unix:"); ok {
				if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("the socket after the end: got %v, want none", err)
				}
			}
		})
	}
}

// The one that was handed the socket has the same file, so the old one may not remove its name.
func TestOldOneTakesNothingFromTheNewOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	first := &services.Sockets{}
	old := newHTTP(says("old"))
	old.Addr = "unix:" + path
	oldTree := serveAt(t, first, web(old))
	awaitRunning(t, oldTree)
	heir, passing := next(t, first)
	h := newHTTP(says("new"))
	h.Addr = old.Addr
	tr := serveAt(t, heir, web(h))
	awaitRunning(t, tr)
	taken, spare := heir.Settle()
	if diff := cmp.Diff([]string{"test/web"}, taken); diff != "" || spare != nil {
		t.Errorf("taken (-want +got):\n%s\nspare: got %q, want none", diff, spare)
	}
	passing.HandOver(t.Context(), taken...)
	eventually(t, "the old one has let go", func() bool { return old.BoundAddr() == nil })
	if got := oldTree.child().State; got != supervise.Running {
		t.Errorf("the old one: got %s, want running until it is told to stop", got)
	}
	if err := oldTree.Restart(t.Context(), "test/web"); err != nil || old.BoundAddr() != nil {
		t.Errorf("Restart of the old one: %v; it listens at %v, want nowhere", err, old.BoundAddr())
	}
	if err := oldTree.stop(); err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
	if got := dial(t, h).get("/"); got.body != "new" {
		t.Errorf("answer: got %q, want that of the new one", got.body)
	}
	tr.stop()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket after the end: got %v, want none", err)
	}
}

// The other process had the socket, and never accepted from it.
func TestPassingThatComesToNothingChangesNothing(t *testing.T) {
	s := &services.Sockets{}
	h := newHTTP(hello)
	tr := serveAt(t, s, web(h))
	awaitRunning(t, tr)
	heir, passing := next(t, s)
	if _, err := s.Pass(); err == nil {
		t.Error("Pass while another is under way: got no error")
	}
	heir.Close()
	passing.Close()
	if got := dial(t, h).get("/"); got.body != "hello" || got.Close {
		t.Errorf("answer: got %q, close %v, want hello", got.body, got.Close)
	}
	_, again := next(t, s)
	again.Close()
	if err := tr.stop(); err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
}

// Turn says when the old one has let go. What came before that is never accepted here.
func TestHTTPIsReadyBeforeItsTurnAndAcceptsInIt(t *testing.T) {
	first := &services.Sockets{}
	old := newHTTP(says("old"))
	oldTree := serveAt(t, first, web(old))
	awaitRunning(t, oldTree)
	heir, passing := next(t, first)
	turn := make(chan struct{})
	heir.Turn = func(ctx context.Context, alone bool) error {
		if alone || supervise.Path(ctx) != "test/web" {
			t.Errorf("Turn of %s: alone %v", supervise.Path(ctx), alone)
		}
		select {
		case <-turn:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	h := newHTTP(says("new"))
	h.Addr = old.Addr
	tr := serveAt(t, heir, web(h))
	awaitRunning(t, tr)
	for range 50 {
		c := dial(t, h)
		if got := c.get("/"); got.body != "old" {
			t.Fatalf("answer before the turn: got %q, want that of the old one", got.body)
		}
		c.Close() // or the old one would wait for it to come back
	}
	close(turn)
	passing.HandOver(t.Context(), "test/web")
	eventually(t, "the old one has let go", func() bool { return old.BoundAddr() == nil })
	if got := dial(t, h).get("/"); got.body != "new" {
		t.Errorf("answer: got %q, want that of the new one", got.body)
	}
	oldTree.stop()
	tr.stop()
}

func TestHTTPThatIsStoppedBeforeItsTurnLeavesTheSocketAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	first := &services.Sockets{}
	old := newHTTP(says("old"))
	old.Addr = "unix:" + path
	oldTree := serveAt(t, first, web(old))
	awaitRunning(t, oldTree)
	heir, passing := next(t, first)
	heir.Turn = func(ctx context.Context, _ bool) error { <-ctx.Done(); return ctx.Err() }
	h := newHTTP(says("new"))
	h.Addr = old.Addr
	tr := serveAt(t, heir, web(h))
	awaitRunning(t, tr)
	if err := tr.stop(); err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
	passing.Close()
	if got := dial(t, old).get("/"); got.body != "old" {
		t.Errorf("answer: got %q, want that of the old one", got.body)
	}
	oldTree.stop()
}

// Whoever waits in the queue is the old one's to answer, until it is the turn of the new one.
func TestHTTPThatComesToRestBeforeItsTurnTurnsNobodyAway(t *testing.T) {
	first := &services.Sockets{}
	old := newHTTP(hello)
	old.MaxConns = 1
	oldTree := serveAt(t, first, web(old))
	awaitRunning(t, oldTree)
	inside := dial(t, old)
	inside.get("/")
	waits := dial(t, old)
	waits.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	heir, passing := next(t, first)
	heir.Turn = func(ctx context.Context, _ bool) error { <-ctx.Done(); return ctx.Err() }
	h := newHTTP(says("new"))
	h.Addr = old.Addr
	tr := serveAt(t, heir, web(h))
	awaitRunning(t, tr)
	if err := tr.stop(); err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
	passing.Close()
	inside.Close()
	if got := waits.answer(); got.StatusCode != http.StatusOK || got.body != "hello" {
		t.Errorf("answer: got %d %q, want that of the old one", got.StatusCode, got.body)
	}
	oldTree.stop()
}

// What two processes must not do at a time begins in its turn only, and does not keep the tree from being ready.
func TestJobsAndCommandsBeginInTheirTurn(t *testing.T) {
	var began safeBuffer
	mark := func(name string) func(context.Context) error {
		return func(context.Context) error { fmt.Fprintln(&began, name); return nil }
	}
	turn := make(chan struct{})
	s := &services.Sockets{Turn: func(ctx context.Context, alone bool) error {
		if !alone {
			t.Errorf("Turn of %s: not alone", supervise.Path(ctx))
		}
		select {
		case <-turn:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}}
	often := services.AtOnce(services.Every(time.Hour))
	out := filepath.Join(t.TempDir(), "out")
	tr := serveAt(t, s,
		supervise.Child{Name: "job", Service: &services.Job{Schedule: often, Do: mark("job")}},
		supervise.Child{Name: "jobs", Service: &services.Jobs{Jobs: map[string]*services.Job{"one": {Schedule: often, Do: mark("jobs")}}}},
		supervise.Child{Name: "command", Service: &services.Command{Args: []string{"sh", "-c", "echo command >" + out + "; echo ready; exec sleep 60"}, ReadyAddr: "127.0.0.1:1"}},
	)
	eventually(t, "the tree is ready", func() bool { return tr.Status().State == supervise.Running })
	if _, err := os.Stat(out); err == nil || began.String() != "" {
		t.Errorf("before the turn: got %q, and the file of the command: %v", began.String(), err)
	}
	close(turn)
	eventually(t, "all have begun", func() bool {
		_, err := os.Stat(out)
		return err == nil && strings.Contains(began.String(), "job\n") && strings.Contains(began.String(), "jobs\n")
	})
	if err := tr.stop(); err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
}

// Whoever comes while nobody accepts is for the next process that systemd starts.
func TestSocketOfSystemdOutlivesTheService(t *testing.T) {
	for _, name := range []string{"test/web", "web", "test%2Fweb"} {
		t.Run(name, func(t *testing.T) {
			l := listen(t)
			s := systemd(t, name, l)
			h := newHTTP(hello)
			h.Addr = "192.0.2.1:80" // what systemd has opened counts
			tr := serveAt(t, s, web(h), supervise.Child{Name: "other", Service: supervise.Func(func(ctx context.Context) error { <-ctx.Done(); return nil })})
			awaitRunning(t, tr)
			if got := dialAddr(t, l.Addr()).get("/"); got.body != "hello" {
				t.Errorf("answer: got %q, want hello", got.body)
			}
			if err := tr.Stop(t.Context(), "test/web"); err != nil {
				t.Errorf("Stop: %v", err)
			}
			waits := dialAddr(t, l.Addr())
			waits.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
			if err := tr.Start(t.Context(), "test/web"); err != nil {
				t.Errorf("Start: %v", err)
			}
			if got := waits.answer(); got.body != "hello" {
				t.Errorf("answer: got %q, want hello", got.body)
			}
			if err := tr.stop(); err != nil {
				t.Errorf("Serve: got %v, want nil", err)
			}
			s.Close()
			dialAddr(t, l.Addr())
			nc, err := l.Accept()
			if err != nil {
				t.Fatalf("accept in the place of systemd: %v", err)
			}
			nc.Close()
		})
	}
}

// One of another Addr is not what the new one was told to open.
func TestSocketOfAnotherAddrIsLeftToTheOldOne(t *testing.T) {
	first := &services.Sockets{}
	old := newHTTP(hello)
	oldTree := serveAt(t, first, web(old))
	awaitRunning(t, oldTree)
	addr := old.BoundAddr()
	heir, passing := next(t, first)
	h := newHTTP(hello)
	h.Addr = "localhost:0"
	tr := serveAt(t, heir, web(h))
	awaitRunning(t, tr)
	if got := h.BoundAddr().String(); got == addr.String() {
		t.Errorf("it listens on %s, want another port", got)
	}
	taken, spare := heir.Settle()
	if diff := cmp.Diff([]string{"test/web"}, spare); diff != "" || taken != nil {
		t.Errorf("spare (-want +got):\n%s\ntaken: got %q, want none", diff, taken)
	}
	passing.HandOver(t.Context(), taken...)
	if got := dialAddr(t, addr).get("/"); got.body != "hello" {
		t.Errorf("answer of the old one: got %q, want hello", got.body)
	}
	oldTree.stop()
	if _, err := net.Dial("tcp", addr.String()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dial after the end: got %v, want connection refused", err)
	}
	tr.stop()
}

func TestSocketOfTheSameAddrIsTakenUnderAnotherName(t *testing.T) {
	first := &services.Sockets{}
	old := newHTTP(hello)
	old.Addr = "unix:" + filepath.Join(t.TempDir(), "s")
	oldTree := serveAt(t, first, supervise.Child{Name: "site", Service: old})
	eventually(t, "it listens", func() bool { return old.BoundAddr() != nil })
	heir, passing := next(t, first)
	h := newHTTP(hello)
	h.Addr = old.Addr
	tr := serveAt(t, heir, web(h))
	awaitRunning(t, tr)
	if got, want := h.BoundAddr().String(), old.BoundAddr().String(); got != want {
		t.Errorf("it listens on %s, want %s", got, want)
	}
	taken, _ := heir.Settle()
	passing.HandOver(t.Context(), taken...)
	oldTree.stop()
	if got := dial(t, h).get("/"); got.body != "hello" {
		t.Errorf("answer: got %q, want hello", got.body)
	}
	tr.stop()
}

// A service that stops for good while its socket is on the way to another process may not make the kernel ignore
// whoever comes to that.
func TestDoorIsNotBarredWhileTheSocketIsPassed(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("no door is barred here")
	}
	first := &services.Sockets{}
	old := newHTTP(hello)
	oldTree := serveAt(t, first, web(old))
	awaitRunning(t, oldTree)
	heir, passing := next(t, first)
	oldTree.stop()
	h := newHTTP(hello)
	h.Addr = old.Addr
	tr := serveAt(t, heir, web(h))
	awaitRunning(t, tr)
	passing.Close()
	if got := dial(t, h).get("/"); got.body != "hello" {
		t.Errorf("answer: got %q, want hello", got.body)
	}
	tr.stop()
}

// --- what a process is started with ----------------------------------------------------------------

// TestInheritHelper is the process that the next test starts.
func TestInheritHelper(t *testing.T) {
	if os.Getenv("TEND_TEST_INHERIT") == "" {
		t.Skip("it is started by another test")
	}
	s, err := services.InheritSockets()
	if err != nil {
		fmt.Println("error:", err)
		return
	}
	defer s.Close()
	fmt.Printf("given: %q\n", s.Given())
	for _, key := range []string{"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_FDADDRS"} {
		if _, ok := os.LookupEnv(key); ok {
			fmt.Println("left:", key)
		}
	}
}

func TestInheritSockets(t *testing.T) {
	file := func(l net.Listener) *os.File {
		f, err := l.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	one, two := file(listen(t)), file(listen(t))
	for name, c := range map[string]struct {
		env   string // for sh
		files []*os.File
		want  string
	}{
		"none":                {"", nil, `given: []`},
		"two":                 {"LISTEN_FDS=2 LISTEN_FDNAMES=tend/hello:tend/admin", []*os.File{one, two}, `given: ["tend/hello" "tend/admin"]`},
		"without LISTEN_PID":  {"LISTEN_FDS=1 LISTEN_FDNAMES=tend/hello", []*os.File{one}, `given: ["tend/hello"]`},
		"right LISTEN_PID":    {"LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=tend/hello", []*os.File{one}, `given: ["tend/hello"]`},
		"wrong LISTEN_PID":    {"LISTEN_PID=1 LISTEN_FDS=1 LISTEN_FDNAMES=tend/hello", []*os.File{one}, `given: []`},
		"LISTEN_PID is none":  {"LISTEN_PID=me LISTEN_FDS=1", []*os.File{one}, `error: LISTEN_PID: strconv.Atoi: parsing "me": invalid syntax`},
		"escaped":             {"LISTEN_FDS=1 LISTEN_FDNAMES=tend/a%3Ab%20c", []*os.File{one}, `given: ["tend/a:b c"]`},
		"without names":       {"LISTEN_FDS=1", []*os.File{one}, `given: [""]`},
		"too few names":       {"LISTEN_FDS=2 LISTEN_FDNAMES=tend/hello", []*os.File{one, two}, `error: LISTEN_FDNAMES: 1 parts for 2 descriptors`},
		"no number":           {"LISTEN_FDS=some", nil, `error: LISTEN_FDS: strconv.Atoi: parsing "some": invalid syntax`},
		"negative":            {"LISTEN_FDS=-1", nil, `error: LISTEN_FDS: value out of range`},
		"more than there are": {"LISTEN_FDS=99999999999", nil, `error: LISTEN_FDS: value out of range`},
		"no socket":           {"LISTEN_FDS=1 LISTEN_FDNAMES=x", []*os.File{os.Stdin}, `error: descriptor 3 of LISTEN_FDS, "x": socket operation on non-socket`},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command("sh", "-c", c.env+` exec "$0" -test.run='^TestInheritHelper$'`, os.Args[0])
			cmd.Env = append(os.Environ(), "TEND_TEST_INHERIT=1")
			cmd.ExtraFiles = c.files
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			got := strings.TrimSuffix(string(out), "\nPASS\n")
			if got != c.want {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
}
