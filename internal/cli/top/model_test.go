package top_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"tend.example/tend/internal/cli/client"
	"tend.example/tend/internal/cli/show"
	"tend.example/tend/internal/cli/top"
)

func TestKeysAreWhatATerminalSends(t *testing.T) {
	for sent, want := range map[string]string{
		"jkq":                            "j k q",
		"\x1b[A\x1bOB\x1b[5~\x1b[6~":     "up down pgup pgdn",
		"\x1b[H\x1b[F\x1b[1~\x1b[4~":     "home end home end",
		"\r\n\x7f\b":                     "enter enter erase erase",
		"\x1b":                           "esc",
		"\x1bj":                          "esc j",
		"é日":                             "é 日",
		"\x1b[200~x\x1b[1;5C\x1b[24~y":   "x y", // unknown ones are no text
		"\x1b[" + strings.Repeat("1", 9): "",
		"\xff":                           "",
	} {
		if got, left := top.Keys(sent, true); strings.Join(got, " ") != want || left != "" {
			t.Errorf("%q: got %q, left %q, want %q", sent, got, left, want)
		}
	}
	for _, half := range []string{"\x1b", "\x1b[", "\x1b[5", "\x1bO", "\xe6\x97"} {
		if got, left := top.Keys("j"+half, false); strings.Join(got, "") != "j" || left != half {
			t.Errorf("half %q: got %q, left %q", half, got, left)
		}
	}
}

func FuzzKeys(f *testing.F) {
	f.Add("\x1b[A\xe6\x97\x1b[5~", true)
	f.Fuzz(func(t *testing.T, sent string, pause bool) {
		if _, left := top.Keys(sent, pause); pause && left != "" || len(left) > 32 {
			t.Errorf("%q: left %q", sent, left)
		}
	})
}

func noon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// newTree has n services below jobs.
func newTree(n int) client.Status {
	at := noon().Add(-time.Minute)
	jobs := client.Status{Name: "jobs", Path: "tend/jobs", State: "running", Since: at}
	for i := range n {
		name := fmt.Sprintf("j%d", i)
		jobs.Children = append(jobs.Children, client.Status{Name: name, Path: "tend/jobs/" + name, State: "running", Since: at})
	}
	return client.Status{Name: "tend", Path: "tend", State: "running", Since: at, Children: []client.Status{
		{Name: "w\x1beb", Path: "tend/w\x1beb", State: "backoff", Since: at, Next: noon().Add(time.Second), Err: "\x1b[2Jboom 日本", Restarts: 3},
		jobs,
		{Name: "last", Path: "tend/last", State: "stopped", Since: at},
	}}
}

// screen is the view without colours.
func screen(m *top.Model, width, height int) string {
	return sgr.ReplaceAllString(strings.Join(m.View(show.Console{Width: width}, height, noon()), "\n"), "")
}

var sgr = regexp.MustCompile("\x1b\\[[0-9;]*m")

func newModel(n int) *top.Model {
	m := &top.Model{}
	m.SetTree(newTree(n))
	return m
}

func TestTheScreenHasTheTree(t *testing.T) {
	want := strings.Join([]string{
		"tend  4 services: 1 backoff, 1 stopped, 2 running                               live",
		"  SERVICE      STATE    FOR    RESTARTS  NOTE",
		"> tend         running  1m00s" + strings.Repeat(" ", 55),
		`  ├── w\x1beb  backoff  1m00s  3         again in 1.0s; \x1b[2Jboom 日本`,
		"  ├── jobs     running  1m00s",
		"  │   ├── j0   running  1m00s",
		"  │   └── j1   running  1m00s",
		"  └── last     stopped  1m00s",
		"",
		"arrows jk move  Enter service  / filter  r restart  s stop or start  ? help  q quit",
	}, "\n")
	if diff := cmp.Diff(want, screen(newModel(2), 84, 10)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Lines that were too long would be cut by the terminal, or push the others down.
func TestTheScreenIsFilledAndNoMore(t *testing.T) {
	for _, keys := range []string{"", "\x1b[F", "/j1\r", "/nothing\r", "\x1b[B\r", "?", "r", "/日本", "\x1b[B\rGGG"} {
		for width := 1; width < 90; width += 4 {
			for height := range 12 {
				for _, c := range []show.Console{{Width: width}, {Width: width, Colour: true}} {
					m := newModel(20)
					m.Press(keys)
					m.SetService("tend/w\x1beb", client.Service{Status: newTree(0).Children[0], LastError: &client.Entry{Err: "x\x1b", Stack: "a\n\tb\x1b[2J"}, Events: []client.Entry{{State: "backoff", Err: "\x9b", Delay: "1s"}}})
					m.View(c, height, noon())
					m.Press("\x1b[F")
					lines := m.View(c, height, noon())
					if len(lines) != height {
						t.Errorf("%q in %d x %d: %d lines", keys, width, height, len(lines))
					}
					for _, line := range lines {
						line = sgr.ReplaceAllString(line, "")
						if show.Columns(line) > width || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
							t.Errorf("%q in %d x %d: line %q of %d columns", keys, width, height, line, show.Columns(line))
						}
					}
				}
			}
		}
	}
}

func TestTheSelectionMovesAndIsAlwaysSeen(t *testing.T) {
	m := newModel(100)
	for _, step := range []struct{ keys, want string }{
		{"j", "tend/w\x1beb"},
		{"\x1b[B\x1b[B", "tend/jobs/j0"},
		{"k", "tend/jobs"},
		{"\x1b[F", "tend/last"},
		{"jjj", "tend/last"},
		{"\x1b[5~", "tend/jobs/j92"}, // 8 lines of the page are for rows
		{"g", "tend"},
		{"kk", "tend"},
		{"\x1b[6~\x1b[6~", "tend/jobs/j13"},
	} {
		m.Press(step.keys)
		if m.Selected() != step.want {
			t.Errorf("after %q: %q is selected, want %q", step.keys, m.Selected(), step.want)
		}
		name := step.want[strings.LastIndexByte(step.want, '/')+1:]
		if !regexp.MustCompile(`(?m)^> .*` + regexp.QuoteMeta(show.Plain(name))).MatchString(screen(m, 80, 10)) {
			t.Errorf("after %q: %s is not seen:\n%s", step.keys, name, screen(m, 80, 10))
		}
	}
}

func TestTheSelectionStaysWhenTheTreeChanges(t *testing.T) {
	m := newModel(5)
	m.Press("jjjj") // jobs/j1
	m.SetTree(newTree(3))
	if m.Selected() != "tend/jobs/j1" {
		t.Errorf("%s is selected, want tend/jobs/j1", m.Selected())
	}
	m.SetTree(newTree(1))
	if !strings.HasPrefix(m.Selected(), "tend/") {
		t.Errorf("after that is gone %q is selected, want a neighbour", m.Selected())
	}
	m.SetTree(client.Status{Name: "tend", Path: "tend", State: "stopping"})
	if m.Selected() != "tend" {
		t.Errorf("%q is selected, want tend", m.Selected())
	}
}

func TestTheFilterLetsThroughWhatHasItsWords(t *testing.T) {
	m := newModel(3)
	m.Press("/J2")
	if got := screen(m, 60, 5); !strings.Contains(got, "> tend/jobs/j2") || !strings.Contains(got, "/J2_") || strings.Contains(got, "j1") {
		t.Errorf("while it is typed:\n%s", got)
	}
	m.Press("\x7f\r")
	if got := screen(m, 60, 6); !strings.Contains(got, "tend/jobs/j1") || !strings.Contains(got, "filter: J") || strings.Contains(got, "last") {
		t.Errorf("after Enter:\n%s", got)
	}
	m.Press("/\x15stopped las\r")
	if got := screen(m, 60, 6); !strings.Contains(got, "> tend/last") {
		t.Errorf("by state and path:\n%s", got)
	}
	m.Press("/\x15quit\r") // q is no key here
	if got := screen(m, 60, 6); !strings.Contains(got, "nothing matches quit") || m.Over() {
		t.Errorf("of nothing:\n%s", got)
	}
	m.Press("r")
	if asked := m.Asked(); asked != nil {
		t.Errorf("asked for %q of nothing", asked)
	}
	m.Press("\x1b")
	if got := screen(m, 60, 12); !strings.Contains(got, "├── jobs") {
		t.Errorf("after Esc:\n%s", got)
	}
}

func TestDeedsAreAskedForOnlyAfterY(t *testing.T) {
	m := newModel(1)
	m.Press("jjr")
	if got := screen(m, 60, 8); !strings.Contains(got, "restart tend/jobs? y/n") {
		t.Errorf("after r:\n%s", got)
	}
	for keys, want := range map[string][]string{
		"n": nil, "\x1b": nil, "rj": nil, "rq": nil, "ry": {"restart tend/jobs"}, "rY": {"restart tend/jobs"}, "sy": {"stop tend/jobs"}, "Gsygjj": {"start tend/last"},
		"\r": {"show tend/jobs"}, "sn": nil, "rsyr": nil,
	} {
		m := newModel(1)
		m.Press("jj" + keys)
		if diff := cmp.Diff(want, m.Asked()); diff != "" || m.Over() {
			t.Errorf("%q: over %t, asked (-want +got):\n%s", keys, m.Over(), diff)
		}
	}
}

func TestThePageOfAService(t *testing.T) {
	m := newModel(1)
	m.Press("j\r")
	s := newTree(1).Children[0]
	m.SetService(s.Path, client.Service{
		Status: s, Policy: "backoff=1s..2s",
		Events:    []client.Entry{{Time: noon().Add(-2 * time.Minute), State: "starting", Run: 1}, {Time: noon().Add(-time.Minute), State: "backoff", Run: 1, Delay: "1s", Err: "boom"}},
		LastError: &client.Entry{Time: noon().Add(-time.Minute), Err: "boom", Stack: "main.go:1\n"},
	})
	want := strings.Join([]string{
		`tend/w\x1beb`,
		"state       backoff for 1m00s",
		"restarts    3",
		`note        again in 1.0s; \x1b[2Jboom 日本`,
		"policy      backoff=1s..2s",
		"last error  1m00s ago: boom",
		"",
		"Events, the latest first",
		"1m00s ago  backoff   run 1  again in 1.0s; boom",
		"2m00s ago  starting  run 1",
		"",
		"Stack of the last error",
		"main.go:1",
	}, "\n")
	_, got, _ := strings.Cut(screen(m, 60, 16), "\n")
	got, _, _ = strings.Cut(got, "\n\narrows")
	if diff := cmp.Diff(want, strings.TrimRight(got, "\n")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	m.Press("ry")
	if diff := cmp.Diff([]string{"show " + s.Path, "restart " + s.Path}, m.Asked()); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	m.Press("\x1b")
	if got := screen(m, 60, 16); !strings.Contains(got, "SERVICE") {
		t.Errorf("after Esc:\n%s", got)
	}
}

func TestQuit(t *testing.T) {
	for keys, want := range map[string]bool{"q": true, "\x03": true, "\x04": true, "/q": false, "/\x03": true, "r\x03": true, "?q": true, "??": false, "\rq": true} {
		m := newModel(1)
		m.Press(keys)
		if m.Over() != want {
			t.Errorf("%q: over is %t, want %t", keys, m.Over(), want)
		}
	}
}
