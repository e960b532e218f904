package main_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestGoInTheDocsIsCompiled holds every Go block of the docs against the examples and the tests: it
// has to stand there word for word, where it is compiled and run.
func TestGoInTheDocsIsCompiled(t *testing.T) {
	compiled := compiledCode(t)
	for _, page := range []string{"README.md", "docs/embedding.md"} {
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
	var all strings.Builder
	for _, root := range []string{"examples", "supervise"} {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || root == "supervise" && !strings.HasSuffix(path, "example_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			all.WriteString(flush(string(text)))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}

func goBlocks(t *testing.T, page string) []string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, part := range strings.Split(string(text), "```go\n")[1:] {
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
