//go:build unix && !linux

package handover

import (
	"syscall"
	"time"
)

// asSibling does nothing here: systemd is Linux's.
func asSibling(*syscall.SysProcAttr) (started func() *sibling) { return func() *sibling { return nil } }

type sibling struct{}

func (*sibling) awaitEnd(time.Duration) {}

func (*sibling) close() {}
