//go:build unix

package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// What can happen to a process: docs/testing.md has a table of it, and of the tests.

func TestSIGQUITDumpsGoroutinesAndEndsWithTwo(t *testing.T) {
	crash := filepath.Join(t.TempDir(), "crash")
	d := newDaemon(t, "--crash-log="+crash)
	d.start()
	d.signal(syscall.SIGQUIT)
	d.exits(2)
	for name, text := range map[string]string{"stderr": d.read(), "the crash log": readFile(t, crash)} {
		if !strings.Contains(text, "SIGQUIT: quit") || !strings.Contains(text, "\ngoroutine ") {
			t.Errorf("%s: got\n%s\nwant a dump", name, text)
		}
	}
}

func TestAPanicThatNobodyCatchesIsInTheCrashLog(t *testing.T) {
	crash := filepath.Join(t.TempDir(), "crash")
	for range 2 { // the second is added to the first
		d := newDaemon(t, "--crash-log="+crash)
		d.cmd.Path = filepath.Join(filepath.Dir(d.cmd.Path), "tendbare")
		d.cmd.Args[0] = d.cmd.Path
		stdin, err := d.cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		d.start()
		d.undisturbed("hello")
		stdin.Close()
		d.exits(2)
		if !d.logged(`^panic: nobody caught me`) {
			t.Errorf("stderr: got\n%s\nwant the panic", d.read())
		}
	}
	if got := readFile(t, crash); strings.Count(got, "panic: nobody caught me") != 2 || !strings.Contains(got, "bareMain") {
		t.Errorf("the crash log: got\n%s\nwant two panics with their goroutines", got)
	}
	if info, err := os.Stat(crash); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, want it to be its owner's alone", info.Mode(), err)
	}
}

func TestACrashLogThatCannotBeIsAFaultOfTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	d := newDaemon(t, "--crash-log="+dir)
	out, err := d.cmd.CombinedOutput()
	if want := "tend: --crash-log: open " + dir + ": is a directory\n"; d.cmd.ProcessState.ExitCode() != 78 || string(out) != want {
		t.Errorf("got %v and %q, want exit code 78 and %q", err, out, want)
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// flood has hello log more than a pipe and the log's queue can take.
func flood(t *testing.T, d *daemonProcess) (requests int) {
	t.Helper()
	conn, err := net.Dial("unix", d.socket("hello"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	requests = 25_000
	sent := make(chan error, 1)
	go func() { // waited for below
		_, err := io.WriteString(conn, strings.Repeat("GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n", requests-1)+
			"GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
		sent <- err
	}()
	answers, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(string(answers), "Hello World!"); got != requests {
		t.Fatalf("got %d answers, want %d", got, requests)
	}
	return requests
}

// unread gives the daemon a pipe for stderr.
func unread(t *testing.T, d *daemonProcess) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	d.cmd.Stderr = w
	d.start()
	w.Close()
	return r
}

func TestAPipeThatNobodyReadsHoldsUpNothingAndWhatIsLostIsCounted(t *testing.T) {
	d := newDaemon(t, "--timer-every=1h")
	log := bufio.NewReader(unread(t, d))
	requests := flood(t, d)
	d.hello()
	requests++
	d.undisturbed("hello", "admin", "timer")

	there, lost := 0, 0
	report := regexp.MustCompile(`level=WARN msg="log lines lost" lines=(\d+)`)
	for there+lost < requests { // or the test hangs
		line, err := log.ReadString('\n')
		if err != nil {
			t.Fatalf("after %d lines and %d lost, of %d: %v", there, lost, requests, err)
		}
		if match := report.FindStringSubmatch(line); match != nil {
			n, err := strconv.Atoi(match[1])
			if err != nil {
				t.Fatal(err)
			}
			lost += n
		}
		if strings.Contains(line, "msg=request") {
			there++
		}
	}
	if lost == 0 || there+lost > requests {
		t.Errorf("got %d lines and %d lost, want some lost, and %d together", there, lost, requests)
	}

	flood(t, d) // and again, to stop with
	d.stops()
}

func TestTheReaderOfStderrAndStdoutMayDie(t *testing.T) {
	d := newDaemon(t, "--timer-every=1h", "--log-level=debug")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	d.cmd.Stdout = w
	log := unread(t, d)
	w.Close()
	r.Close()
	log.Close()
	for range 100 { // each a line for nobody
		d.hello()
	}
	d.undisturbed("hello", "admin", "timer")
	d.stops()
}

func TestItRunsWithoutDescriptors0To2(t *testing.T) {
	d := newDaemon(t, "--timer-every=1h").sh(`exec "$@" 0<&- 1>&- 2>&-`)
	d.start()
	d.hello()
	d.stops()
	if log := d.read(); log != "" {
		t.Errorf("got a log of\n%s", log)
	}
}

// What a run has left to its successor is a connection that would be idle for a minute.
func TestSIGTERMEndsTheDrainOfARunThatWasReplaced(t *testing.T) {
	d := newDaemon(t, "--drill", "--policy=hello:backoff=none")
	d.start()
	conn, err := net.Dial("unix", d.socket("hello"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil {
		t.Fatal(err)
	}
	d.drill("hello", "error")
	d.waitLog(`service=tend/hello state=running run=2`)
	d.stops()
}

func TestTwoHundredSIGHUPsDisturbNothing(t *testing.T) {
	d := newDaemon(t, "--timer-every=1h")
	d.start()
	for range 200 {
		d.signal(syscall.SIGHUP)
	}
	d.hello()
	d.undisturbed("admin", "hello", "timer")
	d.stops()
	if got := strings.Count(d.read(), "service=tend state=starting"); got != 1 {
		t.Errorf("got %d trees, want 1; log:\n%s", got, d.read())
	}
}
