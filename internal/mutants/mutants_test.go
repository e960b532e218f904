package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func here(t *testing.T) (house, []mutant) {
	t.Helper()
	h, err := findHouse(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mutants, err := h.mutants()
	if err != nil {
		t.Fatal(err)
	}
	return h, mutants
}

// TestEveryMutantFitsTheCode makes a change of supervise that moves the line of a mutant fail at once, not
// in a week.
func TestEveryMutantFitsTheCode(t *testing.T) {
	h, mutants := here(t)
	if len(mutants) < 100 {
		t.Errorf("%d mutants, want 100 at least", len(mutants))
	}
	rules := map[string]bool{}
	for i := range mutants {
		m := &mutants[i]
		if _, err := h.mutated(m); err != nil {
			t.Errorf("%s: %v", m.rule, err)
		}
		if m.was == m.is {
			t.Errorf("%s: the mutant changes nothing", m.rule)
		}
		if rules[m.rule] {
			t.Errorf("%s: there are two mutants for this", m.rule)
		}
		rules[m.rule] = true
	}
}

func TestEveryKillerExists(t *testing.T) {
	h, mutants := here(t)
	files, err := filepath.Glob(h.source("*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	for _, file := range files {
		for _, match := range declared.FindAllStringSubmatch(read(t, file), -1) {
			tests[match[1]] = true
		}
	}
	for i := range mutants {
		if m := &mutants[i]; !tests[m.test] {
			t.Errorf("%s: no test is called %s", m.rule, m.test)
		}
	}
}

func TestTheDocsListTheMutants(t *testing.T) {
	h, mutants := here(t)
	page := read(t, h.page())
	want, err := retable(page, table(mutants))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, page); diff != "" {
		t.Errorf("docs/testing.md is out of date, run: go run ./internal/mutants -doc\n(-want +got):\n%s", diff)
	}
}

func TestParse(t *testing.T) {
	got, err := parse(`# A comment.

# Another.
rule: two
file: a.go
 	if x {
-		return
+
test: TestTwo
`)
	want := []mutant{{
		rule: "two", file: "a.go", test: "TestTwo",
		before: []string{"if x {"}, was: "return", is: "",
	}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(mutant{})); err != nil || diff != "" {
		t.Errorf("err %v (-want +got):\n%s", err, diff)
	}
}

func TestParseRefuses(t *testing.T) {
	const head, body = "rule: r\nfile: f\ntest: T\n", "-was\n+is\n"
	for text, want := range map[string]string{
		body:                        "rule, file or test is missing",
		head + "-was\n":             "1 lines with - and 0 with +",
		head + "-was\n" + body:      "2 lines with - and 1 with +",
		head + body + " after\n":    `not understood: " after"`,
		head + body + "reason: x":   `not understood: "reason: x"`,
		"# a\n\n" + head + "-was\n": "paragraph of line 3",
	} {
		if _, err := parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("parse(%q): got %v, want %q in it", text, err, want)
		}
	}
}

func TestApply(t *testing.T) {
	const text = "if a {\n\treturn 1\n}\nif b {\n\treturn 1\n}\n"
	one := mutant{file: "f.go", before: []string{"if b {"}, was: "return 1", is: "return 2"}
	want := "if a {\n\treturn 1\n}\nif b {\nreturn 2\n}\n"
	if got, err := one.apply(text); err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	for n, m := range map[string]mutant{
		"f.go has this 2 times": {file: "f.go", was: "return 1"},
		"f.go has this 0 times": {file: "f.go", was: "return"},
	} {
		if got, err := m.apply(text); err == nil || !strings.Contains(err.Error(), n) {
			t.Errorf("%q: got %q, %v, want %q in the error", m.was, got, err, n)
		}
	}
}

func TestJudge(t *testing.T) {
	failed := os.ErrInvalid // any
	const begun = "=== RUN   TestX\n"
	for _, c := range []struct {
		output string
		err    error
		want   string // "": not the test's doing
	}{
		{begun + "--- PASS: TestX (0.00s)\nPASS\n", nil, passes},
		{begun + "--- FAIL: TestX (0.00s)\nFAIL\n", failed, fails},
		{begun + "--- FAIL: TestX (0.00s)\npanic: deadlock\n", failed, panics},
		{begun + "panic: boom\n", failed, panics},
		{begun + "panic: test timed out after 1m0s\n", failed, timesOut},
		{begun + "--- PASS: TestX (0.00s)\nPASS\ngoleak: Errors\n", failed, leaks},
		{begun + "--- SKIP: TestX (0.00s)\nPASS\n", nil, ""},
		{begun, failed, ""}, // killed by the system
		{"testing: warning: no tests to run\nPASS\n", nil, ""},
		{"=== RUN   TestXY\n--- FAIL: TestXY (0.00s)\nFAIL\n", failed, ""},
	} {
		got, err := judge("TestX", c.output, c.err)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%q, %v: got %q, %v, want %q", c.output, c.err, got, err, c.want)
		}
	}
}

// TestReplay replays mutants of a package of its own.
func TestReplay(t *testing.T) {
	const one = "rule: %R\nfile: a.go\n-	return 1\n+	%M\ntest: %T\n\n"
	mutant := func(rule, line, test string) string {
		return strings.NewReplacer("%R", rule, "%M", line, "%T", test).Replace(one)
	}
	good := mutant("one is one", "return 2", "TestOne")
	for _, c := range []struct {
		name, list string
		args       []string
		code       int
		want       []string // in what it prints, or its error
	}{
		{"killed", good, nil, 0, []string{"killed", "TestOne fails", "1 killed, 0 survived\n"}},
		{"survivor", good + mutant("b", "return 3-2", "TestOne"), nil, 1, []string{"SURVIVED", "1 killed, 1 survived\n", "some mutants survived"}},
		{"chosen", good + mutant("b", "return 3-2", "TestOne"), []string{"-run", "is one", "-v"}, 0, []string{"=== RUN   TestOne", "1 killed, 0 survived\n"}},
		{"does not compile", mutant("b", "return x", "TestOne"), nil, 2, []string{"undefined: x", "0 killed, 0 survived, 1 could not be tried\n"}},
		{"moved", strings.Replace(good, "-	return 1", "-	return 0", 1), nil, 2, []string{"UNTRIED", "0 times", "bring mutants.txt up to date"}},
		{"fails anyway", mutant("b", "return 2", "TestBroken"), nil, 2, []string{"TestBroken does not pass without a mutant"}},
		{"nothing chosen", good, []string{"-run", "zzz"}, 2, []string{`no mutant matches "zzz"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := otherHouse(t, c.list)
			got, code := replayIn(t, h, c.args)
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("missing: %q", want)
				}
			}
			if t.Failed() {
				t.Logf("printed:\n%s", got)
			}
		})
	}
}

// otherHouse is a module with a supervise of two functions, each with a test; the second one's fails.
func otherHouse(t *testing.T, list string) house {
	t.Helper()
	h := house{t.TempDir()}
	for file, text := range map[string]string{
		h.path("go.mod"):      "module other.example\n\ngo 1.26\n",
		h.source("a.go"):      "package supervise\n\nfunc one() int {\n\treturn 1\n}\n",
		h.source("a_test.go"): "package supervise\n\nimport \"testing\"\n" + expecting("TestOne", "1") + expecting("TestBroken", "0"),
		h.list():              list,
	} {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// expecting is a test that wants one() to be want.
func expecting(name, want string) string {
	return "\nfunc " + name + "(t *testing.T) {\n\tif one() != " + want + " {\n\t\tt.Fatal()\n\t}\n}\n"
}

// replayIn gives all that is printed, and the exit code.
func replayIn(t *testing.T, h house, args []string) (string, int) {
	t.Helper()
	var out strings.Builder
	find := func(context.Context) (house, error) { return h, nil }
	code, err := run(t.Context(), find, &out, args)
	if err != nil {
		out.WriteString(err.Error())
	}
	return out.String(), code
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
