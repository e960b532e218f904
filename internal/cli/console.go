package cli

import (
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// console is what is known of where a command writes to.
type console struct {
	colour bool
	width  int // columns; 0: it is no terminal, and there is no need to cut anything
}

func newConsole(p *Program) console {
	var c console
	if fd, ok := terminal(p.Stdout); ok {
		c.colour = p.Env("NO_COLOR") == "" && p.Env("TERM") != "dumb"
		if width, _, err := term.GetSize(fd); err == nil {
			c.width = width
		}
	}
	return c
}

// terminal is the descriptor of a terminal.
func terminal(stream any) (fd int, ok bool) {
	f, ok := stream.(*os.File)
	if !ok {
		return 0, false
	}
	fd = int(f.Fd())
	return fd, term.IsTerminal(fd)
}

// colour is how a terminal shows a text.
type colour string

// The colours of ANSI, which every terminal has and whose shades are the user's choice.
const (
	noColour colour = ""
	bold     colour = "1"
	faint    colour = "2"
	reverse  colour = "7"
	red      colour = "1;31"
	green    colour = "32"
	yellow   colour = "33"
	cyan     colour = "36"
)

func (c console) paint(how colour, text string) string {
	if !c.colour || how == noColour || text == "" {
		return text
	}
	return "\x1b[" + string(how) + "m" + text + "\x1b[0m"
}

// stateColour goes with the word, and never stands alone.
func stateColour(state string) colour {
	switch state {
	case "running":
		return green
	case "starting", "stopping":
		return cyan
	case "backoff":
		return yellow
	case "failed", "stuck":
		return red
	default:
		return faint
	}
}

// cell is a part of a table. Its text is plain.
type cell struct {
	text   string
	colour colour
}

// table is written with its columns aligned.
type table struct {
	heads []string
	rows  [][]cell
}

func (t *table) add(row ...cell) { t.rows = append(t.rows, row) }

// write writes the table, on a terminal with its lines cut to what that has room for.
func (t *table) write(w io.Writer, c console) error {
	rows := t.rows
	if t.heads != nil {
		head := make([]cell, len(t.heads))
		for i, text := range t.heads {
			head[i] = cell{text, bold}
		}
		rows = append([][]cell{head}, rows...)
	}
	widths := map[int]int{}
	for _, row := range rows {
		for i := range row {
			widths[i] = max(widths[i], columns(row[i].text))
		}
	}
	for _, row := range rows {
		if _, err := io.WriteString(w, line(row, widths, c)+"\n"); err != nil {
			return err
		}
	}
	return nil
}

const gap = 2 // columns between two cells

func line(row []cell, widths map[int]int, c console) string {
	last := len(row) - 1
	for last > 0 && row[last].text == "" {
		last--
	}
	text, used := "", 0
	for i := range last + 1 {
		shown, padding := row[i].text, widths[i]-columns(row[i].text)+gap
		if i == last {
			padding = 0
		}
		if room := c.width - used; c.width > 0 {
			shown = fit(shown, room)
			padding = min(padding, room-columns(shown))
		}
		text += c.paint(row[i].colour, shown) + spaces(padding)
		used += widths[i] + gap
	}
	return text
}

func spaces(n int) string { return strings.Repeat(" ", max(0, n)) }
