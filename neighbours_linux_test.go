package main

import (
	"os"
	"strconv"
	"syscall"
	"testing"
)

// systemd kills a main process that is not its own child instead of waiting for it.
func TestNewProcessIsAChildOfTheServiceManager(t *testing.T) {
	h := boot(t, nil)
	pid := h.cmd.Process.Pid
	for n := range 2 {
		h.eventually("another process", func() bool {
			syscall.Kill(pid, syscall.SIGUSR2) // it is refused until the process before is gone for good
			return len(h.pids()) == n+2
		})
		next := h.pids()[n+1]
		h.awaitTold("MAINPID=" + strconv.Itoa(next))
		if _, err := syscall.Wait4(next, nil, syscall.WNOHANG, nil); err != nil {
			t.Errorf("wait for process %d: %v; it is no child of process %d", next, err, os.Getpid())
		}
		h.gone(pid)
		pid = next
	}
	syscall.Kill(pid, syscall.SIGTERM)
	h.gone(pid)
}
