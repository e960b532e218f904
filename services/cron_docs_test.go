package services_test

import (
	"cmp"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"tend.example/tend/services"
)

// dstCase is a row of the table in docs/jobs.md: an expression, and its runs around a change of clocks.
type dstCase struct {
	zone, year, expr string
	runs             []string
}

// dstCases reads the table, in which an empty cell repeats the one above it.
func dstCases(t *testing.T) []dstCase {
	t.Helper()
	text, err := os.ReadFile("../docs/jobs.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "| zone | the clock goes | expression | runs |\n|---|---|---|---|\n")
	if !found {
		t.Fatal("docs/jobs.md: no table of clock changes")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	var cases []dstCase
	var last dstCase
	for line := range strings.Lines(table) {
		cell := strings.Split(line, "|")
		if len(cell) != 6 {
			t.Fatalf("docs/jobs.md: not four cells: %s", line)
		}
		year, _, _ := strings.Cut(strings.TrimSpace(cell[2]), "-")
		last = dstCase{
			zone: cmp.Or(strings.TrimSpace(cell[1]), last.zone),
			year: cmp.Or(year, last.year),
			expr: strings.Trim(cell[3], " `"),
			runs: strings.Split(strings.TrimSpace(cell[4]), ", "),
		}
		cases = append(cases, last)
	}
	return cases
}

func TestCronDoesWhatTheDocsSay(t *testing.T) {
	cases := dstCases(t)
	if len(cases) < 20 {
		t.Errorf("docs/jobs.md: found %d clock changes, want 20 or more", len(cases))
	}
	for _, c := range cases {
		first, err := time.Parse("2006-01-02 15:04 -07:00", c.year+"-"+c.runs[0])
		if err != nil {
			t.Errorf("%s, %s: %v", c.zone, c.expr, err)
			continue
		}
		s := services.MustCron(c.expr, zone(t, c.zone))
		var got []string
		for _, next := range following(s, first.Add(-1), len(c.runs)) {
			got = append(got, next.Format("01-02 15:04 -07:00"))
		}
		if !slices.Equal(got, c.runs) {
			t.Errorf("%s, %s:\n got %s\nwant %s", c.zone, c.expr, strings.Join(got, ", "), strings.Join(c.runs, ", "))
		}
	}
}
