package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// mutant is a fault of one line in package supervise, and the test that has to find it.
type mutant struct {
	rule string // the promise that it breaks
	file string // of supervise
	test string // that has to fail

	before []string // lines above the faulty one that say which it is, where it alone does not
	was    string   // the line as it is
	is     string   // the line as the mutant has it
}

// parse reads mutants.txt, which describes its form.
func parse(text string) ([]mutant, error) {
	var all []mutant
	line := 1
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		m, err := parseOne(paragraph)
		if err != nil {
			return nil, fmt.Errorf("mutant in the paragraph of line %d: %w", line, err)
		}
		if m != nil {
			all = append(all, *m)
		}
		line += strings.Count(paragraph, "\n") + 2
	}
	return all, nil
}

// parseOne reads one paragraph. One of nothing but comments has no mutant.
func parseOne(paragraph string) (*mutant, error) {
	d := draft{}
	for line := range strings.SplitSeq(paragraph, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		if err := d.read(line); err != nil {
			return nil, err
		}
	}
	if d.lines == 0 {
		return nil, nil //nolint:nilnil // comments are no mutant and no fault
	}
	return &d.mutant, d.complete()
}

// draft is a mutant that is being read.
type draft struct {
	mutant
	lines, removed, added int // so far
}

func (d *draft) read(line string) error {
	d.lines++
	key, value, _ := strings.Cut(line, ": ")
	switch {
	case line[0] == ' ' && d.removed == 0:
		d.before = append(d.before, strings.TrimSpace(line))
	case line[0] == '-':
		d.was, d.removed = strings.TrimSpace(line[1:]), d.removed+1
	case line[0] == '+':
		d.is, d.added = strings.TrimSpace(line[1:]), d.added+1
	case key == "rule":
		d.rule = value
	case key == "file":
		d.file = value
	case key == "test":
		d.test = value
	default:
		return fmt.Errorf("not understood: %q", line)
	}
	return nil
}

// complete tells what is wrong with a draft whose last line has been read.
func (d *draft) complete() error {
	if d.rule == "" || d.file == "" || d.test == "" {
		return errors.New("rule, file or test is missing")
	}
	if d.removed != 1 || d.added != 1 {
		return fmt.Errorf("%d lines with - and %d with +, want one of each", d.removed, d.added)
	}
	return nil
}

// apply makes the mutant of a file's text. Indentation does not matter, but whole lines do.
func (m *mutant) apply(text string) (string, error) {
	lines := strings.Split(text, "\n")
	at, found := 0, 0
	for i := range lines {
		if m.stands(lines[:i+1]) {
			at, found = i, found+1
		}
	}
	if found != 1 {
		return "", fmt.Errorf("%s has this %d times, want once; bring mutants.txt up to date:\n\t%s", m.file, found, m.was)
	}
	lines[at] = m.is
	return strings.Join(lines, "\n"), nil
}

// stands tells whether lines end with the line that is to be changed.
func (m *mutant) stands(lines []string) bool {
	wanted := slices.Concat(m.before, []string{m.was})
	if len(lines) < len(wanted) {
		return false
	}
	for i, line := range lines[len(lines)-len(wanted):] {
		if strings.TrimSpace(line) != wanted[i] {
			return false
		}
	}
	return true
}

// house is where the module of supervise is.
type house struct{ root string }

func (h house) path(elem ...string) string {
	return filepath.Join(append([]string{h.root}, elem...)...)
}
func (h house) list() string              { return h.path("internal", "mutants", "mutants.txt") }
func (h house) page() string              { return h.path("docs", "testing.md") }
func (h house) source(file string) string { return h.path("supervise", file) }

// mutants reads the list.
func (h house) mutants() ([]mutant, error) {
	text, err := os.ReadFile(h.list())
	if err != nil {
		return nil, err
	}
	return parse(string(text))
}

// mutated is the text of the mutant's file with the fault in it.
func (h house) mutated(m *mutant) (string, error) {
	text, err := os.ReadFile(h.source(m.file))
	if err != nil {
		return "", err
	}
	return m.apply(string(text))
}
