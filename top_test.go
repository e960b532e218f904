//go:build linux || darwin

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/term"
)

// tendCommand is the real program: the binary of the tests is it under that name.
func tendCommand(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Args[0] = "tend"
	cmd.Env = append(os.Environ(), "TERM=xterm-256color", "NO_COLOR=", "GORACE=atexit_sleep_ms=0")
	return cmd
}

// startDaemon starts a daemon at a socket, and returns when it is ready.
func startDaemon(t *testing.T, socket string) *exec.Cmd {
	t.Helper()
	log := &logFile{seen: make(chan struct{}), awaited: "msg=ready"}
	cmd := tendCommand(t, "--log-format=text", "--admin-addr=unix:"+socket, "--http-addr=127.0.0.1:0", "--timer-every=1h", "--drill", "--policy=timer:backoff=1h..1h")
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-log.seen:
	case <-time.After(patience):
		t.Fatalf("the daemon does not get ready:\n%s", log.text())
	}
	return cmd
}

func kill(cmd *exec.Cmd) {
	cmd.Process.Kill()
	cmd.Wait() // it was killed
}

// terminal runs a command of tend in a terminal of its own.
type terminal struct {
	t      *testing.T
	cmd    *exec.Cmd
	master *os.File
	tty    *os.File // kept open, so that its modes can be asked for in the end
	before *term.State

	mu     sync.Mutex
	all    bytes.Buffer
	reader sync.WaitGroup
}

func openTerminal(t *testing.T, socket string, args ...string) *terminal {
	t.Helper()
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := pty.Setsize(master, &pty.Winsize{Rows: 12, Cols: 90}); err != nil {
		t.Fatal(err)
	}
	before, err := term.GetState(int(tty.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	cmd := tendCommand(t, append(args, "--admin=unix:"+socket)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	term := &terminal{t: t, cmd: cmd, master: master, tty: tty, before: before}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	term.reader.Go(func() { // until the other end is closed
		buf := make([]byte, 4096)
		for {
			n, err := master.Read(buf)
			term.mu.Lock()
			term.all.Write(buf[:n])
			term.mu.Unlock()
			if err != nil {
				return
			}
		}
	})
	t.Cleanup(func() {
		kill(cmd)
		tty.Close()
		term.reader.Wait()
		master.Close()
	})
	return term
}

func (x *terminal) sent() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.all.String()
}

// screen is the last frame that is whole, without colours; its lines are parted by newlines.
func (x *terminal) screen() string {
	sent := x.sent()
	end := strings.LastIndex(sent, "\x1b[?2026l")
	begin := strings.LastIndex(sent[:max(end, 0)], "\x1b[?2026h\x1b[H")
	if begin < 0 {
		return ""
	}
	return escapes.ReplaceAllString(strings.ReplaceAll(sent[begin:end], "\r\n", "\n"), "")
}

var escapes = regexp.MustCompile("\x1b\\[[0-9;?]*[a-zA-Z]")

// shows waits until the screen matches.
func (x *terminal) shows(pattern string) {
	x.t.Helper()
	re := regexp.MustCompile("(?m)" + pattern)
	for deadline := time.Now().Add(patience); !re.MatchString(x.screen()); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			x.t.Fatalf("still waiting for %s; the screen is\n%s\nafter %q", pattern, x.screen(), x.sent())
		}
	}
}

func (x *terminal) press(keys string) {
	x.t.Helper()
	if _, err := x.master.WriteString(keys); err != nil {
		x.t.Fatal(err)
	}
}

// ends waits for the end of the command, and wants the terminal to be as it was.
func (x *terminal) ends(code int) {
	x.t.Helper()
	err := x.cmd.Wait()
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		x.t.Fatal(err)
	}
	if got != code {
		x.t.Errorf("exit code: got %d, want %d; it said %q", got, code, x.sent())
	}
	after, err := term.GetState(int(x.tty.Fd()))
	if err != nil {
		x.t.Fatal(err)
	}
	if *after != *x.before {
		x.t.Errorf("modes of the terminal: got %+v, want %+v as before", after, x.before)
	}
	const leave = "\x1b[?7h\x1b[?25h\x1b[?1049l"
	for deadline := time.Now().Add(patience); !strings.HasSuffix(x.sent(), leave); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			x.t.Fatalf("the screen is not left: %q", x.sent())
		}
	}
}

func TestTopShowsAndSteersALiveDaemon(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	daemon := startDaemon(t, socket)
	defer func() { kill(daemon) }()
	x := openTerminal(t, socket, "top")
	x.shows(`\A *tend .* up \d+s  3 services: 3 running +live$`)
	x.shows(`^> tend +running`)
	x.shows(`^  └── timer +running +\d+s +next in 59m`)

	x.press("\x1b[B\x1b[B")
	x.shows(`^> ├── hello`)
	x.press("j")
	x.shows(`^> └── timer`)
	x.press("\r")
	x.shows(`^tend/timer$`)
	x.shows(`^policy +backoff=1h`)
	x.press("\x1b")
	x.shows(`^> └── timer`)

	// What happens is seen at once, and by itself.
	if out, err := tendCommand(t, "drill", "timer", "error", "--admin=unix:"+socket).CombinedOutput(); err != nil {
		t.Fatalf("drill: %v: %s", err, out)
	}
	x.shows(`^> └── timer +backoff +\d+s +again in 1h..m; drill: failed as asked`)
	x.shows(`3 services: 1 backoff, 2 running`)
	x.press("r")
	x.shows(`^restart tend/timer\? y/n`)
	x.press("y")
	x.shows(`^restart tend/timer: (starting|running)`)
	x.shows(`^> └── timer +running`)
	x.press("k")
	x.shows(`^> ├── hello`)
	x.press("s")
	x.shows(`^stop tend/hello\? y/n`)
	x.press("y")
	x.shows(`^> ├── hello +stopped`)
	x.press("s")
	x.shows(`^start tend/hello\? y/n`)
	x.press("y")
	x.shows(`^> ├── hello +running`)

	x.press("/tim")
	x.shows(`^/tim_`)
	x.shows(`^> tend/timer`)
	x.press("\r")
	x.shows(`^filter: tim`)
	x.press("\x1b")
	x.shows(`├── hello`)
	x.press("?")
	x.shows(`restart the service, after y`)
	x.press("x")

	// Another size is another screen.
	if err := pty.Setsize(x.master, &pty.Winsize{Rows: 5, Cols: 40}); err != nil {
		t.Fatal(err)
	}
	x.shows(`\A.{40}\n  SERVICE .*\n.*\n.*\narrows jk move  Enter service  / filter…\z`)

	// A daemon that goes away, and one that comes.
	kill(daemon)
	x.shows(`reconnecting: `)
	daemon = startDaemon(t, socket)
	x.shows(`\A.*live$`)
	x.press("q")
	x.ends(0)
}

func TestTopLeavesTheTerminalAsItWasHoweverItEnds(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	daemon := startDaemon(t, socket)
	defer kill(daemon)
	for _, c := range []struct {
		keys   string
		signal syscall.Signal
		code   int
	}{
		{keys: "\x03"},
		{keys: "/abc\x03"},
		{signal: syscall.SIGINT, code: 130},
		{signal: syscall.SIGTERM, code: 143},
		{signal: syscall.SIGHUP, code: 129},
		{signal: syscall.SIGQUIT, code: 131},
	} {
		x := openTerminal(t, socket, "top")
		x.shows(`^> tend +running`)
		if c.signal != 0 {
			if err := x.cmd.Process.Signal(c.signal); err != nil {
				t.Fatal(err)
			}
		}
		x.press(c.keys)
		x.ends(c.code)
	}
}

func TestColoursAreForTerminalsThatWantThem(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	daemon := startDaemon(t, socket)
	defer kill(daemon)
	for _, c := range []struct {
		env  string
		want string
	}{
		{"NO_COLOR=", "tend/hello  \x1b[32mrunning\x1b[0m"},
		{"NO_COLOR=1", "tend/hello  running"},
		{"TERM=dumb", "tend/hello  running"},
	} {
		cmd := tendCommand(t, "status", "--admin=unix:"+socket)
		cmd.Env = append(cmd.Env, c.env)
		tty, err := pty.Start(cmd)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		out.ReadFrom(tty) // ends with an error where the other side is closed
		if err := cmd.Wait(); err != nil || !strings.Contains(out.String(), c.want) {
			t.Errorf("%s: got %q, %v, want %q in it", c.env, out.String(), err, c.want)
		}
		tty.Close()
	}
}

// Ctrl-C is a signal here, as the terminal is as it always is.
func TestCtrlCEndsWhatFollows(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	daemon := startDaemon(t, socket)
	defer kill(daemon)
	for _, args := range [][]string{{"events", "-w"}, {"logs", "-f"}} {
		x := openTerminal(t, socket, args...)
		for deadline := time.Now().Add(patience); !strings.Contains(x.sent(), "running"); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%v: got %q", args, x.sent())
			}
		}
		x.press("\x03")
		var exit *exec.ExitError
		if err := x.cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 130 {
			t.Errorf("%v: ended with %v, want 130", args, err)
		}
		if strings.Contains(x.sent(), "tend: ") {
			t.Errorf("%v: got %q, want no word about it", args, x.sent())
		}
	}
}
