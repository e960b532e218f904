package main

import (
	"fmt"
	"os"
	"strings"
)

// The table of docs/testing.md stands between these lines.
const (
	tableBegin = "<!-- mutants: go run ./internal/mutants -doc writes this table -->\n"
	tableEnd   = "<!-- end of mutants -->\n"
)

// table is the mutants as docs/testing.md has them.
func table(mutants []mutant) string {
	var b strings.Builder
	b.WriteString("| # | rule | file | line | mutant | test |\n|--:|---|---|---|---|---|\n")
	for i := range mutants {
		m := &mutants[i]
		fmt.Fprintf(&b, "| %d | %s | `%s` | %s | %s | `%s` |\n", i+1, m.rule, m.file, code(m.was), code(m.is), m.test)
	}
	return b.String()
}

// code is a line of Go in a cell of a table.
func code(line string) string {
	if line == "" {
		return "*left out*"
	}
	return "`" + strings.ReplaceAll(line, "|", `\|`) + "`"
}

// retable puts a table in the place of the one in page.
func retable(page, table string) (string, error) {
	before, rest, begins := strings.Cut(page, tableBegin)
	_, after, ends := strings.Cut(rest, tableEnd)
	if !begins || !ends {
		return "", fmt.Errorf("the lines around the table are missing: %q, %q", tableBegin, tableEnd)
	}
	return before + tableBegin + "\n" + table + "\n" + tableEnd + after, nil
}

// writeTable brings docs/testing.md up to date.
func (h house) writeTable() error {
	mutants, err := h.mutants()
	if err != nil {
		return err
	}
	page, err := os.ReadFile(h.page())
	if err != nil {
		return err
	}
	text, err := retable(string(page), table(mutants))
	if err != nil {
		return err
	}
	return os.WriteFile(h.page(), []byte(text), 0o644)
}
