//go:build unix

package handover

import (
	"os"
	"os/signal"
	"syscall"
)

// Notify has c told of each SIGUSR2, by which an upgrade is usually asked for, where there is one.
func Notify(c chan<- os.Signal) { signal.Notify(c, syscall.SIGUSR2) }
