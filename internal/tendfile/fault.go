package tendfile

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Place is where something stands in a file. Lines and columns count from 1; a place without a line is the whole file.
type Place struct {
	File         string
	Line, Column int
}

// String is file:line:column.
func (p Place) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Fault is something that is wrong with a file.
type Fault struct {
	Place
	Text string // one line
}

// String is file:line:column: text.
func (f Fault) String() string { return f.Place.String() + ": " + f.Text }

// Error is String.
func (f Fault) Error() string { return f.String() }

// Faults are all that is wrong. It is an error, of as many lines.
type Faults []Fault

// Error is a line for each.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.String()
	}
	return strings.Join(lines, "\n")
}

// Add adds a fault.
func (f *Faults) Add(at Place, format string, args ...any) {
	*f = append(*f, Fault{at, oneLine(fmt.Sprintf(format, args...))})
}

// Sorted is the faults in the order of the file, each once.
func (f Faults) Sorted() Faults {
	slices.SortStableFunc(f, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Text, b.Text))
	})
	return slices.Compact(f)
}

// oneLine is text that no file can make more of, whatever stands in it.
func oneLine(text string) string {
	if strings.ContainsFunc(text, unicode.IsControl) {
		return strings.Trim(strconv.Quote(text), `"`)
	}
	return text
}
