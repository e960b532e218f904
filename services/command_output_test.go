//go:build unix

package services_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

func TestOutputGoesIntoTheLogLineByLine(t *testing.T) {
	long := strings.Repeat("y", 8<<10)
	umlauts := "x" + strings.Repeat("ä", 4<<10) // the bound is in the middle of a rune
	for name, test := range map[string]struct {
		steps []string
		want  []record
	}{
		"lines, an empty one, CRLF, the last without an end": {
			steps: []string{`out:one\n\ntwo\r\nlast`},
			want:  []record{{Line: "one"}, {Line: ""}, {Line: "two"}, {Line: "last"}},
		},
		"nothing": {steps: []string{"out:"}, want: []record{}},
		"control characters and what is no UTF-8": {
			steps: []string{`out:\x00\x1b]0;x\x07 a\tb\rc \xff\xc3 ü\u202e\u2028\n`},
			want:  []record{{Line: `\x00\x1b]0;x\a` + " a\tb" + `\rc \xff\xc3 ü\u202e\u2028`}},
		},
		"a line as long as the bound": {
			steps: []string{"out:" + long + `\nz\n`},
			want:  []record{{Line: long}, {Line: "z"}},
		},
		"longer ones": {
			steps: []string{"out:" + long + long + `z\nlast` + long},
			want: []record{
				{Line: long, More: true},
				{Line: long, More: true},
				{Line: "z"},
				{Line: "last" + long[4:], More: true},
				{Line: long[:4]},
			},
		},
		"cut between runes": {
			steps: []string{"out:" + umlauts},
			want:  []record{{Line: umlauts[:len(umlauts)-2], More: true}, {Line: "ä"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var log logBook
			c := program(test.steps...)
			c.Log = log.logger()
			g := &supervise.Group{Name: "test", Children: []supervise.Child{{
				Name: "program", Service: c, Policy: supervise.Policy{Restart: supervise.Never},
			}}}
			if err := g.Serve(t.Context()); !errors.Is(err, supervise.ErrDone) {
				t.Fatal(err)
			}
			for i := range test.want {
				r := &test.want[i]
				r.Msg, r.Level, r.Service, r.Stream = "output", "INFO", "test/program", "stdout"
			}
			if diff := cmp.Diff(test.want, log.output(t, "stdout")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestStandardErrorIsAWarning(t *testing.T) {
	var log logBook
	c := program(`err:oh\n`)
	c.Log = log.logger()
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []record{{Msg: "output", Level: "WARN", Service: c.Args[0], Stream: "stderr", Line: "oh"}}
	if diff := cmp.Diff(want, log.output(t, "stderr")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestAFloodIsLoggedInFull(t *testing.T) {
	var log logBook
	c := program("flood:20000")
	c.Log = log.logger()
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := len(log.output(t, "stdout")); got != 20000 {
		t.Errorf("got %d lines, want 20000", got)
	}
}

func TestTheEnvironmentIsNotLogged(t *testing.T) {
	var log logBook
	c := program("exit:0")
	c.Env = append(c.Env, "TOKEN=hunter2")
	c.Log = log.logger()
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if text := log.buf.String(); strings.Contains(text, "hunter2") || strings.Contains(text, "-test.run") {
		t.Errorf("got %s, want neither environment nor arguments", text)
	}
}

// stubborn is a log that takes nothing until it is let go.
type stubborn struct {
	slog.Handler
	message string // that it does not take
	free    <-chan struct{}
}

func (s stubborn) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == s.message {
		<-s.free
	}
	return s.Handler.Handle(ctx, r)
}

func (s stubborn) WithAttrs(attrs []slog.Attr) slog.Handler {
	return stubborn{s.Handler.WithAttrs(attrs), s.message, s.free}
}

func TestALogThatTakesNothingHoldsUpNoProgram(t *testing.T) {
	h := newHolder(t)
	var log logBook
	free := make(chan struct{})
	release := sync.OnceFunc(func() { close(free) })
	defer release()
	c := program("flood:20000", "hold:"+h.addr(), "exit:0")
	c.Log = slog.New(stubborn{log.logger().Handler(), "output", free})
	ended := make(chan error, 1)
	go func() { ended <- c.Run(t.Context()) }()
	h.next().gone() // it has written all it had
	release()
	if err := <-ended; err != nil {
		t.Errorf("got %v, want nil", err)
	}
	dropped, lines := 0, 0
	for _, r := range log.records(t) {
		dropped += r.Dropped
		if r.Stream != "" {
			lines++
		}
	}
	if dropped == 0 || lines == 0 || dropped+lines != 20000 {
		t.Errorf("got %d lines and %d dropped, want 20000 together", lines, dropped)
	}
}

// fragile is a log that panics.
type fragile struct{ slog.Handler }

func (fragile) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "output" {
		panic("no paper")
	}
	return nil
}
func (f fragile) WithAttrs([]slog.Attr) slog.Handler { return f }

func TestALogThatPanicsFailsTheRunAlone(t *testing.T) {
	c := program("out:line\\n", "hang")
	c.Log = slog.New(fragile{slog.NewTextHandler(io.Discard, nil)})
	tr := serveProgram(t, c, supervise.Policy{Restart: supervise.Never})
	var panicked *supervise.PanicError
	if err := failure(t, tr); !errors.As(err, &panicked) {
		t.Errorf("got %v, want a PanicError", err)
	}
}

var _ supervise.Service = (*services.Command)(nil)
