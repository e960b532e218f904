//go:build unix

package services_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
	"tend.example/tend/supervise/supervisetest"
)

// freeAddr is an address that nobody listens on.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestReadiness(t *testing.T) {
	tcp, http := freeAddr(t), freeAddr(t)
	unix := filepath.Join(t.TempDir(), "socket")
	// The first steps are what makes it ready.
	for name, test := range map[string]struct {
		step string
		set  func(*services.Command)
	}{
		"a line of stdout": {`out:now ready to serve\n`, func(c *services.Command) { c.ReadyLine = regexp.MustCompile(`ready to`) }},
		"a line of stderr": {`err:listening on :80\n`, func(c *services.Command) { c.ReadyLine = regexp.MustCompile(`^listening`) }},
		"a TCP port":       {"listen:" + tcp, func(c *services.Command) { c.ReadyAddr = tcp }},
		"a unix socket":    {"listen:unix=" + unix, func(c *services.Command) { c.ReadyAddr = "unix:" + unix }},
		"a URL":            {"serve:" + http, func(c *services.Command) { c.ReadyURL = "http://" + http + "/healthz" }},
		"NOTIFY_SOCKET":    {`notify:STATUS=up\nREADY=1`, func(c *services.Command) { c.ReadyNotify = true }},
	} {
		t.Run(name, func(t *testing.T) {
			h, gate := newHolder(t), newHolder(t)
			c := program("out:not yet\\n", "hold:"+h.addr(), "await:"+gate.addr(), test.step, "hang")
			test.set(c)
			tr := serveProgram(t, c, supervise.Policy{})
			h.next()
			if got := tr.child().State; got != supervise.Starting {
				t.Errorf("before it is ready: got %v, want starting", got)
			}
			gate.release()
			eventually(t, "it is running", func() bool { return tr.child().State == supervise.Running })
			if err := tr.stop(); err != nil {
				t.Errorf("got %v, want nil", err)
			}
		})
	}
}

func TestNextSiblingWaitsForACommandToBeReady(t *testing.T) {
	gate := newHolder(t)
	c := program("await:"+gate.addr(), "out:ready\\n", "hang")
	c.ReadyLine = regexp.MustCompile("ready")
	g := &supervise.Group{Name: "test", Children: []supervise.Child{
		{Name: "program", Service: c},
		{Name: "next", Service: program("hang")},
	}}
	events := supervisetest.Record(t, g)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- g.Serve(ctx) }()
	gate.release()
	eventually(t, "both are up", func() bool { return g.Status().State == supervise.Running })
	events.Want(
		"test starting 1",
		"test/program starting 1",
		"test/program running 1",
		"test/next starting 1",
		"test/next running 1",
		"test running 1",
	)
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("got %v, want nil", err)
	}
}

func TestOneThatIsNeverReadyFailsByItsStartTimeout(t *testing.T) {
	for name, set := range map[string]func(*services.Command){
		"a line":        func(c *services.Command) { c.ReadyLine = regexp.MustCompile("never") },
		"a port":        func(c *services.Command) { c.ReadyAddr = freeAddr(t) },
		"a URL":         func(c *services.Command) { c.ReadyURL = "http://" + freeAddr(t) },
		"NOTIFY_SOCKET": func(c *services.Command) { c.ReadyNotify = true },
	} {
		t.Run(name, func(t *testing.T) {
			var log logBook
			c := program("hang")
			c.Log = log.logger()
			set(c)
			tr := serveProgram(t, c, supervise.Policy{Restart: supervise.Never, StartTimeout: 300 * time.Millisecond})
			if err := failure(t, tr); !errors.Is(err, supervise.ErrStartTimeout) {
				t.Errorf("got %v, want ErrStartTimeout", err)
			}
			said := slices.ContainsFunc(log.records(t), func(r record) bool { return r.Msg == "program was not ready" })
			if probes := c.ReadyAddr+c.ReadyURL != ""; said != probes {
				t.Errorf("the log says why: got %v, want %v", said, probes)
			}
		})
	}
}

func TestOneThatEndsBeforeItIsReadyHasFailed(t *testing.T) {
	c := program("exit:0")
	c.ReadyLine = regexp.MustCompile("never")
	err := c.Serve(t.Context())
	if want := c.Args[0] + ": ended with exit code 0 before it was ready"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestOneThatIsReadyAndEndsAtOnceWasReady(t *testing.T) {
	for range 20 {
		c := program("out:ready")
		c.ReadyLine = regexp.MustCompile("^ready$")
		if err := c.Serve(t.Context()); err != nil {
			t.Fatalf("a line: got %v, want nil", err)
		}
		c = program("notify:READY=1")
		c.ReadyNotify = true
		if err := c.Serve(t.Context()); err != nil {
			t.Fatalf("a notice: got %v, want nil", err)
		}
	}
}

func TestNoticesAreReadToTheLast(t *testing.T) {
	c := program("gossip:1000", "notify:READY=1")
	c.ReadyNotify = true
	if err := c.Serve(t.Context()); err != nil { // as one that was not ready
		t.Errorf("got %v, want nil", err)
	}
}

func TestALogThatTakesNothingHoldsUpNoNotices(t *testing.T) {
	h := newHolder(t)
	free := make(chan struct{})
	c := program("gossip:1000", "notify:READY=1", "hold:"+h.addr())
	c.ReadyNotify = true
	c.Log = slog.New(stubborn{slog.NewTextHandler(io.Discard, nil), "program status", free})
	ended := make(chan error, 1)
	go func() { ended <- c.Serve(t.Context()) }()
	h.next().gone()
	close(free)
	if err := <-ended; err != nil {
		t.Errorf("got %v, want nil", err)
	}
}

func TestNoticesAreUnderstood(t *testing.T) {
	gate := newHolder(t)
	var log logBook
	c := program("notify:READY=1\\nSTATUS=at \\x1b[1mwork\\n\\nNONSENSE\\n=\\n", "notify:STOPPING=1", "await:"+gate.addr())
	c.ReadyNotify = true
	c.Log = log.logger()
	tr := serveProgram(t, c, supervise.Policy{Restart: supervise.Never})
	gate.release()
	_ = tr.wait()
	var got []string
	for _, r := range log.records(t) {
		got = append(got, r.Msg+": "+r.Status)
	}
	want := []string{"program started: ", `program status: at \x1b[1mwork`, "program says that it is stopping: "}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestASilentProgramIsHung(t *testing.T) {
	c := program("notify:READY=1", "hang")
	c.ReadyNotify = true
	tr := serveProgram(t, c, supervise.Policy{Restart: supervise.Never, Heartbeat: 100 * time.Millisecond})
	if err := failure(t, tr); !errors.Is(err, supervise.ErrHung) {
		t.Errorf("got %v, want ErrHung", err)
	}
}

func TestWatchdogNoticesAreSignsOfLife(t *testing.T) {
	h := newHolder(t)
	c := program("notify:READY=1", "beat:50", "hold:"+h.addr(), "beat:1000000")
	c.ReadyNotify = true
	tr := serveProgram(t, c, supervise.Policy{Restart: supervise.Never, Heartbeat: 2 * time.Second})
	h.next() // after longer than a heartbeat
	if got := tr.child().State; got != supervise.Running {
		t.Errorf("got %v, want running", got)
	}
	if err := tr.stop(); err != nil {
		t.Errorf("got %v, want nil", err)
	}
}
