package reap

import (
	"context"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// Orphans reaps orphans until ctx is done. It never takes the exit status of a process that this one has started:
// the kernel gives orphans to the main thread, while a child is its thread's that started it, and of the main
// thread's children only are reaped here. So the caller must have locked its goroutine to that thread, by
// runtime.LockOSThread, and before anything is started: main does so in its first line.
func Orphans(ctx context.Context) error {
	if unix.Gettid() != os.Getpid() {
		return ErrThread
	}
	ended := make(chan os.Signal, 1) // one token stands for any number of them
	signal.Notify(ended, unix.SIGCHLD)
	defer signal.Stop(ended)
	for {
		reapAll()
		select {
		case <-ended:
		case <-ctx.Done():
			return nil
		}
	}
}

func reapAll() {
	for {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG|unix.WNOTHREAD, nil)
		if pid <= 0 && err != unix.EINTR {
			return
		}
	}
}
