// Command tend is a small daemon built on package supervise: an HTTP service, a timer job, and an
// operator's view of both, kept as a supervision tree.
//
// Exit codes: 0 stopped as asked, 1 a service was fatal or given up on, 64 usage, 69 an address was
// not to be had, 70 something had to be abandoned while stopping, 78 a file that was named can't be used, 128+n
// ended by a second signal n.
package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	_ "time/tzdata" // a job's zone has to be known in a container from scratch and on Windows, too; it costs 450 KB

	"github.com/gin-gonic/gin"

	"tend.example/tend/internal/config"
	"tend.example/tend/supervise"
)

func main() {
	gin.SetMode(gin.ReleaseMode)   // global, so nobody but main does it
	signal.Ignore(syscall.SIGPIPE) // whoever read the log may die; we go on
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After that, so that no first signal is counted here and missed there.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go exitAtSecond(signals) // lives as long as the process
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	cancel()
	os.Exit(code)
}

// run is the whole program but for its signals: it serves until ctx is done or the tree ends, and
// returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cfg, err := config.Parse(args)
	switch {
	case err != nil:
		return refuse(stderr, err)
	case cfg.Help:
		fmt.Fprint(stdout, config.Usage())
		return 0
	case cfg.Version:
		fmt.Fprintln(stdout, "tend", version())
		return 0
	}
	log := newLogbook(cfg, stderr)
	tree, err := newTree(cfg, log)
	if err != nil {
		return refuse(stderr, err)
	}
	err = tree.Serve(ctx)
	return logExit(log.Logger, err, context.Cause(ctx))
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

// exitAtSecond ends the process at once, without a word that might block, when whoever asked it to
// stop asks again.
func exitAtSecond(signals <-chan os.Signal) {
	<-signals
	if second, ok := (<-signals).(syscall.Signal); ok {
		os.Exit(128 + int(second))
	}
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return "unknown"
}
