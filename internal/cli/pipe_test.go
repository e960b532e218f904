package cli_test

import (
	"os"
	"syscall"
	"testing"
)

const errPipe = syscall.EPIPE

func readFile(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
