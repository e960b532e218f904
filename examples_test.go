package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"tend.example/tend/internal/config"
	"tend.example/tend/internal/kinds"
)

// stubs are the programs of the examples, which stub stands for.
func stubs() []string { return []string{"app", "worker", "assets", "backup", "flaky"} }

// stub does a bit of what such a program would: it listens at PORT, if it is told one; it works until it is told to stop; or it
// does what an option asks for, and ends.
func stub() {
	args := strings.Join(os.Args[1:], " ")
	switch args {
	case "--migrate":
		fmt.Println("migrated")
		os.Exit(0)
	case "--full":
		fmt.Println("backed up")
		os.Exit(0)
	case "--leaky", "--hopeless":
		fmt.Fprintln(os.Stderr, "out of memory")
		os.Exit(3)
	}
	stop := make(chan os.Signal, 8)
	signal.Notify(stop, syscall.SIGTERM)
	if port := os.Getenv("PORT"); port != "" {
		listener, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/quit" {
				stop <- os.Interrupt
			}
			fmt.Fprintf(w, "%s %s: %s", filepath.Base(os.Args[0]), args, r.URL.Path)
		})}
		go server.Serve(listener) // until Shutdown
		defer server.Shutdown(context.Background())
	}
	fmt.Println("working")
	<-stop
}

// example makes tend.yaml of an example: every port is a free one, and every program is there.
func example(_ *daemon, ts *testscript.TestScript, args []string) {
	text, err := os.ReadFile(filepath.Join("deploy", "examples", args[0]+".yaml"))
	ts.Check(err)
	free := map[string]string{}
	text = regexp.MustCompile(`\b(8080|3000|900\d)\b`).ReplaceAllFunc(text, func(port []byte) []byte {
		if free[string(port)] == "" {
			free[string(port)] = freePort(ts, free)
		}
		return []byte(free[string(port)])
	})
	ts.Check(os.WriteFile(ts.MkAbs("tend.yaml"), text, 0o600))
	for _, name := range stubs() {
		ts.Check(os.Symlink(lookPath(ts, name), ts.MkAbs(name)))
	}
}

func freePort(ts *testscript.TestScript, taken map[string]string) string {
	for {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		ts.Check(err)
		_, port, err := net.SplitHostPort(listener.Addr().String())
		ts.Check(err)
		ts.Check(listener.Close())
		if !slices.Contains(slices.Collect(maps.Values(taken)), port) {
			return port
		}
	}
}

// TestExamplesAreRightAndRun wants a script for every example, and no fault nor warning in it.
func TestExamplesAreRightAndRun(t *testing.T) {
	files, err := filepath.Glob("deploy/examples/*.yaml")
	if err != nil || len(files) != 5 {
		t.Fatalf("got %d examples, error %v, want 5", len(files), err)
	}
	scripts := readAll(t, "testdata/script/example_*.txtar")
	readme := readAll(t, "README.md") + readAll(t, "docs/configuration.md") + readAll(t, "docs/operating.md")
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".yaml")
		s, err := config.Loader{Args: []string{"--config", file}, Schedule: kinds.Schedule}.Load()
		if err != nil || len(s.Warnings) > 0 {
			t.Errorf("%s: got %v, %q, want no fault and no warning", file, err, s.Warnings)
		}
		if !strings.Contains(scripts, "\nexample "+name+"\n") {
			t.Errorf("%s: no script runs it", file)
		}
		if !strings.Contains(readme, name+".yaml") {
			t.Errorf("%s: no page names it", file)
		}
	}
}

func readAll(t *testing.T, pattern string) string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := io.Copy(&all, f); err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}

// What README and the pages show of a file is right, too.
func TestFilesInTheDocsAreRight(t *testing.T) {
	found := 0
	for _, page := range []string{"README.md", "docs/configuration.md", "docs/operating.md"} {
		for _, block := range strings.Split(readAll(t, page), "```yaml\n")[1:] {
			text, _, _ := strings.Cut(block, "```")
			if !strings.Contains(text, "services:\n  - name:") {
				continue
			}
			found++
			file := filepath.Join(t.TempDir(), "tend.yaml")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := (config.Loader{Args: []string{"--config", file}, Schedule: kinds.Schedule}).Load(); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
	if found == 0 {
		t.Error("found none")
	}
}
