//go:build unix

package main

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
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tend.example/tend/internal/loadtest"
)

// host is where a daemon runs that is upgraded: a folder with its binary, and somebody who hears what it says to systemd.
type host struct {
	t     *testing.T
	dir   string
	cmd   *exec.Cmd
	ended chan struct{} // closed when the first process has been waited for

	mu   sync.Mutex
	said []string // lines, to systemd
}

// boot starts the daemon from a file of its own, with its admin side on a unix socket.
func boot(t *testing.T, prepare func(*exec.Cmd), args ...string) *host {
	t.Helper()
	h := &host{t: t, dir: t.TempDir(), ended: make(chan struct{})}
	h.installSelf()
	h.listen()
	log, err := os.Create(h.path("log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	h.cmd = exec.Command(h.path("tend"), append([]string{"--http-addr=127.0.0.1:0", "--admin-addr=unix:" + h.path("admin"), "--timer-every=1h", "--upgrade-timeout=2s", "--log-format=text"}, args...)...)
	h.cmd.Stderr = log
	h.cmd.Env = append(os.Environ(), "PATH="+h.dir+":"+os.Getenv("PATH"), "NOTIFY_SOCKET="+h.path("notify"), "WATCHDOG_USEC=300000")
	if prepare != nil {
		prepare(h.cmd)
	}
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // the cleanup waits for it
		defer close(h.ended)
		h.cmd.Wait()
	}()
	t.Cleanup(func() {
		for _, pid := range h.pids() {
			if line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil && strings.HasPrefix(string(line), "tend\x00") {
				syscall.Kill(pid, syscall.SIGKILL)
			}
			if pid != h.cmd.Process.Pid {
				h.gone(pid)
			}
		}
		h.cmd.Process.Kill()
		<-h.ended
	})
	h.await("msg=ready")
	return h
}

func (h *host) path(name string) string { return filepath.Join(h.dir, name) }

func (h *host) install(write func(path string) error) {
	h.t.Helper()
	if err := errors.Join(write(h.path("new")), os.Rename(h.path("new"), h.path("tend"))); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) installSelf() {
	h.t.Helper()
	self, err := os.Executable()
	if err != nil {
		h.t.Fatal(err)
	}
	h.install(func(path string) error { return os.Link(self, path) })
}

func (h *host) installScript(text string) {
	h.t.Helper()
	h.install(func(path string) error { return os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700) })
}

// heldSocket is a listening socket as systemd holds one, and the file that it hands on.
func heldSocket(t *testing.T, addr string) (net.Listener, *os.File) {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return l, file
}

// listen hears what is said to systemd.
func (h *host) listen() {
	h.t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: h.path("notify"), Net: "unixgram"})
	if err != nil {
		h.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { // the cleanup waits for it
		defer close(done)
		buf := make([]byte, 4096)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			h.mu.Lock()
			h.said = append(h.said, strings.Split(string(buf[:n]), "\n")...)
			h.mu.Unlock()
		}
	}()
	h.t.Cleanup(func() {
		conn.Close()
		<-done
	})
}

func (h *host) told() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.said)
}

func (h *host) log() string {
	text, err := os.ReadFile(h.path("log"))
	if err != nil {
		h.t.Error(err)
	}
	return string(text)
}

func (h *host) eventually(what string, holds func() bool) {
	h.t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			log := regexp.MustCompile(`(?m)^.* msg=request .*\n`).ReplaceAllString(h.log(), "")
			told := slices.DeleteFunc(h.told(), func(line string) bool { return line == "WATCHDOG=1" })
			h.t.Fatalf("still waiting: %s; log:\n%s\nto systemd:\n%s", what, log, strings.Join(told, "\n"))
		}
	}
}

// await waits for a line of the log.
func (h *host) await(pattern string) (found []string) {
	h.t.Helper()
	re := regexp.MustCompile(pattern)
	h.eventually(pattern, func() bool {
		found = re.FindStringSubmatch(h.log())
		return found != nil
	})
	return found
}

// awaitTold waits for a line to systemd.
func (h *host) awaitTold(line string) {
	h.t.Helper()
	h.eventually(line, func() bool { return slices.Contains(h.told(), line) })
}

// pids are all processes there have been.
func (h *host) pids() []int {
	all := []int{h.cmd.Process.Pid}
	for _, m := range regexp.MustCompile(`msg="new process starts" pid=(\d+)`).FindAllStringSubmatch(h.log(), -1) {
		pid, _ := strconv.Atoi(m[1])
		all = append(all, pid)
	}
	return all
}

// admin is a client of the admin side that uses each connection once.
func (h *host) admin(method, path string) (status int, body string, err error) {
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, "unix", h.path("admin"))
	}}
	req, err := http.NewRequestWithContext(h.t.Context(), method, "http://localhost"+path, http.NoBody)
	if err != nil {
		return 0, "", err
	}
	resp, err := (&http.Client{Transport: transport, Timeout: patience}).Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

// command runs a command of the program under test, whatever is installed.
func (h *host) command(args ...string) (out string, code int) {
	h.t.Helper()
	self, err := os.Executable()
	if err != nil {
		h.t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Args[0] = "tend"
	cmd.Env = append(os.Environ(), "TEND_ADMIN=unix:"+h.path("admin"))
	text, _ := cmd.CombinedOutput()
	return string(text), cmd.ProcessState.ExitCode()
}

// gone waits until a process has ended. Where that is done it is a child of this one, as it would be of systemd.
func (h *host) gone(pid int) {
	h.t.Helper()
	if pid == h.cmd.Process.Pid {
		<-h.ended
		return
	}
	h.eventually(fmt.Sprintf("the end of process %d", pid), func() bool {
		if got, err := syscall.Wait4(pid, nil, syscall.WNOHANG, nil); err == nil && got == pid {
			return true
		}
		return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
	})
}

func (h *host) helloAddr() string { return h.await(`msg=listening service=tend/hello addr=(\S+)`)[1] }

// underLoad sends requests until the function that it returns is called. It wants each to be answered in full. Those
// of loadtest are not hello's, so whatever is a whole answer is well.
func (h *host) underLoad() (sent func() int, end func(refused bool)) {
	var tried int
	ctx, cancel := context.WithCancel(h.t.Context())
	results := make(chan loadtest.Result, 1)
	progress := make(chan int, 1)
	load := loadtest.Load{
		Addr: h.helloAddr(), Clients: 8, Requests: 50,
		Kinds: []loadtest.Kind{loadtest.KeepAlive, loadtest.NewConn, loadtest.Post, loadtest.NewConnPost},
	}
	go func() { // end waits for it
		var all loadtest.Result
		for ctx.Err() == nil {
			r := load.Run(ctx)
			all.Kinds = append(all.Kinds, r.Kinds...)
			select {
			case <-progress:
			default:
			}
			progress <- all.Total().Sent()
		}
		results <- all
	}()
	sent = func() int {
		select {
		case tried = <-progress:
		default:
		}
		return tried
	}
	return sent, func(refused bool) { // which may be, when the daemon has ended
		h.t.Helper()
		cancel()
		total := (<-results).Total()
		if total.Cut > 0 || total.Unavailable > 0 || total.Refused > 0 && !refused || total.Local > 0 || total.Sent() == 0 {
			h.t.Errorf("of %d requests %d were cut, %d refused, %d answered 503; %d could not be sent: %v", total.Sent(), total.Cut, total.Refused, total.Unavailable, total.Local, total.Failures)
		}
		h.t.Logf("%d requests", total.Sent())
	}
}

// readiness asks /readyz all the time, on new connections and on one that is kept, and wants it to say yes.
func (h *host) readiness() (end func()) {
	ctx, cancel := context.WithCancel(h.t.Context())
	done := make(chan string, 1)
	go func() { // end waits for it
		for ctx.Err() == nil {
			if status, body, err := h.admin(http.MethodGet, "/readyz"); ctx.Err() == nil && (err != nil || status != http.StatusOK) {
				done <- fmt.Sprintf("/readyz: %d %s, %v", status, body, err)
				return
			}
		}
		done <- ""
	}()
	return func() {
		h.t.Helper()
		cancel()
		if fault := <-done; fault != "" {
			h.t.Error(fault)
		}
	}
}
