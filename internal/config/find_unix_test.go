//go:build unix

package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"tend.example/tend/internal/config"
	"tend.example/tend/supervise"
)

// pipe is a named pipe with somebody who writes that text into it, once.
func pipe(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	go func() { _ = os.WriteFile(path, []byte(text), 0o600) }() // ends when the other end has been opened
	return path
}

func TestAPipeIsReadOnce(t *testing.T) {
	file := pipe(t, "http-addr: :1\n")
	token := pipe(t, longEnough)
	l := config.Loader{Args: []string{"--config", file, "--admin-token-file", token}}
	s := mustSettings(t, l)
	if s.HTTPAddr != ":1" || s.Admin.Token != longEnough {
		t.Errorf("got %q and %q, want what was in the pipes", s.HTTPAddr, string(s.Admin.Token))
	}
	l.Again, l.File = true, file
	_, err := l.Load()
	want := "--admin-token-file: open " + token + ": is a pipe, which can be read only once\n" + file + ": is a pipe, which can be read only once"
	if got := fmt.Sprint(err); got != want || supervise.ExitCode(err) != 78 {
		t.Errorf("again: got, with code %d,\n%s\nwant, with 78,\n%s", supervise.ExitCode(err), got, want)
	}
}
