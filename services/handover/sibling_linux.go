package handover

import (
	"errors"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// asSibling has a new process become a child of this one's parent, where that is a service manager. To systemd a main process that
// is not its own child is a stranger: a stop does not wait for it, but kills it at once, with all of the unit. What counts is
// whose child it is when MAINPID is said; it is no use that this process ends later, and leaves it to systemd. Elsewhere the
// new process is a child like any other, and started returns nil.
func asSibling(attr *syscall.SysProcAttr) (started func() *sibling) {
	if os.Getenv("NOTIFY_SOCKET") == "" || !knowsEnds() {
		return func() *sibling { return nil }
	}
	fd := -1
	attr.Cloneflags |= unix.CLONE_PARENT
	attr.PidFD = &fd
	return func() *sibling { return &sibling{fd} }
}

// knowsEnds tells whether the end of a process is to be known that is no child.
func knowsEnds() bool {
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return false
	}
	_ = unix.Close(fd)
	return true
}

// sibling is a process whose end is known, but not how it ended, which only its parent is told.
type sibling struct{ fd int }

// awaitEnd waits for the end, or for so long. Negative: for ever.
func (s *sibling) awaitEnd(most time.Duration) {
	for end := time.Now().Add(most); ; {
		wait := -1
		if most >= 0 {
			wait = int(max(0, time.Until(end)).Milliseconds())
		}
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}}, wait)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

func (s *sibling) close() { _ = unix.Close(s.fd) }
