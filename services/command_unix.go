//go:build unix

package services

import (
	"cmp"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	sigCont    = syscall.SIGCONT
	hasSignals = true
)

func signalName(sig syscall.Signal) string { return cmp.Or(unix.SignalName(sig), sig.String()) }

// signal is for every process of the group. That there may be none any more is no fault.
func (p *process) signal(sig syscall.Signal) { _ = syscall.Kill(-p.cmd.Process.Pid, sig) }

// reapOrphans frees the dead of the group where this process inherits them, as PID 1 does. The program
// itself has been reaped, and they are no children of anybody else here.
func (p *process) reapOrphans() {
	for {
		pid, err := syscall.Wait4(-p.cmd.Process.Pid, nil, syscall.WNOHANG, nil)
		if pid <= 0 && err != syscall.EINTR {
			return
		}
	}
}

// groupExists tells whether the group of a program that was reaped has processes, dead or alive.
func (p *process) groupExists() bool {
	return syscall.Kill(-p.cmd.Process.Pid, 0) != syscall.ESRCH // EPERM is an answer, too
}

// readNow reads what is there, and waits for nothing.
func readNow(f *os.File, buf []byte) (n int, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		n, failed = syscall.Read(int(fd), buf)
		return true // as false would wait
	})
	return n, cmp.Or(err, failed)
}
