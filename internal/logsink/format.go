package logsink

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"unicode"

	"github.com/lmittmann/tint"
	"golang.org/x/term"
)

// The formats of a log.
const (
	Auto = "auto" // for people on a terminal, JSON elsewhere
	Text = "text" // key=value
	JSON = "json"
)

// Format makes handlers of a format for what in the end goes to out. On a terminal Auto has colours, unless the
// environment has NO_COLOR, or TERM is dumb.
func Format(name string, level slog.Leveler, out io.Writer, getenv func(string) string) func(io.Writer) slog.Handler {
	options := &slog.HandlerOptions{Level: level}
	switch {
	case name == Text:
		return func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, options) }
	case name == Auto && isTerminal(out):
		plain := getenv("NO_COLOR") != "" || getenv("TERM") == "dumb" || runtime.GOOS == "windows" && getenv("WT_SESSION") == ""
		return func(w io.Writer) slog.Handler {
			return tint.NewTextHandler(w, &tint.Options{Level: level, NoColor: plain, TimeFormat: "15:04:05.000", ReplaceAttr: harmless})
		}
	default:
		return func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, options) }
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// red of a terminal's palette.
const red = 9

// harmless keeps text from steering the terminal: tint lets escape sequences through, and even makes an escape of
// the four characters \x1b. It also shows errors in red.
func harmless(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
		return a
	}
	switch v := a.Value.Resolve(); v.Kind() {
	case slog.KindString, slog.KindAny:
		a.Value = slog.StringValue(tame(fmt.Sprint(v.Any())))
	}
	if len(groups) == 0 && a.Key == "err" {
		return tint.Attr(red, a)
	}
	return a
}

// tame shows control characters by their symbols, which are in a block of their own, line ends aside: those are
// quoted.
func tame(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r < 0x20:
			return 0x2400 + r
		case r == 0x7f:
			return 0x2421
		case unicode.IsControl(r) || r == unicode.ReplacementChar: // where tint would stop
			return '?'
		default:
			return r
		}
	}, text)
	return strings.ReplaceAll(text, `\x1b`, `\x1B`)
}
