package main_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"tend.example/tend/supervise"
)

// TestGoInTheDocsIsCompiled holds every Go block of the docs against the examples and the tests: it
// has to stand there word for word, where it is compiled and run.
func TestGoInTheDocsIsCompiled(t *testing.T) {
	compiled := compiledCode(t)
	for _, page := range []string{"README.md", "docs/embedding.md", "docs/policies.md", "docs/http.md", "docs/jobs.md", "docs/commands.md", "docs/metrics.md", "docs/tracing.md"} {
		blocks := goBlocks(t, page)
		if len(blocks) == 0 {
			t.Errorf("%s: no Go block found", page)
		}
		for _, block := range blocks {
			if !strings.Contains(compiled, block) {
				t.Errorf("%s: this stands in no example:\n%s", page, block)
			}
		}
	}
}

// compiledCode is all that is compiled for readers' sake, without indentation.
func compiledCode(t *testing.T) string {
	t.Helper()
	return codeIn(t, "examples", "*.go") + codeIn(t, "otlp/example", "*.go") + codeIn(t, "supervise", "example*_test.go") +
		codeIn(t, "services", "example*_test.go")
}

func codeIn(t *testing.T, root, pattern string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if ok, _ := filepath.Match(pattern, filepath.Base(path)); err != nil || !ok {
			return err
		}
		text, err := os.ReadFile(path)
		all.WriteString(flush(string(text)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func goBlocks(t *testing.T, page string) []string {
	t.Helper()
	var blocks []string
	for _, part := range strings.Split(read(t, page), "```go\n")[1:] {
		block, _, _ := strings.Cut(part, "```")
		blocks = append(blocks, flush(block))
	}
	return blocks
}

// flush takes the indentation off every line.
func flush(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = strings.TrimLeft(lines[i], "\t ")
	}
	return strings.Join(lines, "\n")
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// policyKeys are the keys of a policy's text form, as ParsePolicy itself lists them.
func policyKeys(t *testing.T) []string {
	t.Helper()
	_, err := supervise.ParsePolicy("none-of-them=1")
	_, list, found := strings.Cut(err.Error(), "keys: ")
	if !found {
		t.Fatalf("no list of keys in the error: %v", err)
	}
	return strings.Split(list, ", ")
}

func TestEveryPolicyKeyHasItsRow(t *testing.T) {
	for _, page := range []string{"README.md", "docs/policies.md"} {
		text := read(t, page)
		for _, key := range policyKeys(t) {
			if n := strings.Count(text, "\n| `"+key+"` |"); n != 1 {
				t.Errorf("%s: %d rows for the key %s, want 1", page, n, key)
			}
		}
	}
}

// TestPoliciesInTheDocsAreLegal parses what the docs show of policies: whatever is set as code and
// begins with a key, and what --policy is given.
func TestPoliciesInTheDocsAreLegal(t *testing.T) {
	setting := regexp.MustCompile("`((?:" + strings.Join(policyKeys(t), "|") + ")=[^`]*)`|--policy '(?:[^':]*:)?([^':]*)'")
	found := 0
	for _, page := range []string{"README.md", "docs/embedding.md", "docs/policies.md"} {
		for _, match := range setting.FindAllStringSubmatch(read(t, page), -1) {
			found++
			if _, err := supervise.ParsePolicy(match[1] + match[2]); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
	if found < 20 {
		t.Errorf("found only %d policies", found)
	}
}

// TestGuideNamesItsExamples wants an example at the end of every section of supervise's package doc,
// and that each of them exists.
func TestGuideNamesItsExamples(t *testing.T) {
	examples := codeIn(t, "supervise", "*_test.go")
	sections := strings.Split(read(t, "supervise/doc.go"), "\n// # ")[1:]
	for _, section := range sections {
		title, _, _ := strings.Cut(section, "\n")
		_, names, found := strings.Cut(section, "\n// Example")
		if !found {
			t.Errorf("section %q names no example", title)
			continue
		}
		names, _, _ = strings.Cut(names, "\n")
		_, names, _ = strings.Cut(names, ": ")
		for _, name := range strings.Split(names, ", ") {
			if f := exampleFunc(name); !strings.Contains(examples, "func "+f+"()") {
				t.Errorf("section %q names %s, but there is no %s", title, name, f)
			}
		}
	}
}

// TestEveryFaultOfAProcessHasATest looks for what the table of docs/testing.md names.
func TestEveryFaultOfAProcessHasATest(t *testing.T) {
	_, table, _ := strings.Cut(read(t, "docs/testing.md"), "## What can happen to a process\n")
	table, _, _ = strings.Cut(table, "\n## ")
	tests := codeIn(t, ".", "*_test.go")
	rows := 0
	for line := range strings.Lines(table) {
		cells := strings.Split(line, " | ")
		if len(cells) != 3 || !strings.Contains(line, "`") {
			continue
		}
		rows++
		for _, name := range regexp.MustCompile("`([A-Za-z0-9_]+)`").FindAllStringSubmatch(cells[2], -1) {
			name := name[1]
			_, err := os.Stat(filepath.Join("testdata", "script", name+".txtar"))
			if err != nil && !strings.Contains(tests, "func "+name+"(t *testing.T)") {
				t.Errorf("%s: there is no test %s", cells[0], name)
			}
		}
	}
	if rows < 16 {
		t.Errorf("found only %d rows", rows)
	}
}

// exampleFunc is the function that a page calls "[Func] (Suture)" or "Package (Unit)".
func exampleFunc(name string) string {
	symbol, suffix, _ := strings.Cut(name, " ")
	symbol = strings.Trim(symbol, "[]")
	if symbol == "Package" {
		symbol = ""
	}
	f := "Example" + strings.ReplaceAll(symbol, ".", "_")
	if suffix = strings.Trim(suffix, "()"); suffix != "" {
		f += "_" + strings.ToLower(suffix[:1]) + suffix[1:]
	}
	return f
}

// TestEveryRoomOfTheHouseIsInItsPlan holds the plan of docs/design.md against what is there: folders with Go in them, and the
// files of supervise.
func TestEveryRoomOfTheHouseIsInItsPlan(t *testing.T) {
	design := read(t, "docs/design.md")
	_, plan, _ := strings.Cut(design, "## The house\n")
	plan, _, _ = strings.Cut(plan, "\nWho may import whom")
	for line := range strings.Lines(plan) {
		if room, _, found := strings.Cut(line, "  "); found && room != "" {
			if _, err := os.Stat(room); err != nil {
				t.Errorf("docs/design.md: there is no %s", room)
			}
		}
	}
	_, table, _ := strings.Cut(design, "| file | what it is |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	for _, name := range regexp.MustCompile("`([a-z]+\\.go)`").FindAllStringSubmatch(table, -1) {
		if _, err := os.Stat("supervise/" + name[1]); err != nil {
			t.Errorf("docs/design.md: there is no supervise/%s", name[1])
		}
	}
	folders := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		folder, name := filepath.ToSlash(filepath.Dir(path)), filepath.Base(path)
		if err != nil || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		folders[folder] = true
		if folder == "supervise" && !strings.Contains(table, "`"+name+"`") {
			t.Errorf("docs/design.md: supervise/%s has no row", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	delete(folders, ".")
	for folder := range folders {
		if !strings.Contains(plan, "\n"+folder+"/ ") && !inRoom(plan, folder) {
			t.Errorf("docs/design.md: %s/ is in no line of the house", folder)
		}
	}
}

// inRoom tells whether the line of the folder above names this one, or is about programs.
func inRoom(plan, folder string) bool {
	above, name := filepath.ToSlash(filepath.Dir(folder)), filepath.Base(folder)
	_, line, found := strings.Cut(plan, "\n"+above+"/ ")
	line, _, _ = strings.Cut(line, "\n")
	return found && (above == "examples" || strings.Contains(line, name))
}
