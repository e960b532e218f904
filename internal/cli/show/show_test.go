package show_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"tend.example/tend/internal/cli/client"
	"tend.example/tend/internal/cli/show"
)

func FuzzPlain(f *testing.F) {
	for _, s := range []string{"", "hello", "日本 é", "\x1b[2J", "a\nb\r\tc", "\x9b31m", "\u009b31m", "\u202ebad", "\x7f", "\xff", "\U000e0001", "\u2028"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		odd := func(r rune) bool { return !unicode.IsPrint(r) }
		if got := show.Plain(s); strings.ContainsFunc(got, odd) {
			t.Errorf("Plain(%q): got %q", s, got)
		}
		if got := show.PlainLines(s); strings.ContainsFunc(got, func(r rune) bool { return odd(r) && r != '\n' && r != '\t' }) {
			t.Errorf("PlainLines(%q): got %q", s, got)
		}
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var back, want string
		got := show.PlainJSON(text)
		if err := json.Unmarshal(got, &back); err != nil || strings.ContainsFunc(string(got), odd) {
			t.Errorf("PlainJSON(%s): got %q, %v", text, got, err)
		}
		if err := json.Unmarshal(text, &want); err != nil || back != want {
			t.Errorf("PlainJSON(%s): means %q, %v, want %q", text, back, err, want)
		}
		for n := range 8 {
			if got := show.Fit(show.Plain(s), n); show.Columns(got) > n {
				t.Errorf("Fit(%q, %d): got %q", s, n, got)
			}
			if got := show.FitMiddle(show.Plain(s), n); show.Columns(got) > n {
				t.Errorf("FitMiddle(%q, %d): got %q", s, n, got)
			}
		}
	})
}

func TestPlainSpellsOutWhatATerminalWouldObey(t *testing.T) {
	for in, want := range map[string]string{
		"hello, 世界 é":  "hello, 世界 é",
		"\x1b[31m":     `\x1b[31m`,
		"a\nb\tc":      `a\nb\tc`,
		"\u009b2J":     `\u009b2J`,
		"\u202eabc":    `\u202eabc`,
		"\xff":         "\uFFFD",
		`back\slash"'`: `back\slash"'`,
	} {
		if got := show.Plain(in); got != want {
			t.Errorf("Plain(%q): got %q, want %q", in, got, want)
		}
	}
}

func TestFitAndColumns(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{
		{"hello", 5, "hello"},
		{"hello", 4, "hel…"},
		{"hello", 1, "…"},
		{"hello", 0, ""},
		{"日本語", 6, "日本語"},
		{"日本語", 5, "日本…"},
		{"日本語", 4, "日…"},
		{"e\u0301e\u0301", 2, "e\u0301e\u0301"},
	} {
		if got := show.Fit(c.in, c.n); got != c.want {
			t.Errorf("Fit(%q, %d): got %q, want %q", c.in, c.n, got, c.want)
		}
	}
}

func TestFitMiddleKeepsBothEnds(t *testing.T) {
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{
		{"tend/workers/a1", 15, "tend/workers/a1"},
		{"tend/workers/a1", 14, "tend/wo…ers/a1"},
		{"tend/workers/a1", 3, "t…1"},
		{"tend/workers/a1", 1, "…"},
		{"tend/workers/a1", 0, ""},
		{"日本語日本語", 8, "日本…語"},
	} {
		if got := show.FitMiddle(c.in, c.n); got != c.want {
			t.Errorf("FitMiddle(%q, %d): got %q, want %q", c.in, c.n, got, c.want)
		}
	}
}

func TestDurationsAndNumbersAsAPersonSaysThem(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 999 * time.Millisecond: "0s", 59 * time.Second: "59s", 61 * time.Second: "1m01s",
		time.Hour: "1h00m", 23*time.Hour + 59*time.Minute: "23h59m", 49 * time.Hour: "2d01h",
	} {
		if got := show.Age(d); got != want {
			t.Errorf("Age(%s): got %s, want %s", d, got, want)
		}
	}
	for d, want := range map[time.Duration]string{-time.Second: "0.0s", 1540 * time.Millisecond: "1.5s", 10 * time.Second: "10s"} {
		if got := show.Soon(d); got != want {
			t.Errorf("Soon(%s): got %s, want %s", d, got, want)
		}
	}
	for text, want := range map[string]string{"2.598204747s": "2.6s", "1m0.5s": "1m00s", "x\x1b": `x\x1b`} {
		if got := show.Delay(text); got != want {
			t.Errorf("Delay(%q): got %s, want %s", text, got, want)
		}
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000"} {
		if got := show.Count(n); got != want {
			t.Errorf("Count(%d): got %s, want %s", n, got, want)
		}
	}
	if got := show.Many(1, "goroutine") + ", " + show.Many(2000, "goroutine"); got != "1 goroutine, 2,000 goroutines" {
		t.Errorf("Many: got %s", got)
	}
}

func TestATableFitsTheTerminal(t *testing.T) {
	table := show.Table{Heads: []string{"NAME", "STATE", "NOTE"}}
	table.Add(show.Text("a"), show.In(show.Green, "running"), show.Text(""))
	table.Add(show.Text("日本"), show.In(show.Red, "failed"), show.Text("something long"))
	for width, want := range map[int][]string{
		0:  {"NAME  STATE    NOTE", "a     running", "日本  failed   something long"},
		20: {"NAME  STATE    NOTE", "a     running", "日本  failed   some…"},
		15: {"NAME  STATE    ", "a     running", "日本  failed   "},
		9:  {"NAME  ST…", "a     ru…", "日本  fa…"},
		3:  {"NA…", "a  ", "日…"},
	} {
		if diff := cmp.Diff(want, table.Lines(show.Console{Width: width})); diff != "" {
			t.Errorf("%d columns (-want +got):\n%s", width, diff)
		}
	}
	want := "\x1b[1mNAME\x1b[0m  \x1b[1mSTATE\x1b[0m    \x1b[1mNOTE\x1b[0m"
	if got := table.Lines(show.Console{Colour: true})[0]; got != want {
		t.Errorf("in colour: got %q, want %q", got, want)
	}
}

func TestALongNameLeavesRoomForWhatIsWrongWithOthers(t *testing.T) {
	table := show.Table{Heads: []string{"SERVICE", "STATE", "NOTE"}}
	table.Add(show.Text("tend/db"), show.Text("failed"), show.Text("open /var/lib/db: permission denied"))
	table.Add(show.Text("tend/workers/a-name-that-is-long-2"), show.Text("running"), show.Text(""))
	for width, want := range map[int][]string{
		90: {
			"SERVICE                             STATE    NOTE", "tend/db                             failed   open /var/lib/db: permission denied",
			"tend/workers/a-name-that-is-long-2  running",
		},
		64: {"SERVICE                STATE    NOTE", "tend/db                failed   open /var/lib/db: permission de…", "tend/worke…-is-long-2  running"},
		40: {"SERVICE           STATE    NOTE", "tend/db           failed   open /var/li…", "tend/wor…-long-2  running"},
	} {
		if diff := cmp.Diff(want, table.Lines(show.Console{Width: width})); diff != "" {
			t.Errorf("%d columns (-want +got):\n%s", width, diff)
		}
	}
}

func TestWellIsWhatRunsOrIsDone(t *testing.T) {
	in := func(state string, children ...client.Status) client.Status {
		return client.Status{State: state, Children: children}
	}
	for _, state := range []string{"idle", "starting", "backoff", "stopping", "stopped", "failed", "stuck", "of the future"} {
		if s := in(state); show.Well(&s) {
			t.Errorf("%s is well", state)
		}
		if s := in("running", in("done"), in("running", in(state))); show.Well(&s) {
			t.Errorf("running with %s below is well", state)
		}
	}
	if s := in("running", in("done", in("stopped")), in("running")); !show.Well(&s) {
		t.Error("running with a group below that is done is not well")
	}
	for state, want := range map[string]bool{"running": true, "backoff": false, "failed": false} {
		if s := (client.Status{State: "running", Counts: map[string]int{state: 3}}); show.Well(&s) != want {
			t.Errorf("a pool with 3 members that are %s: well is not %t", state, want)
		}
	}
}
