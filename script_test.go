package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	commands := map[string]func(){"tend": main, "tendbare": bareMain}
	for _, name := range stubs() {
		commands[name] = stub
	}
	testscript.Main(leakChecked{m}, commands)
}

// bareMain is the daemon with a goroutine that nobody looks after, and that panics at the end of its input.
func bareMain() {
	go func() { // ends the process
		_, _ = io.Copy(io.Discard, os.Stdin)
		panic("nobody caught me")
	}()
	main()
}

// leakChecked is goleak.VerifyTestMain in the form that testscript takes.
type leakChecked struct{ m *testing.M }

func (l leakChecked) Run() int {
	code := l.m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}

// TestScripts runs the scripts in testdata/script against the real program. Besides testscript's
// own commands they have:
//
//	start [FLAG...]                 start tend on free ports; its stderr goes as text to the file log, stdout to the file out
//	waitlog PATTERN                 wait until a line of the log matches
//	lastlog PATTERN                 the last line of the log matches
//	get SERVICE PATH STATUS         GET from that service; the body is stdout
//	post SERVICE PATH STATUS        POST, likewise
//	ask METHOD SERVICE PATH STATUS [HEADER:VALUE]... [=BODY]   any other request, likewise; STATUS is a pattern
//	waitget SERVICE PATH STATUS     GET until that is the status
//	follow SERVICE PATH [HEADER:VALUE]...   a stream of events, which goes to the file stream until it ends
//	waitstream PATTERN              wait until a line of that matches
//	signal TERM|INT|HUP|KILL        send a signal
//	exits CODE                      wait until tend ends, and compare its exit code
//	example NAME                    make tend.yaml of deploy/examples/NAME.yaml, with free ports, and what it runs
//	occupy NAME                     listen on a free address and put it into the variable NAME
//	code CODE COMMAND [ARG...]      run a command to its end, and compare its exit code
//	waitfile FILE PATTERN           wait until a line of the file matches
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Values[daemonKey{}] = &daemon{}
			env.Setenv("GORACE", "atexit_sleep_ms=0") // under the race detector each command would take a second to end
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"start":      command(0, -1, (*daemon).start),
			"waitlog":    command(1, 1, (*daemon).waitLog),
			"lastlog":    command(1, 1, (*daemon).lastLog),
			"get":        command(3, 3, (*daemon).get),
			"post":       command(3, 3, (*daemon).post),
			"ask":        command(4, -1, (*daemon).askAs),
			"waitget":    command(3, 3, (*daemon).waitGet),
			"follow":     command(2, -1, (*daemon).follow),
			"waitstream": command(1, 1, (*daemon).waitStream),
			"signal":     command(1, 1, (*daemon).signal),
			"exits":      command(1, 1, (*daemon).exits),
			"example":    command(1, 1, example),
			"occupy":     command(1, 1, occupy),
			"code":       command(2, -1, endsWith),
			"waitfile":   command(2, 2, waitFile),
		},
	})
}

// patience is how long a script waits for what is to come; only a test that fails takes so long.
const patience = 30 * time.Second

type daemonKey struct{}

// daemon is the tend that a script has started.
type daemon struct {
	cmd   *exec.Cmd
	log   string        // file
	ended chan struct{} // closed when cmd has been waited for

	streams []chan struct{} // each closed when a stream has ended
}

// command makes a script's command of f, which gets from least to most arguments; most -1: any
// number.
func command(least, most int, f func(*daemon, *testscript.TestScript, []string)) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg {
			ts.Fatalf("this command cannot be negated")
		}
		if len(args) < least || most >= 0 && len(args) > most {
			ts.Fatalf("got %d arguments, want %d to %d", len(args), least, most)
		}
		f(ts.Value(daemonKey{}).(*daemon), ts, args)
	}
}

func (d *daemon) start(ts *testscript.TestScript, args []string) {
	out, err := os.Create(ts.MkAbs("out"))
	ts.Check(err)
	defer out.Close()
	d.log = ts.MkAbs("log")
	log, err := os.Create(d.log)
	ts.Check(err)
	defer log.Close()

	path, err := filepath.Abs(lookPath(ts, "tend"))
	ts.Check(err)
	d.cmd = exec.Command(path, append([]string{"--http-addr=127.0.0.1:0", "--admin-addr=127.0.0.1:0", "--log-format=text"}, args...)...)
	d.cmd.Dir = ts.MkAbs(".")
	d.cmd.Stdout, d.cmd.Stderr = out, log
	d.cmd.Env = []string{"PATH=" + ts.Getenv("PATH"), "GOCOVERDIR=" + os.Getenv("GOCOVERDIR")}
	ts.Check(d.cmd.Start())
	ended := make(chan struct{})
	d.ended = ended
	cmd := d.cmd
	go func() {
		defer close(ended)
		cmd.Wait()
	}()
	ts.Defer(func() {
		cmd.Process.Kill()
		<-ended
	})
}

// lookPath finds a program of testscript.Main, which is on the script's PATH and not on ours.
func lookPath(ts *testscript.TestScript, name string) string {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if path := filepath.Join(dir, name); isFile(path) {
			return path
		}
	}
	ts.Fatalf("no %s in PATH", name)
	return ""
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// await polls until done, and fails when the daemon has ended before.
func (d *daemon) await(ts *testscript.TestScript, what string, done func() bool) {
	for deadline := time.Now().Add(patience); !done(); time.Sleep(2 * time.Millisecond) {
		ended := false
		select {
		case <-d.ended:
			ended = true
		default:
		}
		if ended && done() {
			return
		}
		if ended || time.Now().After(deadline) {
			ts.Fatalf("still waiting for %s (tend has ended: %t); log:\n%s", what, ended, d.read(ts))
		}
	}
}

func (d *daemon) read(ts *testscript.TestScript) []byte {
	log, err := os.ReadFile(d.log)
	ts.Check(err)
	return log
}

func (d *daemon) waitLog(ts *testscript.TestScript, args []string) {
	pattern := compile(ts, args[0])
	d.await(ts, args[0], func() bool { return pattern.Match(d.read(ts)) })
}

func (d *daemon) lastLog(ts *testscript.TestScript, args []string) {
	lines := bytes.Split(bytes.TrimSpace(d.read(ts)), []byte("\n"))
	if last := lines[len(lines)-1]; !compile(ts, args[0]).Match(last) {
		ts.Fatalf("last line of the log: got\n%s\nwant a match of %s", last, args[0])
	}
}

func compile(ts *testscript.TestScript, pattern string) *regexp.Regexp {
	re, err := regexp.Compile("(?m)" + pattern)
	ts.Check(err)
	return re
}

func (d *daemon) get(ts *testscript.TestScript, args []string) {
	d.askAs(ts, append([]string{http.MethodGet}, args...))
}

func (d *daemon) post(ts *testscript.TestScript, args []string) {
	d.askAs(ts, append([]string{http.MethodPost}, args...))
}

func (d *daemon) askAs(ts *testscript.TestScript, args []string) {
	method, service, path, want := args[0], args[1], args[2], args[3]
	resp, err := d.ask(ts, method, service, path, args[4:]...)
	ts.Check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	if !compile(ts, "^("+want+")$").MatchString(strconv.Itoa(resp.StatusCode)) {
		ts.Fatalf("%s %s: got status %d, want %s; body: %s", method, path, resp.StatusCode, want, body)
	}
	ts.Stdout().Write(body)
}

func (d *daemon) waitGet(ts *testscript.TestScript, args []string) {
	d.await(ts, "GET "+args[1]+" with status "+args[2], func() bool {
		resp, err := d.ask(ts, http.MethodGet, args[0], args[1])
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return strconv.Itoa(resp.StatusCode) == args[2]
	})
}

func (d *daemon) follow(ts *testscript.TestScript, args []string) {
	resp, err := d.ask(ts, http.MethodGet, args[0], args[1], append(args[2:], "Accept: text/event-stream")...)
	ts.Check(err)
	file, err := os.Create(ts.MkAbs("stream"))
	ts.Check(err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer file.Close()
		defer resp.Body.Close()
		io.Copy(file, resp.Body) // until the daemon ends it, or is killed
	}()
	d.streams = append(d.streams, ended)
	ts.Defer(func() {
		resp.Body.Close()
		<-ended
	})
}

func (d *daemon) waitStream(ts *testscript.TestScript, args []string) {
	pattern := compile(ts, args[0])
	d.await(ts, args[0], func() bool { return pattern.MatchString(ts.ReadFile("stream")) })
}

// ask sends a request to where the log says that service listens.
func (d *daemon) ask(ts *testscript.TestScript, method, service, path string, more ...string) (*http.Response, error) {
	listening := compile(ts, `msg=listening service=tend/`+regexp.QuoteMeta(service)+` addr=(\S+)`)
	found := listening.FindAllSubmatch(d.read(ts), -1)
	if len(found) == 0 {
		return nil, fmt.Errorf("%s does not listen", service)
	}
	addr := strings.NewReplacer("0.0.0.0", "127.0.0.1", "[::]", "127.0.0.1").Replace(string(found[len(found)-1][1]))
	transport := &http.Transport{DisableKeepAlives: true}
	host := addr
	if strings.HasPrefix(addr, "/") {
		host = "unix"
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", addr)
		}
	}
	var body io.Reader = http.NoBody
	header := http.Header{}
	for _, one := range more {
		if text, ok := strings.CutPrefix(one, "="); ok {
			body = strings.NewReader(text)
			continue
		}
		name, value, _ := strings.Cut(one, ":")
		header.Set(name, strings.TrimSpace(value))
	}
	req, err := http.NewRequest(method, "http://"+host+path, body)
	if err != nil {
		return nil, err
	}
	req.Header, req.Host = header, header.Get("Host")
	client := &http.Client{Timeout: patience, Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return client.Do(req)
}

func (d *daemon) signal(ts *testscript.TestScript, args []string) {
	signals := map[string]os.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "HUP": syscall.SIGHUP, "KILL": syscall.SIGKILL}
	s, ok := signals[args[0]]
	if !ok {
		ts.Fatalf("unknown signal %s", args[0])
	}
	ts.Check(d.cmd.Process.Signal(s))
}

func (d *daemon) exits(ts *testscript.TestScript, args []string) {
	select {
	case <-d.ended:
	case <-time.After(patience):
		ts.Fatalf("tend does not end; log:\n%s", d.read(ts))
	}
	for _, stream := range d.streams {
		<-stream
	}
	if got := strconv.Itoa(d.cmd.ProcessState.ExitCode()); got != args[0] {
		ts.Fatalf("exit code: got %s (%s), want %s; log:\n%s", got, d.cmd.ProcessState, args[0], d.read(ts))
	}
}

func occupy(_ *daemon, ts *testscript.TestScript, args []string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { listener.Close() })
	ts.Setenv(strings.ToUpper(args[0]), listener.Addr().String())
}
