package main

import (
	"io"
	"math"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestMain lets the test be what the program starts itself as.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "-alone" {
		main()
		return
	}
	os.Exit(m.Run())
}

// No bound is held against a sample as small as these.
func TestEveryMeasureGivesWholeRows(t *testing.T) {
	for _, m := range measures {
		t.Run(m.name, func(t *testing.T) {
			for _, e := range m.experiments(tiny) {
				rows := e.run(tiny.rounds)
				if len(rows) == 0 {
					t.Error("no rows")
				}
				for _, r := range rows {
					checkRow(t, r)
				}
			}
		})
	}
}

func checkRow(t *testing.T, r row) {
	t.Helper()
	for side, values := range map[string][]float64{"tend": r.tend, "suture": r.suture} {
		if len(values) != tiny.rounds {
			t.Errorf("%s: %s has %d samples, want %d", r.name, side, len(values), tiny.rounds)
		}
		for _, v := range values {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Errorf("%s: %s has the sample %v", r.name, side, v)
			}
		}
	}
	var line strings.Builder
	printRow(&line, &r)
	if !tableRow.MatchString(line.String()) {
		t.Errorf("a row that does not parse: %q", line.String())
	}
}

// tableRow has six cells: of those, numbers with a unit, and a ratio with its least and most.
var tableRow = regexp.MustCompile(`^\| [^|]+ \| [-\d.,]+[^|]* \| ([^|:]+: )?[-\d.,]+[^|]* ` +
	`\| [-+–\d.,e]+ \([-+–\d.,e]+\.\.[-+–\d.,e]+\) \| [^|]* \| (yes|\*\*no\*\*)? \|\n$`)

func TestTableHasAHeadAndARowForEachThatIsAskedFor(t *testing.T) {
	var out strings.Builder
	report(tiny, regexp.MustCompile("^latency$"), &out, io.Discard)
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 2+4 {
		t.Fatalf("got %d lines, want a head of 2 and 4 rows:\n%s", len(lines), out.String())
	}
	for _, line := range lines {
		if n := strings.Count(line, "|"); n != 7 {
			t.Errorf("got %d bars, want 7: %s", n, line)
		}
	}
}

func TestBoundIsHeldAgainstTheMedian(t *testing.T) {
	for _, c := range []struct {
		bound bound
		text  string
		ok    bool
	}{
		{bound{}, "", true},
		{atLeast(2), "≥ 2.00", true},
		{atLeast(2.5), "≥ 2.50", false},
		{atMost(2), "≤ 2.00", true},
		{atMost(1.9), "≤ 1.90", false},
		{atMostMore(2), "≤ 2 more", true},
		{atMostMore(1), "≤ 1 more", false},
		{atMostMore(0), "≤ 0 more", false},
		{bound{of: ofTend, least: 4}, "tend ≥ 4.00", true},
		{bound{of: ofTend, least: 5}, "tend ≥ 5.00", false},
	} {
		r := row{bound: c.bound}
		for _, p := range []pair{pairOf(4, 2), pairOf(1, 100), pairOf(100, 1)} {
			r.add(p)
		}
		if got := c.bound.String(); got != c.text {
			t.Errorf("text: got %q, want %q", got, c.text)
		}
		if got := r.holds(); got != c.ok {
			t.Errorf("%s of the ratios %v: got %v, want %v", c.text, r.ratio, got, c.ok)
		}
	}
}

func TestASampleThatNobodyKnowsIsAnError(t *testing.T) {
	for _, name := range []string{"", "tiny:none", "none:members/tend"} {
		if err := answerAlone(name, strings.NewReader(""), io.Discard); err == nil {
			t.Errorf("%q: no error", name)
		}
	}
}
