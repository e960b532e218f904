//go:build unix

package services_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
	"tend.example/tend/supervise/supervisetest"
)

func TestCommandKeepsTheContractOfServe(t *testing.T) {
	for name, newCommand := range map[string]func() *services.Command{
		"a program that runs": func() *services.Command { return program("hang") },
		"one that ends":       func() *services.Command { return program() },
		"one that is probed": func() *services.Command {
			c := program("out:up\\n", "hang")
			c.ReadyLine = regexp.MustCompile("^up$")
			return c
		},
		"one that notifies": func() *services.Command {
			c := program("notify:READY=1", "hang")
			c.ReadyNotify = true
			return c
		},
	} {
		t.Run(name, func(t *testing.T) {
			supervisetest.TestService(t, func() supervise.Service { return newCommand() })
		})
	}
}

func TestExitCodeAndSignalAreTheError(t *testing.T) {
	for name, test := range map[string]struct {
		steps []string
		want  *services.ExitStatusError
		text  string
	}{
		"exit 0": {steps: []string{"exit:0"}},
		"exit 3": {
			steps: []string{"exit:3"},
			want:  &services.ExitStatusError{Code: 3},
			text:  ": exit code 3",
		},
		"a signal": {
			steps: []string{"die:9"},
			want:  &services.ExitStatusError{Code: -1, Signal: syscall.SIGKILL},
			text:  ": ended by SIGKILL",
		},
		"SIGTERM that we did not send": {
			steps: []string{"die:15"},
			want:  &services.ExitStatusError{Code: -1, Signal: syscall.SIGTERM},
			text:  ": ended by SIGTERM",
		},
		"last words": {
			steps: []string{"err:1\\n2\\n3\\n\\n4\\n5\\n", "err:panic: \\x1b[31mred", "exit:2"},
			want:  &services.ExitStatusError{Code: 2, Stderr: []string{"2", "3", "4", "5", `panic: \x1b[31mred`}},
			text:  `: exit code 2; stderr: 2 | 3 | 4 | 5 | panic: \x1b[31mred`,
		},
		"long last words": {
			steps: []string{"err:" + strings.Repeat("ä", 200), "exit:1"},
			want:  &services.ExitStatusError{Code: 1, Stderr: []string{strings.Repeat("ä", 128) + "..."}},
			text:  ": exit code 1; stderr: " + strings.Repeat("ä", 128) + "...",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := program(test.steps...)
			for what, run := range map[string]func(context.Context) error{"Serve": c.Serve, "Run": c.Run} {
				err := run(t.Context())
				if test.want == nil {
					if err != nil {
						t.Errorf("%s: got %v, want nil", what, err)
					}
					continue
				}
				test.want.Program = c.Args[0]
				var got *services.ExitStatusError
				if !errors.As(err, &got) {
					t.Fatalf("%s: got %v, want an ExitStatusError", what, err)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("%s: -want +got:\n%s", what, diff)
				}
				if want := c.Args[0] + test.text; err.Error() != want {
					t.Errorf("%s: got %q, want %q", what, err, want)
				}
			}
		})
	}
}

func TestExitCodesDecide(t *testing.T) {
	c := program("exit:3")
	c.DoneCodes = []int{3}
	if err := c.Serve(t.Context()); !errors.Is(err, supervise.ErrDone) {
		t.Errorf("with DoneCodes: got %v, want ErrDone", err)
	}
	c = program("exit:78")
	c.FatalCodes = []int{64, 78}
	g := &supervise.Group{Name: "test", Children: []supervise.Child{{Name: "program", Service: c}}}
	err := g.Serve(t.Context())
	var status *services.ExitStatusError
	if !errors.As(err, &status) || status.Code != 78 {
		t.Errorf("with FatalCodes: the tree ended with %v, want exit code 78", err)
	}
}

func TestWhatCannotBeStartedSaysWhatWasTried(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"plain": "#!/bin/sh\n", "scrambled": "\x01\x02"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		command services.Command
		is      error
		text    string
	}{
		"not in PATH": {
			services.Command{Args: []string{"tend-no-such-program", "--secret"}},
			exec.ErrNotFound,
			"start tend-no-such-program: executable file not found in $PATH",
		},
		"no file": {
			services.Command{Args: []string{"./nope"}, Dir: dir},
			fs.ErrNotExist,
			"start ./nope in " + dir + ": no such file or directory",
		},
		"not executable": {
			services.Command{Args: []string{"./plain"}, Dir: dir},
			fs.ErrPermission,
			"start ./plain in " + dir + ": permission denied",
		},
		"no folder": {
			services.Command{Args: []string{os.Args[0]}, Dir: dir + "/none"},
			fs.ErrNotExist,
			"start " + os.Args[0] + ": change to its folder: stat " + dir + "/none: no such file or directory",
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.command.ReadyNotify = true // there is more to clean up
			err := test.command.Serve(t.Context())
			if !errors.Is(err, test.is) || err.Error() != test.text {
				t.Errorf("got %v, want %s", err, test.text)
			}
		})
	}
}

func TestACommandThatMakesNoSenseIsFatal(t *testing.T) {
	for want, c := range map[string]services.Command{
		"Args is required":                                   {},
		"Env[1] is not KEY=value":                            {Args: []string{"x"}, Env: []string{"A=1", "secret"}},
		"StopSignal -1 is negative":                          {Args: []string{"x"}, StopSignal: -1},
		"more than one of ReadyLine, ReadyAddr, ReadyURL":    {Args: []string{"x"}, ReadyAddr: ":1", ReadyNotify: true},
		"ReadyAddr: address 9000: missing port":              {Args: []string{"x"}, ReadyAddr: "9000"},
		"ReadyURL: not an http or https URL with a host: /x": {Args: []string{"x"}, ReadyURL: "/x"},
	} {
		err := c.Serve(t.Context())
		if err == nil || !strings.HasPrefix(err.Error(), "services.Command: "+want) || !isFatal(err) {
			t.Errorf("got %v, want fatal: %s", err, want)
		}
	}
}

// isFatal tells whether an error ends a tree.
func isFatal(err error) bool {
	g := &supervise.Group{Name: "test", Children: []supervise.Child{{
		Name: "it", Service: supervise.Func(func(context.Context) error { return err }),
	}}}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Is(g.Serve(ctx), err)
}

func TestEnvironmentAndFolderAreTheProgramsOwn(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "/run/ours")
	t.Setenv("LISTEN_FDS", "3")
	t.Setenv("TEND_TEST_KEPT", "kept")
	t.Setenv("TEND_TEST_CHANGED", "old")
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var log logBook
	c := program("env:NOTIFY_SOCKET", "env:LISTEN_FDS", "env:TEND_TEST_KEPT", "env:TEND_TEST_CHANGED", "pwd")
	c.Env = append(c.Env, "TEND_TEST_CHANGED=new")
	c.Dir = dir
	c.Log = log.logger()
	if err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range log.output(t, "stdout") {
		got = append(got, r.Line)
	}
	want := []string{"NOTIFY_SOCKET=", "LISTEN_FDS=", "TEND_TEST_KEPT=kept", "TEND_TEST_CHANGED=new", dir + " " + dir}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestCommandIsRestartedByItsPolicy(t *testing.T) {
	g := &supervise.Group{Name: "test", Children: []supervise.Child{{
		Name: "program", Service: program("exit:3"),
		Policy: supervise.Policy{MinBackoff: -1, MaxRestarts: 2},
	}}}
	events := supervisetest.Record(t, g)
	err := g.Serve(t.Context())
	var limit *supervise.LimitError
	var status *services.ExitStatusError
	if !errors.As(err, &limit) || !errors.As(err, &status) || status.Code != 3 {
		t.Errorf("got %v, want a LimitError with exit code 3", err)
	}
	runs := 0
	for _, e := range events.Events() {
		if e.Path == "test/program" && e.State == supervise.Running {
			runs++
		}
	}
	if runs != 3 {
		t.Errorf("got %d runs, want 3", runs)
	}
}

func TestNothingIsStartedWhenCtxIsDone(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := &services.Command{Args: []string{"tend-no-such-program"}} // an error if it is tried
	if err := c.Serve(ctx); err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
	if err := c.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Run: got %v, want context.Canceled", err)
	}
}
