//go:build unix

package kinds

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// signalOf is the signal of a name without SIG, or 0.
func signalOf(name string) syscall.Signal { return unix.SignalNum("SIG" + name) }
