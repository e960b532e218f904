//go:build unix && !linux

package services

import "syscall"

// ownGroup outlives this process if that is killed: nothing here would see to it.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// groupAlive tells whether the group of a program that was reaped has processes.
func (p *process) groupAlive() bool {
	p.reapOrphans()
	return p.groupExists()
}
