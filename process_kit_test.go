//go:build unix

package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"testing"
	"time"

	"tend.example/tend/supervise"
)

// daemonProcess is the daemon as a process of its own, for what scripts cannot do to it.
type daemonProcess struct {
	t     *testing.T
	cmd   *exec.Cmd
	log   string        // the file that its stderr goes to, unless cmd has another
	dir   string        // with the unix sockets http and admin, where it listens
	ended chan struct{} // closed when it has been waited for
}

// newDaemon is the daemon, which logs text, listens on unix sockets, and has not been started yet.
func newDaemon(t *testing.T, args ...string) *daemonProcess {
	t.Helper()
	path, err := exec.LookPath("tend") // which testscript.Main has made
	if err != nil {
		t.Fatal(err)
	}
	return newDaemonOf(t, path, args...)
}

func newDaemonOf(t *testing.T, path string, args ...string) *daemonProcess {
	t.Helper()
	dir, err := os.MkdirTemp("", "tend") // t.TempDir can be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	d := &daemonProcess{t: t, dir: dir, log: filepath.Join(dir, "log"), ended: make(chan struct{})}
	d.cmd = exec.Command(path, append([]string{
		"--log-format=text", "--http-addr=unix:" + d.socket("hello"), "--admin-addr=unix:" + d.socket("admin"),
	}, args...)...)
	d.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "GOCOVERDIR=" + os.Getenv("GOCOVERDIR")}
	return d
}

// by has another program run it, which gets its command line as the last arguments.
func (d *daemonProcess) by(args ...string) *daemonProcess {
	d.t.Helper()
	path, err := exec.LookPath(args[0])
	if err != nil {
		d.t.Skip(err)
	}
	d.cmd.Args = slices.Concat(args, []string{d.cmd.Path}, d.cmd.Args[1:])
	d.cmd.Path = path
	return d
}

// sh has a line of shell run it, as "$@".
func (d *daemonProcess) sh(line string) *daemonProcess { return d.by("sh", "-c", line, "sh") }

// start starts it, and waits until all of it is ready.
func (d *daemonProcess) start() {
	d.t.Helper()
	if d.cmd.Stderr == nil {
		log, err := os.Create(d.log)
		if err != nil {
			d.t.Fatal(err)
		}
		defer log.Close()
		d.cmd.Stderr = log
	}
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	go func() { // the cleanup waits for it
		defer close(d.ended)
		_ = d.cmd.Wait()
	}()
	d.t.Cleanup(func() {
		_ = d.cmd.Process.Kill()
		<-d.ended
	})
	d.await("it is ready", func() bool {
		status, _, err := d.get("admin", "/readyz")
		return err == nil && status == http.StatusOK
	})
}

func (d *daemonProcess) socket(service string) string { return filepath.Join(d.dir, service) }

// await polls until done, and fails when the daemon has ended before.
func (d *daemonProcess) await(what string, done func() bool) {
	d.t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(2 * time.Millisecond) {
		select {
		case <-d.ended:
			d.t.Fatalf("still waiting until %s, but the daemon has ended (%s); log:\n%s", what, d.cmd.ProcessState, d.read())
		default:
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("still waiting until %s; log:\n%s", what, d.read())
		}
	}
}

func (d *daemonProcess) read() string {
	log, _ := os.ReadFile(d.log)
	return string(log)
}

// logged tells whether a line of the log matches.
func (d *daemonProcess) logged(pattern string) bool {
	return regexp.MustCompile("(?m)" + pattern).MatchString(d.read())
}

func (d *daemonProcess) waitLog(pattern string) {
	d.t.Helper()
	d.await("it logs "+pattern, func() bool { return d.logged(pattern) })
}

// get asks a service, on a connection of its own.
func (d *daemonProcess) get(service, path string) (status int, body []byte, err error) {
	return d.ask(http.MethodGet, service, path)
}

func (d *daemonProcess) ask(method, service, path string) (status int, body []byte, err error) {
	client := &http.Client{Timeout: patience, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, "unix", d.socket(service))
		},
	}}
	req, err := http.NewRequest(method, "http://localhost"+path, http.NoBody)
	if err != nil {
		return 0, nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
}

// drill has a service fail.
func (d *daemonProcess) drill(service, mode string) {
	d.t.Helper()
	if status, body, err := d.ask(http.MethodPost, "admin", "/api/drill/"+service+"?mode="+mode); status != http.StatusAccepted {
		d.t.Fatalf("drill %s of %s: got %d %s, %v", mode, service, status, body, err)
	}
}

// hello asks hello, which has to answer.
func (d *daemonProcess) hello() {
	d.t.Helper()
	if status, body, err := d.get("hello", "/hello"); status != http.StatusOK || string(body) != "Hello World!" {
		d.t.Fatalf("GET /hello: got %d %q, %v; log:\n%s", status, body, err, d.read())
	}
}

// child is the state of a child of the root.
func (d *daemonProcess) child(name string) childStatus {
	d.t.Helper()
	_, body, err := d.get("admin", "/api/tree")
	if err != nil {
		d.t.Fatal(err)
	}
	var tree struct{ Children []childStatus }
	if err := json.Unmarshal(body, &tree); err != nil {
		d.t.Fatal(err)
	}
	for _, c := range tree.Children {
		if c.Name == name {
			return c
		}
	}
	d.t.Fatalf("no %s in %s", name, body)
	return childStatus{}
}

type childStatus struct {
	Name   string
	State  string
	Run    int
	Detail struct {
		Counts struct{ Runs, Missed int }
	}
}

// undisturbed wants a child to be in its first run.
func (d *daemonProcess) undisturbed(names ...string) {
	d.t.Helper()
	for _, name := range names {
		if c := d.child(name); c.Run != 1 || c.State != supervise.Running.String() {
			d.t.Errorf("%s: got run %d, %s, want run 1, running; log:\n%s", name, c.Run, c.State, d.read())
		}
	}
}

func (d *daemonProcess) signal(sig syscall.Signal) {
	d.t.Helper()
	if err := d.cmd.Process.Signal(sig); err != nil {
		d.t.Fatal(err)
	}
}

// exits waits for the end, and compares the exit code.
func (d *daemonProcess) exits(code int) {
	d.t.Helper()
	select {
	case <-d.ended:
	case <-time.After(patience):
		d.t.Fatalf("it does not end; log:\n%s", d.read())
	}
	if got := d.cmd.ProcessState.ExitCode(); got != code {
		d.t.Fatalf("got exit code %d (%s), want %d; log:\n%s", got, d.cmd.ProcessState, code, d.read())
	}
}

// stops tells it to stop, which it has to do cleanly.
func (d *daemonProcess) stops() {
	d.t.Helper()
	d.signal(syscall.SIGTERM)
	d.exits(0)
}
