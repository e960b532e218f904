//go:build linux || darwin

package top_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"tend.example/tend/internal/cli/client"
	"tend.example/tend/internal/cli/top"
)

// A panic is looked at from outside: the test starts its own binary once more.
func TestMain(m *testing.M) {
	if how, addr := os.Getenv("TEND_TEST_PANIC"), os.Getenv("TEND_TEST_DAEMON"); how != "" {
		panicIn(how, addr)
	}
	goleak.VerifyTestMain(m)
}

// panicIn shows a Top that panics.
func panicIn(how, addr string) {
	daemon, err := client.New(addr, "")
	if err != nil {
		panic(err)
	}
	shown := top.Top{Daemon: daemon, In: os.Stdin, Out: os.Stdout}
	if how == "beside" {
		err = top.RunBeside(&shown, func() { panic("as asked") })
	} else {
		draws := 0
		shown.Now = func() time.Time {
			if draws++; draws > 2 {
				panic("as asked")
			}
			return time.Now()
		}
		err = shown.Run(context.Background())
	}
	fmt.Println(err)
	os.Exit(1)
}

// daemon is one that only has a tree.
func daemon(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/api/v1/info":
			w.Write([]byte(`{"root":"tend"}`))
		case "/api/v1/tree":
			w.Write([]byte(`{"name":"tend","path":"tend","state":"running"}`))
		default:
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusNotFound)
			w.Write([]byte(`{}`))
		}
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func TestAPanicLeavesTheTerminalAsItWas(t *testing.T) {
	addr := daemon(t)
	for _, how := range []string{"loop", "beside"} {
		master, tty, err := pty.Open()
		if err != nil {
			t.Fatal(err)
		}
		before := modes(t, tty)
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "TEND_TEST_PANIC="+how, "TEND_TEST_DAEMON="+addr)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
		var sent bytes.Buffer
		var reader sync.WaitGroup
		reader.Go(func() { sent.ReadFrom(master) }) // until the other end is closed
		err = cmd.Run()
		after := modes(t, tty)
		tty.Close()
		reader.Wait()
		master.Close()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 2 {
			t.Errorf("%s: ended with %v, want 2, as a panic does", how, err)
		}
		if before != after {
			t.Errorf("%s: modes of the terminal: before %+v, after %+v", how, before, after)
		}
		text := sent.String()
		in, out, trace := strings.Index(text, "\x1b[?1049h"), strings.LastIndex(text, "\x1b[?7h\x1b[?25h\x1b[?1049l"), strings.Index(text, "panic: as asked")
		if in < 0 || out < in || trace < out {
			t.Errorf("%s: the screen is entered at %d, left at %d, and the panic told at %d, want that order", how, in, out, trace)
		}
	}
}

func modes(t *testing.T, tty *os.File) unix.Termios {
	t.Helper()
	m, err := unix.IoctlGetTermios(int(tty.Fd()), getTermios)
	if err != nil {
		t.Fatal(err)
	}
	return *m
}
