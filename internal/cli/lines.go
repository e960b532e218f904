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
	"tend.example/tend/internal/cli/show"
)

// eventLines prints events, each at once, so columns only grow.
type eventLines struct {
	c      *commands
	format format
	widths show.Widths
}

func (l *eventLines) show(e *client.Entry) error {
	if l.format == formatJSON {
		return l.c.jsonLine(e)
	}
	if e.Dropped > 0 {
		if err := l.c.print("(" + show.Count(e.Dropped) + " events were lost before this one)"); err != nil {
			return err
		}
	}
	row := l.row(e)
	l.widths.Grow(row)
	text := l.c.unlessWide(l.format).Line(row, l.widths)
	if l.format == formatWide && e.Stack != "" {
		text += "\n" + indent(e.Stack)
	}
	return l.c.print(text)
}

func (l *eventLines) row(e *client.Entry) []show.Cell {
	run := ""
	if e.Run > 0 {
		run = "run " + show.Count(e.Run)
	}
	var about []string
	if e.Delay != "" {
		about = append(about, "again in "+show.Delay(e.Delay))
	}
	if e.Err != "" {
		about = append(about, show.Plain(e.Err))
	}
	return []show.Cell{
		show.In(show.Faint, l.c.tick(e.Time, l.format)),
		show.Text(show.Plain(e.Path)),
		show.In(show.StateColour(e.State), show.Plain(e.State)),
		show.Text(run),
		show.Text(strings.Join(about, "; ")),
	}
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
	return "    " + strings.ReplaceAll(strings.TrimRight(show.PlainLines(text), "\n"), "\n", "\n    ")
}

// logLine prints a line of the log, much as slog's TextHandler does.
func (c *commands) logLine(l *client.Line, f format) error {
	if f == formatJSON {
		return c.jsonLine(l)
	}
	var b strings.Builder
	b.WriteString(c.Paint(show.Faint, c.tick(l.Time, f)) + " " + c.Paint(levelColour(l.Level), show.Plain(l.Level)) + show.Spaces(5-show.Columns(show.Plain(l.Level))) + " " + show.Plain(l.Msg))
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
		b.WriteString(" " + c.Paint(show.Faint, show.Plain(key)+"=") + quoted(value))
	}
	b.WriteString("\n")
	if f == formatWide && stack != "" {
		b.WriteString(indent(stack) + "\n")
	}
	_, err := io.WriteString(c.Stdout, b.String())
	return err
}

func levelColour(level string) show.Colour {
	switch {
	case strings.HasPrefix(level, "ERROR"):
		return show.Red
	case strings.HasPrefix(level, "WARN"):
		return show.Yellow
	case strings.HasPrefix(level, "DEBUG"):
		return show.Faint
	default:
		return show.NoColour
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
	if value == "" || strings.ContainsAny(value, " \"=") || show.Plain(value) != value {
		return strconv.Quote(value)
	}
	return value
}
