//go:build unix

package services_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

// beProgram tells this test binary to be a program that a Command runs.
const beProgram = "TEND_TEST_PROGRAM"

// program is a Command that runs this test binary: each step is a word, and a value after a colon.
func program(steps ...string) *services.Command {
	return &services.Command{
		Args: append([]string{os.Args[0], "-test.run=^TestBeAProgram$", "--"}, steps...),
		Env:  []string{beProgram + "=1", "GORACE=atexit_sleep_ms=0"}, // which is a second, with the race detector
		Log:  slog.New(slog.DiscardHandler),
	}
}

func TestBeAProgram(t *testing.T) {
	if os.Getenv(beProgram) == "" {
		t.Skip("it is for the other tests to start")
	}
	_, steps, _ := strings.Cut(strings.Join(os.Args, "\n"), "\n--\n")
	a := &actor{caught: make(chan os.Signal, 1)}
	for step := range strings.SplitSeq(steps, "\n") {
		name, value, _ := strings.Cut(step, ":")
		do := a.steps()[name]
		if do == nil {
			a.must(fmt.Errorf("no step %q", step))
		}
		do(value)
	}
	os.Exit(0) // without the PASS of a test
}

// actor is this test binary as a program.
type actor struct {
	caught chan os.Signal
	held   []net.Conn
}

func (a *actor) steps() map[string]func(string) {
	return map[string]func(string){
		// how it ends
		"exit":           func(code string) { os.Exit(a.number(code)) },
		"exit-on-signal": func(code string) { <-a.caught; os.Exit(a.number(code)) },
		"hang":           func(string) { time.Sleep(time.Hour) }, // an empty select is a deadlock that Go finds
		"die": func(sig string) {
			a.must(syscall.Kill(os.Getpid(), a.signal(sig)))
			time.Sleep(time.Hour)
		},
		// signals
		"ignore": func(sig string) { signal.Ignore(a.signal(sig)) },
		"catch":  func(sig string) { signal.Notify(a.caught, a.signal(sig)) },
		"caught": func(string) { <-a.caught },
		// output
		"out":   func(text string) { fmt.Print(a.unquote(text)) },
		"err":   func(text string) { fmt.Fprint(os.Stderr, a.unquote(text)) },
		"env":   func(key string) { fmt.Printf("%s=%s\n", key, os.Getenv(key)) },
		"pwd":   func(string) { a.pwd() },
		"flood": a.flood,
		// other processes
		"child": func(steps string) { a.child(steps, false) },
		"stray": func(steps string) { a.child(steps, true) },
		"tree":  a.tree,
		"hold":  a.hold,
		"await": a.await,
		// readiness
		"listen": a.listen,
		"serve":  a.serve,
		"notify": a.notify,
		"beat":   a.beat,
		"gossip": func(times string) {
			for i := range a.number(times) {
				a.notify(fmt.Sprintf("STATUS=%d", i))
			}
		},
	}
}

func (a *actor) must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(99)
	}
}

func (a *actor) number(s string) int {
	n, err := strconv.Atoi(s)
	a.must(err)
	return n
}

func (a *actor) signal(s string) syscall.Signal { return syscall.Signal(a.number(s)) }

func (a *actor) unquote(s string) string {
	text, err := strconv.Unquote(`"` + s + `"`)
	a.must(err)
	return text
}

func (a *actor) pwd() {
	dir, err := os.Getwd()
	a.must(err)
	fmt.Println(dir, os.Getenv("PWD"))
}

func (a *actor) flood(lines string) {
	out := bufio.NewWriter(os.Stdout)
	for i := range a.number(lines) {
		fmt.Fprintf(out, "line %d %s\n", i, strings.Repeat("x", 100))
	}
	a.must(out.Flush())
}

// hold connects to a test, which sees by the end of the connection that this process has ended.
func (a *actor) hold(addr string) {
	conn, err := net.Dial("tcp", addr)
	a.must(err)
	fmt.Fprintln(conn, os.Getpid())
	a.held = append(a.held, conn)
}

// await returns when the test says so.
func (a *actor) await(addr string) {
	conn, err := net.Dial("tcp", addr)
	a.must(err)
	_, _ = io.Copy(io.Discard, conn)
}

// child starts a process with the same output, whose steps are parted by blanks.
func (a *actor) child(steps string, leaves bool) {
	cmd := exec.Command(os.Args[0], append(os.Args[1:3:3], strings.Fields(steps)...)...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: leaves}
	a.must(cmd.Start())
}

// tree serves a tree of one program until this process is killed.
func (a *actor) tree(addr string) {
	g := &supervise.Group{Name: "parent", Children: []supervise.Child{
		{Name: "program", Service: program("hold:"+addr, "hang")},
	}}
	a.must(g.Serve(context.Background()))
}

func (a *actor) listen(addr string) {
	network := "tcp"
	if path, ok := strings.CutPrefix(addr, "unix="); ok {
		network, addr = "unix", path
	}
	l, err := net.Listen(network, addr)
	a.must(err)
	go func() { // ends with the process
		for {
			conn, err := l.Accept()
			a.must(err)
			conn.Close()
		}
	}()
}

// serve answers 503 twice, and 204 from then on.
func (a *actor) serve(addr string) {
	l, err := net.Listen("tcp", addr)
	a.must(err)
	var asked atomic.Int64
	answer := func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) <= 2 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
	go func() { a.must(http.Serve(l, http.HandlerFunc(answer))) }() // ends with the process
}

func (a *actor) notify(text string) {
	conn, err := net.Dial("unixgram", os.Getenv("NOTIFY_SOCKET"))
	a.must(err)
	defer conn.Close()
	_, err = conn.Write([]byte(a.unquote(text)))
	a.must(err)
}

func (a *actor) beat(times string) {
	for range a.number(times) {
		a.notify("WATCHDOG=1")
		time.Sleep(50 * time.Millisecond) // that it takes its time is what the test is about
	}
}

// holder is the test's end of hold and await.
type holder struct {
	t *testing.T
	net.Listener
}

func newHolder(t *testing.T) *holder {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return &holder{t, l}
}

func (h *holder) addr() string { return h.Addr().String() }

// grip is a connection to a process: it ends when that does.
type grip struct {
	net.Conn
	pid int
}

// next waits for a process that holds on.
func (h *holder) next() *grip {
	h.t.Helper()
	conn, err := h.Accept()
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { conn.Close() })
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		h.t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		h.t.Fatal(err)
	}
	return &grip{conn, pid}
}

// gone waits until the process has ended.
func (g *grip) gone() { _, _ = io.Copy(io.Discard, g) }

// release lets go of a process that awaits it.
func (h *holder) release() {
	h.t.Helper()
	conn, err := h.Accept()
	if err != nil {
		h.t.Fatal(err)
	}
	conn.Close()
}

// logBook keeps what is logged.
type logBook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBook) logger() *slog.Logger { return slog.New(slog.NewJSONHandler(b, nil)) }

// record is what tests compare of a record.
type record struct {
	Msg, Level, Service, Stream, Line, Status string
	More                                      bool
	Dropped                                   int
}

func (b *logBook) records(t *testing.T) (all []record) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for line := range bytes.Lines(b.buf.Bytes()) {
		var r record
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// output is the records of one stream.
func (b *logBook) output(t *testing.T, stream string) []record {
	t.Helper()
	return slices.DeleteFunc(b.records(t), func(r record) bool { return r.Stream != stream })
}

func (b *logBook) has(t *testing.T, line string) bool {
	t.Helper()
	return slices.ContainsFunc(b.records(t), func(r record) bool { return r.Line == line })
}
