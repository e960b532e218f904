package logsink_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"strings"
	"testing"

	"tend.example/tend/internal/logsink"
)

// logged is a line in a format, as it goes to out.
func logged(t *testing.T, format string, out *os.File, env map[string]string, args ...any) string {
	t.Helper()
	var line bytes.Buffer
	handler := logsink.Format(format, slog.LevelInfo, out, func(key string) string { return env[key] })
	log := slog.New(handler(&line))
	log.Debug("unseen")
	log.Error("broken", args...)
	return line.String()
}

func TestJSONWhereNobodyLooksOn(t *testing.T) {
	out, err := os.Create(t.TempDir() + "/log")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if got := logged(t, "auto", out, nil, "a", 1); !strings.HasPrefix(got, "{") || !strings.HasSuffix(got, `"level":"ERROR","msg":"broken","a":1}`+"\n") {
		t.Errorf("auto, into a file: got %s", got)
	}
	if got := logged(t, "text", out, nil, "a", 1); !strings.HasSuffix(got, " level=ERROR msg=broken a=1\n") {
		t.Errorf("text: got %s", got)
	}
	if got := logged(t, "json", out, nil, "a", 1); !strings.HasPrefix(got, "{") {
		t.Errorf("json: got %s", got)
	}
}

func TestTextWithColoursOnATerminal(t *testing.T) {
	terminal := openTerminal(t)
	got := logged(t, "auto", terminal, nil, "a", 1, "err", errors.New("no x"))
	if want := " \x1b[91mERR\x1b[0m broken \x1b[2ma=\x1b[0m1 \x1b[2;91merr=\x1b[22m\"no x\"\x1b[0m\n"; !strings.HasSuffix(got, want) {
		t.Errorf("got %q, want it to end in %q", got, want)
	}
	for _, env := range []map[string]string{{"NO_COLOR": "1"}, {"TERM": "dumb"}} {
		got := logged(t, "auto", terminal, env, "a", 1, "err", errors.New("no x"))
		if want := ` ERR broken a=1 err="no x"` + "\n"; !strings.HasSuffix(got, want) || strings.Contains(got, "\x1b") {
			t.Errorf("with %v: got %q, want it to end in %q without escapes", env, got, want)
		}
	}
	if got := logged(t, "json", terminal, nil, "a", 1); !strings.HasPrefix(got, "{") {
		t.Errorf("json: got %s", got)
	}
}

type nasty struct{}

func (nasty) Error() string { return "a\x1b[31mb\nc\u009b\xffd\x7f" }

func TestTextCannotSteerATerminal(t *testing.T) {
	terminal := openTerminal(t)
	for _, env := range []map[string]string{nil, {"NO_COLOR": "1"}} {
		got := logged(t, "auto", terminal, env, "err", nasty{}, "b", `literal \x1b[31m red`, slog.Group("g", "c", "\x1b]0;title\a"))
		for _, own := range []string{"\x1b[2;91m", "\x1b[91m", "\x1b[22m", "\x1b[2m", "\x1b[0m"} {
			got = strings.ReplaceAll(got, own, "")
		}
		if strings.ContainsAny(got, "\x1b\x7f\a\u009b") || strings.Count(got, "\n") != 1 {
			t.Errorf("with %v: got %q, want no control characters", env, got)
		}
		if want := `err="a␛[31mb\nc??d␡" b="literal \\x1B[31m red" g.c=␛]0;title␇` + "\n"; !strings.HasSuffix(got, want) {
			t.Errorf("with %v: got %q, want it to end in %q", env, got, want)
		}
	}
}
