//go:build unix

package systemd

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// monotonic is the time since the boot, in microseconds, as systemd wants it with RELOADING=1.
func monotonic() string {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return "0"
	}
	return strconv.FormatInt(now.Nano()/1000, 10)
}
