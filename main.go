// Command tend is a small daemon built on package supervise: an HTTP service, a timer job, and an
// operator's view of both, kept as a supervision tree. Its commands talk to a daemon that runs.
//
// Exit codes of the daemon: 0 stopped as asked, 1 a service was fatal or given up on, 64 usage, 69 an address was
// not to be had, 70 something had to be abandoned while stopping, 78 configuration, 128+n ended by a second signal n.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	_ "time/tzdata" // a job's zone has to be known in a container from scratch and on Windows, too; it costs 450 KB

	"github.com/gin-gonic/gin"

	"tend.example/tend/internal/cli"
	"tend.example/tend/internal/config"
	"tend.example/tend/internal/kinds"
	"tend.example/tend/supervise"
)

func main() {
	gin.SetMode(gin.ReleaseMode) // global, so nobody but main does it
	os.Exit(asInit(process))
}

// process is what main does, on a goroutine that may have any thread.
func process() int {
	outlive(syscall.SIGPIPE) // whoever read the log may die; we go on
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go endAt(signals, cancel) // lives as long as the process
	return run(ctx, os.Args[1:], os.Stdout, os.Stderr)
}

// run is the whole program but for its signals: the daemon, which serves until ctx is done or the tree ends, or a
// command that talks to one. It returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return cli.Program{
		Version: version(),
		Loader:  config.Loader{Env: os.Environ(), Schedule: kinds.Schedule},
		Serve: func(ctx context.Context, l config.Loader, s *config.Settings) int {
			return serve(ctx, l, s, stderr)
		},
		Stdin: os.Stdin, Stdout: stdout, Stderr: stderr,
	}.Run(ctx, args)
}

// serve is the daemon. It reloads at every SIGHUP, and so does not end with the terminal that it was started from; a
// command does.
func serve(ctx context.Context, l config.Loader, s *config.Settings, stderr io.Writer) int {
	hangups := make(chan os.Signal, 1) // one waits while a reload is under way, and stands for all that come
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	if err := keepCrashes(s.CrashLog); err != nil {
		return refuse(stderr, err)
	}
	book := newLogbook(s.Config, stderr)
	around, err := meetNeighbours(s.Config, book.Logger)
	if err != nil {
		return refuse(stderr, err)
	}
	p, err := newProgram(l, s, book, around)
	if err != nil {
		return refuse(stderr, err)
	}
	defer pump(book.sink)()
	for _, text := range s.Warnings {
		book.Warn("configuration", "warning", text)
	}
	limitMemory(book.Logger)
	err, asked := p.serve(ctx, hangups)
	book.sink.Settle()
	return logExit(book.Logger, err, asked)
}

// refuse says in one line why nothing was started.
func refuse(stderr io.Writer, err error) int {
	fmt.Fprintf(stderr, "tend: %v\n", err)
	return supervise.ExitCode(err)
}

// logExit writes the last line: why the process ends. That is the tree's error, or else the signal.
func logExit(log *slog.Logger, err, asked error) int {
	code, level := supervise.ExitCode(err), slog.LevelInfo
	if code != 0 {
		level = slog.LevelError
	}
	log.Log(context.Background(), level, "exit", "code", code, "err", cmp.Or(err, asked))
	return code
}

// endAt asks the program to stop when the first signal comes. At the second it ends the process, without a word that
// might block.
func endAt(signals <-chan os.Signal, stop context.CancelCauseFunc) {
	first := <-signals
	stop(&supervise.ExitError{Code: signalCode(first), Err: errors.New(first.String() + " signal received")})
	os.Exit(signalCode(<-signals))
}

// signalCode is what a shell has for a process that a signal has ended.
func signalCode(s os.Signal) int {
	if number, ok := s.(syscall.Signal); ok {
		return 128 + int(number)
	}
	return 1
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return "unknown"
}
