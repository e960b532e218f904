//go:build unix

package handover_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tend.example/tend/internal/loadtest"
	"tend.example/tend/services"
	"tend.example/tend/services/handover"
	"tend.example/tend/supervise"
)

// TestMain is also the program that the tests start, by the name of server.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "server" {
		os.Exit(serve(os.Args[1], filepath.Dir(os.Args[0])))
	}
	goleak.VerifyTestMain(m)
}

// serve is a program that can be upgraded, as it stands in everybody's main. A file "mode" beside it makes it misbehave.
func serve(addr, dir string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	upgrades := make(chan os.Signal, 1)
	signal.Notify(upgrades, syscall.SIGUSR2)
	log := slog.New(slog.NewTextHandler(os.Stderr, nil)).With("at", os.Getpid())
	mode, _ := os.ReadFile(filepath.Join(dir, "mode"))
	process, err := handover.Begin()
	if err != nil {
		log.Error("begin", "err", err)
		return 1
	}
	process.Log, process.ReadyTimeout = log, 3*time.Second
	process.MainPID = func(pid int) { log.Info("main pid", "pid", pid) }
	mux := http.NewServeMux()
	mux.Handle("/", loadtest.Handler(func(r *http.Request) <-chan struct{} { return services.Draining(r.Context()) }))
	mux.HandleFunc("GET /pid", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, os.Getpid()) })
	process.Tree = &supervise.Group{Name: "test", OnEvent: process.Observe, Children: []supervise.Child{
		{Name: "web", Service: &services.HTTP{Addr: addr, Handler: mux, H2C: true, Log: log}},
		{Name: "late", Service: supervise.Func(misbehave), WaitReady: string(mode) == "late"},
		{Name: "alone", Service: supervise.Func(func(ctx context.Context) error { return alone(ctx, filepath.Join(dir, "alone")) })},
	}}
	if string(mode) == "exits" {
		return 7
	}
	ctx = process.Context(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-upgrades:
				go process.Upgrade(ctx) // it is logged, and Close waits for it
			case <-ctx.Done():
				return
			}
		}
	}()
	go func() {
		<-process.InCharge()
		log.Info("in charge")
	}()
	err = process.Tree.Serve(ctx)
	log.Info("down")
	process.Close()
	stop()
	<-done
	log.Info("exit", "err", err, "cause", context.Cause(ctx))
	return supervise.ExitCode(err)
}

// misbehave does nothing. With WaitReady it is never ready.
func misbehave(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// alone fails for good when there are two of it.
func alone(ctx context.Context, path string) error {
	if err := services.AwaitTurn(ctx); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE, 0o600)
	if err != nil {
		return supervise.Fatal(err)
	}
	defer file.Close()
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return supervise.Fatal(fmt.Errorf("there are two: %w", err))
	}
	<-ctx.Done()
	return nil
}

// server is the program while a test goes on, through its upgrades.
type server struct {
	t    *testing.T
	dir  string
	addr string
	cmd  *exec.Cmd
	log  string
	pid  int // of the process in charge

	ended chan struct{} // closed when the first process has been waited for
}

// start starts the program at a free port, or at addr.
func start(t *testing.T, addr string) *server {
	t.Helper()
	s := &server{t: t, dir: t.TempDir(), ended: make(chan struct{})}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s.install(func(path string) error { return os.Link(self, path) })
	s.log = filepath.Join(s.dir, "log")
	log, err := os.Create(s.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	s.cmd = exec.Command(s.path(), addr)
	s.cmd.Stderr = log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.pid = s.cmd.Process.Pid
	go func() { // the cleanup waits for it
		defer close(s.ended)
		s.cmd.Wait()
	}()
	t.Cleanup(func() {
		for _, m := range regexp.MustCompile(`msg="new process starts" at=\d+ pid=(\d+)`).FindAllStringSubmatch(s.read(), -1) {
			if pid, err := strconv.Atoi(m[1]); err == nil && isServer(pid, s.path()) {
				syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		s.cmd.Process.Kill()
		<-s.ended
	})
	s.await(`msg="in charge" at=` + strconv.Itoa(s.pid))
	s.addr = s.await(`msg=listening .*addr=(\S+)`)[1]
	if strings.HasPrefix(addr, "unix:") {
		s.addr = addr
	}
	return s
}

func (s *server) path() string { return filepath.Join(s.dir, "server") }

// isServer tells whether a process is one of this test's, and not somebody who has its number now.
func isServer(pid int, path string) bool {
	line, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	return err == nil && strings.HasPrefix(string(line), path)
}

// install puts another file in the place of the program.
func (s *server) install(build func(path string) error) {
	s.t.Helper()
	fresh := s.path() + ".new"
	if err := errors.Join(build(fresh), os.Rename(fresh, s.path())); err != nil {
		s.t.Fatal(err)
	}
}

// installScript has the next process run a shell script.
func (s *server) installScript(text string) {
	s.t.Helper()
	s.install(func(path string) error { return os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700) })
}

// installSelf has it run the program again.
func (s *server) installSelf() {
	s.t.Helper()
	self, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	s.install(func(path string) error { return os.Link(self, path) })
}

func (s *server) mode(text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, "mode"), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) read() string {
	log, err := os.ReadFile(s.log)
	if err != nil {
		s.t.Error(err)
	}
	return string(log)
}

// await waits for a line of the log.
func (s *server) await(pattern string) []string {
	s.t.Helper()
	return s.awaitNth(pattern, 1)
}

// awaitNth waits for the nth line of its kind.
func (s *server) awaitNth(pattern string, n int) []string {
	s.t.Helper()
	re := regexp.MustCompile(pattern)
	var found [][]string
	eventually(s.t, pattern+" in the log:\n", s.read, func() bool {
		found = re.FindAllStringSubmatch(s.read(), -1)
		return len(found) >= n
	})
	if len(found) < n {
		return nil
	}
	return found[n-1]
}

func eventually(t *testing.T, what string, more func() string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still waiting: %s%s", what, more())
		}
	}
}

func (s *server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := syscall.Kill(s.pid, sig); err != nil {
		s.t.Fatal(err)
	}
}

// upgrade has the process in charge replaced, and waits until the new one is, and the old one has ended cleanly.
func (s *server) upgrade() {
	s.t.Helper()
	old := s.pid
	begins := `msg="upgrade begins" at=` + strconv.Itoa(old)
	for tries := strings.Count(s.read(), begins); strings.Count(s.read(), begins) == tries; time.Sleep(50 * time.Millisecond) {
		s.signal(syscall.SIGUSR2) // it is refused until the process before is gone for good
	}
	next := s.await(`msg="handed over" at=` + strconv.Itoa(old) + ` pid=(\d+)`)
	s.pid, _ = strconv.Atoi(next[1])
	s.await(`msg="in charge" at=` + next[1])
	s.await(`msg=exit at=` + strconv.Itoa(old) + ` err=<nil> cause="handed over to process ` + next[1] + `"`)
}

// serves wants the process in charge, and no other, to answer.
func (s *server) serves() {
	s.t.Helper()
	for range 20 {
		resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get("http://" + s.addr + "/pid")
		if err != nil {
			s.t.Fatalf("%v; log:\n%s", err, s.read())
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || string(body) != strconv.Itoa(s.pid) {
			s.t.Fatalf("answered by process %s, %v, want %d; log:\n%s", body, err, s.pid, s.read())
		}
	}
}

// stop stops the process in charge.
func (s *server) stop() {
	s.t.Helper()
	s.signal(syscall.SIGTERM)
	s.await(`msg=exit at=` + strconv.Itoa(s.pid) + ` err=<nil> cause="(?:context canceled|terminated signal received)"`)
}
