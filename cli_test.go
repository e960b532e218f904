package main

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// endsWith is the script command code.
func endsWith(_ *daemon, ts *testscript.TestScript, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%s: %v", args[1], err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code: got %d, want %s", code, args[0])
	}
}

// waitFile is the script command waitfile.
func waitFile(_ *daemon, ts *testscript.TestScript, args []string) {
	pattern := compile(ts, args[1])
	var text []byte
	for deadline := time.Now().Add(patience); !pattern.Match(text); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			ts.Fatalf("still waiting for %s in %s:\n%s", args[1], args[0], text)
		}
		text, _ = os.ReadFile(ts.MkAbs(args[0])) // it may not be there yet
	}
}
