//go:build !linux

package services

// awaitExit also reaps the program, because these systems do not offer to wait without.
func (p *process) awaitExit() { p.waitErr = p.cmd.Wait() }

func (p *process) wait() error { return p.waitErr }
