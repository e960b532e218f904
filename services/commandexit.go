package services

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"tend.example/tend/supervise"
)

// ExitStatusError says how a program ended that did not end well. It is a type so that a program can decide
// by the code.
type ExitStatusError struct {
	Program string         // Args[0] of the Command
	Code    int            // -1: it was ended by a signal
	Signal  syscall.Signal // that ended it; 0: none
	Stderr  []string       // the last lines of its standard error, at most five, each cut at 256 bytes
}

// Error is one line, with the last lines of standard error in it.
func (e *ExitStatusError) Error() string {
	text := fmt.Sprintf("%s: exit code %d", e.Program, e.Code)
	if e.Signal != 0 {
		text = fmt.Sprintf("%s: ended by %s", e.Program, signalName(e.Signal))
	}
	if len(e.Stderr) > 0 {
		text += "; stderr: " + strings.Join(e.Stderr, " | ")
	}
	return text
}

// exitStatus is nil for exit code 0.
func (p *process) exitStatus() *ExitStatusError {
	state := p.cmd.ProcessState
	if state.Success() {
		return nil
	}
	return &ExitStatusError{
		Program: p.command.Args[0], Code: state.ExitCode(), Signal: signalOf(state), Stderr: p.output.lastWords.lines,
	}
}

func signalOf(state *os.ProcessState) syscall.Signal {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return status.Signal()
	}
	return 0
}

// served is what Serve returns of a run that is over.
func (p *process) served(ctx context.Context) error {
	if err := p.faults(); err != nil {
		return err
	}
	status := p.exitStatus()
	if p.signaled && (status == nil || status.obeyed(p.command.stopSignal())) {
		return nil
	}
	if err := p.byCode(status); err != nil {
		return err
	}
	if ctx.Err() == nil && p.command.probed() && !p.ready.Load() {
		return fmt.Errorf("%s: ended with exit code 0 before it was ready", p.command.Args[0])
	}
	return nil
}

// ran is what Run returns of a run that is over. Exit code 0 after StopSignal tells that a program has cleaned up
// rather than that it has finished: the two can't be told apart, and a backup that is taken for whole is worse than one
// that is made again.
func (p *process) ran(ctx context.Context) error {
	status, fault := p.exitStatus(), p.faults()
	err := fault
	if err == nil {
		err = p.byCode(status)
	}
	switch {
	case !p.signaled, status != nil && errors.Is(err, supervise.ErrDone):
		return err
	case status == nil && fault == nil:
		err = fmt.Errorf("%s: ended with exit code 0 after %s", p.command.Args[0], signalName(p.command.stopSignal()))
	}
	return fmt.Errorf("not finished (%w): %w", context.Cause(ctx), err)
}

// faults are what went wrong with the run, whatever the exit code.
func (p *process) faults() error {
	program := p.command.Args[0]
	switch {
	case p.waitErr != nil:
		return fmt.Errorf("wait for %s: %w", program, p.waitErr)
	case p.undying:
		return fmt.Errorf("%s: processes of its group are left that SIGKILL does not end", program)
	case !p.killed:
		return nil
	}
	sig := signalName(p.command.stopSignal())
	status := p.exitStatus()
	switch {
	case !p.rest && status != nil:
		return fmt.Errorf("did not end in time after %s, and was killed: %w", sig, status)
	case status != nil:
		return fmt.Errorf("%w; what it had started did not end in time after %s, and was killed", status, sig)
	}
	return fmt.Errorf("%s: what it had started did not end in time after %s, and was killed", program, sig)
}

// byCode is what an end by itself means. status nil is exit code 0.
func (p *process) byCode(status *ExitStatusError) error {
	code := 0
	var err error
	if status != nil {
		code, err = status.Code, status
	}
	switch {
	case code >= 0 && slices.Contains(p.command.DoneCodes, code):
		return supervise.ErrDone
	case code >= 0 && slices.Contains(p.command.FatalCodes, code):
		if err == nil {
			err = errors.New(p.command.Args[0] + ": exit code 0")
		}
		return supervise.Fatal(err)
	}
	return err
}

// obeyed tells whether it ended by the signal it was sent. Programs that catch it to clean up say so by
// exit code.
func (e *ExitStatusError) obeyed(sig syscall.Signal) bool {
	return !hasSignals || e.Signal == sig || e.Code == 128+int(sig)
}
