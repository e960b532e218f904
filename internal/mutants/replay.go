package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// patience is how long a test may take.
const patience = 30 * time.Second

// replay tries mutants, one after the other: tests that hold times against each other want the processors for
// themselves. The work tree is left alone: the compiler is given an overlay.
type replay struct {
	house
	temp string // a folder for what is made
}

// outcome is what became of a mutant.
type outcome struct {
	end    string        // how its test ended: "fails", "passes", ...
	fault  error         // why it could not be tried
	output string        // of the test
	took   time.Duration // to compile and run
}

func (o *outcome) killed() bool { return o.fault == nil && o.end != passes }

// How a test may end.
const (
	passes   = "passes"
	fails    = "fails"
	panics   = "panics"
	leaks    = "leaks"
	timesOut = "times out"
)

// check wants every killer to pass as long as nothing is wrong.
func (r *replay) check(ctx context.Context, mutants []mutant) error {
	binary, err := r.compile(ctx, "right", "")
	if err != nil {
		return err
	}
	var tests []string
	for i := range mutants {
		tests = append(tests, mutants[i].test)
	}
	slices.Sort(tests)
	tests = slices.Compact(tests)
	output, _ := r.run(ctx, binary, "^("+strings.Join(tests, "|")+")$")
	for _, test := range tests {
		if !regexp.MustCompile(`(?m)^--- PASS: ` + test + ` `).MatchString(output) {
			return fmt.Errorf("%s does not pass without a mutant:\n%s", test, output)
		}
	}
	return nil
}

// one makes a mutant and runs its test.
func (r *replay) one(ctx context.Context, m *mutant) (o outcome) {
	begin := time.Now()
	defer func() { o.took = time.Since(begin) }()
	overlay, err := r.overlay(m)
	if err != nil {
		return outcome{fault: err}
	}
	binary, err := r.compile(ctx, "mutant", overlay)
	if err != nil {
		return outcome{fault: err}
	}
	output, err := r.run(ctx, binary, "^"+m.test+"$")
	end, err := judge(m.test, output, err)
	return outcome{end: end, fault: err, output: output}
}

// overlay writes the mutated file, and the file that tells the compiler of it.
func (r *replay) overlay(m *mutant) (string, error) {
	text, err := r.mutated(m)
	if err != nil {
		return "", err
	}
	mutated := filepath.Join(r.temp, "mutant.go")
	overlay := filepath.Join(r.temp, "overlay.json")
	replaced := map[string]map[string]string{"Replace": {r.source(m.file): mutated}}
	list, err := json.Marshal(replaced)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(mutated, []byte(text), 0o600); err != nil {
		return "", err
	}
	return overlay, os.WriteFile(overlay, list, 0o600)
}

// compile makes the tests of supervise, by an overlay unless that is "".
func (r *replay) compile(ctx context.Context, name, overlay string) (binary string, err error) {
	binary = filepath.Join(r.temp, name+".test")
	build := exec.CommandContext(ctx, "go", "test", "-c", "-overlay="+overlay, "-o", binary, "./supervise")
	build.Dir = r.root
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("compile: %w\n%s", err, output)
	}
	return binary, nil
}

// run runs the tests that match.
func (r *replay) run(ctx context.Context, binary, tests string) (string, error) {
	// Who does not even keep the time limit of package testing is killed, which is no kill.
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	test := exec.CommandContext(ctx, binary, "-test.v", "-test.count=1", "-test.timeout="+patience.String(), "-test.run="+tests)
	test.Dir = r.source("")
	test.WaitDelay = time.Second
	output, err := test.CombinedOutput()
	return string(output), err
}

// judge tells how a test ended, from what it wrote and the end of its process. What is no test's doing is
// an error.
func judge(test, output string, err error) (end string, fault error) {
	has := func(begin string) bool { return strings.Contains("\n"+output, "\n"+begin) }
	switch {
	case !has("=== RUN   " + test + "\n"):
		return "", fmt.Errorf("%s did not run:\n%s", test, output)
	case err == nil && has("--- PASS: "+test+" "):
		return passes, nil
	case err == nil:
		return "", fmt.Errorf("%s neither passed nor failed:\n%s", test, output)
	case has("panic: test timed out after "):
		return timesOut, nil
	case has("panic: "), has("fatal error: "):
		return panics, nil
	case has("--- FAIL: " + test + " "):
		return fails, nil
	case has("goleak: "):
		return leaks, nil
	default:
		return "", fmt.Errorf("%s: %w:\n%s", test, err, output)
	}
}
