package cli

import (
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"tend.example/tend/internal/cli/client"
)

// eventLines prints events, each at once, so columns only grow.
type eventLines struct {
	c      *commands
	format format
	widths map[int]int
}

func (l *eventLines) show(e *client.Entry) error {
	if l.format == formatJSON {
		return l.c.jsonLine(e)
	}
	if e.Dropped > 0 {
		if err := l.c.print("(" + count(e.Dropped) + " events were lost before this one)"); err != nil {
			return err
		}
	}
	run := ""
	if e.Run > 0 {
		run = "run " + count(e.Run)
	}
	var about []string
	if e.Delay != "" {
		about = append(about, "again in "+plain(e.Delay))
	}
	if e.Err != "" {
		about = append(about, plain(e.Err))
	}
	row := []cell{
		{l.c.tick(e.Time, l.format), faint},
		{plain(e.Path), noColour},
		{plain(e.State), stateColour(e.State)},
		{run, noColour},
		{strings.Join(about, "; "), noColour},
	}
	for i := range row {
		l.widths[i] = max(l.widths[i], columns(row[i].text))
	}
	l.widths[2] = max(l.widths[2], len("starting")) // the longest state
	text := line(row, l.widths, l.c.unlessWide(l.format))
	if l.format == formatWide && e.Stack != "" {
		text += "\n" + indent(e.Stack)
	}
	return l.c.print(text)
}

// tick is the time of something that has just happened.
func (c *commands) tick(t time.Time, f format) string {
	layout := "15:04:05.000"
	if f == formatWide {
		layout = "2006-01-02 15:04:05.000"
	}
	return t.In(c.Now().Location()).Format(layout)
}

func indent(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimRight(plainLines(text), "\n"), "\n", "\n    ")
}

// logLine prints a line of the log, much as slog's TextHandler does.
func (c *commands) logLine(l *client.Line, f format) error {
	if f == formatJSON {
		return c.jsonLine(l)
	}
	var b strings.Builder
	b.WriteString(c.paint(faint, c.tick(l.Time, f)) + " " + c.paint(levelColour(l.Level), plain(l.Level)) + spaces(5-columns(plain(l.Level))) + " " + plain(l.Msg))
	stack := ""
	for _, key := range attrOrder(l.Attrs) {
		value := text(l.Attrs[key])
		if key == "stack" {
			stack = value
			if f != formatWide {
				value = strconv.Itoa(strings.Count(value, "\n")) + " lines, see -o wide"
			} else {
				continue
			}
		}
		b.WriteString(" " + c.paint(faint, plain(key)+"=") + quoted(value))
	}
	b.WriteString("\n")
	if f == formatWide && stack != "" {
		b.WriteString(indent(stack) + "\n")
	}
	_, err := io.WriteString(c.Stdout, b.String())
	return err
}

func levelColour(level string) colour {
	switch {
	case strings.HasPrefix(level, "ERROR"):
		return red
	case strings.HasPrefix(level, "WARN"):
		return yellow
	case strings.HasPrefix(level, "DEBUG"):
		return faint
	default:
		return noColour
	}
}

// attrOrder is the service first, as everything else is about that, and the error and its stack last.
func attrOrder(attrs map[string]json.RawMessage) []string {
	rank := map[string]int{"service": -1, "err": 1, "stack": 2}
	return slices.SortedFunc(maps.Keys(attrs), func(a, b string) int {
		if rank[a] != rank[b] {
			return rank[a] - rank[b]
		}
		return strings.Compare(a, b)
	})
}

// quoted is a value that a reader can tell from what is around it.
func quoted(value string) string {
	if value == "" || strings.ContainsAny(value, " \"=") || plain(value) != value {
		return strconv.Quote(value)
	}
	return value
}
