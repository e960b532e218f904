package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"tend.example/tend/internal/logsink"
	"tend.example/tend/internal/reap"
	"tend.example/tend/supervise"
)

// asInit runs the program, and as process 1 reaps the orphans of all others meanwhile.
func asInit(program func() int) (code int) {
	if os.Getpid() != 1 {
		return program()
	}
	runtime.LockOSThread() // main's thread, as nothing else has had a chance to take it
	ctx, cancel := context.WithCancel(context.Background())
	go func() { // waited for below
		defer cancel()
		code = program()
	}()
	if err := reap.Orphans(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "tend: orphans stay zombies: %v\n", err)
	}
	<-ctx.Done()
	return code
}

// outlive has the process receive a signal that would end it. It is not ignored, because programs that are started
// here would inherit that.
func outlive(sig os.Signal) { signal.Notify(make(chan os.Signal, 1), sig) }

// keepCrashes has the runtime's last words written to a file, too.
func keepCrashes(path string) error {
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err == nil {
		defer f.Close() // the runtime has a descriptor of its own
		err = debug.SetCrashOutput(f, debug.CrashOptions{})
	}
	if err != nil {
		return &supervise.ExitError{Code: exitConfig, Err: fmt.Errorf("--crash-log: %w", err)}
	}
	return nil
}

// limitMemory has the collector work harder when nine tenths of what the cgroup allows are in use, before the kernel
// kills the process. GOMEMLIMIT, if it is set, is the operator's word.
func limitMemory(log *slog.Logger) {
	limit, err := memlimit.Set()
	switch {
	case os.Getenv("GOMEMLIMIT") != "":
		log.Info("memory limit", slog.Int64("bytes", limit), slog.String("from", "GOMEMLIMIT"))
	case errors.Is(err, memlimit.ErrCgroupsNotSupported), errors.Is(err, memlimit.ErrNoCgroup), err == nil && limit == math.MaxInt64:
		log.Debug("no memory limit")
	case err != nil:
		log.Warn("memory limit unknown", slog.Any("err", err))
	default:
		log.Info("memory limit", slog.Int64("bytes", limit), slog.String("from", "cgroup"))
	}
}

// pump writes the log until end is called, which returns when all is written, or a second later.
func pump(sink *logsink.Sink) (end func()) {
	ctx, cancel := context.WithCancel(context.Background()) // the end of the tree is logged, too
	written := make(chan struct{})
	go func() { // end waits for it
		defer close(written)
		_ = sink.Serve(ctx) // that nobody reads the log can be told to nobody
	}()
	return func() {
		cancel()
		<-written
	}
}
