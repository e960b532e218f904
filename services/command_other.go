//go:build !unix

package services

import (
	"io"
	"os"
	"syscall"
)

const (
	sigCont    = syscall.Signal(0)
	hasSignals = false
)

func ownGroup() *syscall.SysProcAttr { return nil }

func signalName(sig syscall.Signal) string { return sig.String() }

// signal kills the program, which is all that can be done here, and does not reach what that has started.
func (p *process) signal(sig syscall.Signal) {
	if sig != sigCont {
		_ = p.cmd.Process.Kill() // it may have ended
	}
}

func (p *process) groupAlive() bool { return false }

func readNow(*os.File, []byte) (int, error) { return 0, io.EOF }
