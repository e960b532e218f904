package show

import (
	"io"
	"slices"
	"strings"
)

// Cell is a part of a table. Its text is plain.
type Cell struct {
	Text   string
	Colour Colour
}

// Text is a cell without a colour.
func Text(text string) Cell { return Cell{Text: text} }

// In is a cell in a colour.
func In(colour Colour, text string) Cell { return Cell{Text: text, Colour: colour} }

// Table is written with its columns aligned.
type Table struct {
	Heads []string // nil: it has none
	rows  [][]Cell
}

// Add adds a row.
func (t *Table) Add(row ...Cell) { t.rows = append(t.rows, row) }

// Write writes the table, on a terminal with its lines cut to what that has room for.
func (t *Table) Write(w io.Writer, c Console) error {
	for _, line := range t.Lines(c) {
		if _, err := io.WriteString(w, line+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// Lines is the table as Write writes it.
func (t *Table) Lines(c Console) []string {
	rows := t.rows
	if t.Heads != nil {
		head := make([]Cell, len(t.Heads))
		for i, text := range t.Heads {
			head[i] = In(Bold, text)
		}
		rows = append([][]Cell{head}, rows...)
	}
	var widths Widths
	for _, row := range rows {
		widths.Grow(row)
	}
	lines := make([]string, len(rows))
	for i, row := range rows {
		lines[i] = c.Line(row, widths)
	}
	return lines
}

// Widths are those of the columns of a table.
type Widths []int

// Grow makes room for a row.
func (w *Widths) Grow(row []Cell) {
	for i := range row {
		if i == len(*w) {
			*w = append(*w, 0)
		}
		(*w)[i] = max((*w)[i], Columns(row[i].Text))
	}
}

const (
	gap       = 2  // columns between two cells
	leastLong = 16 // that the longest cell keeps
	leastLast = 32 // that the last one is to have: it tells why
)

// squeeze takes from the longest column what the last one needs, where a terminal has too little room for both.
func (c Console) squeeze(widths Widths) Widths {
	if c.Width == 0 || len(widths) < 2 {
		return widths
	}
	last := len(widths) - 1
	needed, longest := min(widths[last], leastLast), 0
	for i, width := range widths[:last] {
		needed += width + gap
		if width > widths[longest] {
			longest = i
		}
	}
	if needed > c.Width && widths[longest] > leastLong {
		widths = slices.Clone(widths)
		widths[longest] = max(leastLong, widths[longest]-(needed-c.Width))
	}
	return widths
}

// Line is a row of a table. Empty cells at its end take no room.
func (c Console) Line(row []Cell, widths Widths) string {
	widths = c.squeeze(widths)
	last := len(row) - 1
	for last > 0 && row[last].Text == "" {
		last--
	}
	text, used := "", 0
	for i := range last + 1 {
		shown := row[i].Text
		if i < len(widths)-1 {
			shown = FitMiddle(shown, widths[i])
		}
		padding := widths[i] - Columns(shown) + gap
		if i == last {
			padding = 0
		}
		if room := c.Width - used; c.Width > 0 {
			shown = Fit(shown, room)
			padding = min(padding, room-Columns(shown))
		}
		text += c.Paint(row[i].Colour, shown) + Spaces(padding)
		used += widths[i] + gap
	}
	return text
}

// Spaces is n blanks, or none.
func Spaces(n int) string { return strings.Repeat(" ", max(0, n)) }
