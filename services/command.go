package services

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"regexp"
	"strings"
	"syscall"

	"tend.example/tend/supervise"
)

// Command runs a program that is not Go, or not ours. A pointer to it is a supervise.Service, one process a
// run, restarted by its policy as any other; its method Run does it once, for a Job.
//
// The program has a process group of its own, to which whatever it starts belongs too. When it is told to
// stop, the whole group is sent StopSignal at once; what of it is left when the time of
// supervise.StopContext is all but over is killed, and the run has failed to stop. When the program ends by
// itself, what it leaves behind in its group is killed at once. So a program must stay in its group: one
// that makes a daemon of itself is out of reach.
//
// When this process is killed by SIGKILL, or by the kernel for want of memory, it can end nothing. On Linux the kernel then
// kills the program itself, unless that is set-user-ID or has file capabilities; what the program has started goes on, be it
// the server behind a shell, and keeps its ports and files. Elsewhere the program goes on, too. A control group around
// all of them ends what is left: KillMode=control-group of systemd, which is its default, or a container.
//
// On Windows there are neither groups nor signals: the program alone is killed as soon as it is told to stop.
//
// Its output goes into Log line by line, with control characters and what is no UTF-8 escaped. A line
// longer than 8 KiB is cut into several. When the log takes nothing for a second, lines are dropped and
// counted rather than the program held up. Its standard input is empty.
//
// A Command holds nothing between runs, and may be run several times at once.
type Command struct {
	// Args is the program and its arguments; no shell sees them. A program without a slash is looked for in
	// the PATH of this process, one with a relative path in Dir. Required.
	Args []string

	// Env is added to the environment of this process, as "KEY=value"; the last one of a key counts. What a
	// service manager told this process alone (NOTIFY_SOCKET, WATCHDOG_USEC, LISTEN_FDS and their like) is
	// left out. The environment is never logged.
	Env []string

	// Dir is where the program runs. Empty: where this process does.
	Dir string

	// StopSignal asks the program to end. 0: SIGTERM.
	StopSignal syscall.Signal

	// FatalCodes are exit codes that end the whole tree, as supervise.Fatal does: for a program that says
	// that its configuration is wrong, which no restart will mend. nil: none.
	FatalCodes []int

	// DoneCodes are exit codes that say that the program is finished for good, whatever the policy, as
	// supervise.ErrDone does. 0 may be among them. nil: none.
	DoneCodes []int

	// At most one of the following says when the program is ready. Until then its child is Starting, holds
	// back the next sibling, and is ended by the StartTimeout of its policy. One that ends before has
	// failed, with exit code 0 too. None: it is ready when it has been started. Run looks at none but
	// ReadyNotify.

	// ReadyLine matches a line of its output, on either stream and as it is logged.
	ReadyLine *regexp.Regexp

	// ReadyAddr is where it accepts a connection: "host:port", or "unix:path". Whoever else listens there
	// is taken for it.
	ReadyAddr string

	// ReadyURL is what it answers with a status of 2xx. No redirect is followed, and no proxy is used.
	ReadyURL string

	// ReadyNotify gives it a NOTIFY_SOCKET, on which it says so by READY=1, as to systemd (Type=notify).
	// There WATCHDOG=1 is a supervise.Beat, and STATUS= and STOPPING=1 go into the log; the rest counts for
	// nothing. It has to be set for a policy with a Heartbeat.
	ReadyNotify bool

	// Log is told of the output: message "output", attributes service, pid, stream ("stdout" at level Info,
	// "stderr" at Warn) and line; of a line that was cut, more=true with every part but the last; and
	// dropped, how many lines were dropped before this one. nil: slog.Default().
	Log *slog.Logger
}

// NotifiesReady says that Serve calls supervise.Ready, so Child.WaitReady need not be set.
func (c *Command) NotifiesReady() {}

// String is "command" and the program. Its arguments may be nobody's business.
func (c *Command) String() string {
	if len(c.Args) == 0 {
		return "command"
	}
	return "command " + c.Args[0]
}

// Serve runs the program until it ends, or until ctx is done and it was told to. It returns
//
//   - nil when the program ended with exit code 0, or ended by StopSignal once ctx was done. Exit code 128
//     and the number of that signal says the same, as of a shell or a JVM;
//   - an error when it ended otherwise, ended before it was ready, or did not stop in time and was killed;
//     with an [*ExitStatusError] in it unless its exit code was 0;
//   - supervise.ErrDone, or a supervise.Fatal error, by DoneCodes and FatalCodes;
//   - an error that says what was tried when it could not be started.
//
// A Command that makes no sense is fatal to its tree.
func (c *Command) Serve(ctx context.Context) error {
	if err := c.check(); err != nil {
		return supervise.Fatal(err)
	}
	if err := AwaitTurn(ctx); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return nil
	}
	p, err := c.start(ctx)
	if err != nil {
		return err
	}
	forget := p.awaitReady(ctx)
	p.attend(ctx)
	forget()
	return p.served(ctx)
}

// Run runs the program once to its end, as a job: services.Job{Do: c.Run}. It returns what Serve would,
// except that one that was sent StopSignal has not finished, whatever its exit code: many a program cleans up then and
// ends with 0. One that ended by itself before the signal, be it in the same instant, counts by its exit code; one that
// catches the signal and finishes all the same can say so by a code of its own in DoneCodes, other than 0.
//
// When ctx is done, StopSignal is sent at once, and what is left is killed when the time of
// supervise.StopContext is all but over, or, when it is no stop of the tree but a timeout of the job or Cancel, after
// ten seconds. The error says why ctx was done. As the ctx of a Job's run outlives the stop of its
// service, the program is left to finish until a fifth of that time remains, but at most a second.
func (c *Command) Run(ctx context.Context) error {
	if err := c.check(); err != nil {
		return supervise.Fatal(err)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	p, err := c.start(ctx)
	if err != nil {
		return err
	}
	p.attend(ctx)
	return p.ran(ctx)
}

// check tells what makes no sense.
func (c *Command) check() error {
	fault := func(format string, args ...any) error {
		return fmt.Errorf("services.Command: "+format, args...)
	}
	if len(c.Args) == 0 || c.Args[0] == "" {
		return fault("Args is required")
	}
	for i, entry := range c.Env {
		if key, _, ok := strings.Cut(entry, "="); !ok || key == "" {
			return fault("Env[%d] is not KEY=value", i) // what it is may be a secret
		}
	}
	if c.StopSignal < 0 {
		return fault("StopSignal %d is negative", int(c.StopSignal))
	}
	ways := 0
	for _, set := range []bool{c.ReadyLine != nil, c.ReadyAddr != "", c.ReadyURL != "", c.ReadyNotify} {
		if set {
			ways++
		}
	}
	if ways > 1 {
		return fault("more than one of ReadyLine, ReadyAddr, ReadyURL and ReadyNotify is set")
	}
	if err := checkReadyAddr(c.ReadyAddr); err != nil {
		return fault("ReadyAddr: %w", err)
	}
	if err := checkReadyURL(c.ReadyURL); err != nil {
		return fault("ReadyURL: %w", err)
	}
	return nil
}

func checkReadyAddr(addr string) error {
	if addr == "" || strings.HasPrefix(addr, "unix:") {
		return nil
	}
	_, _, err := net.SplitHostPort(addr)
	return err
}

func checkReadyURL(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil {
		return err
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return errors.New("not an http or https URL with a host: " + u.Redacted())
	}
	return nil
}

func (c *Command) stopSignal() syscall.Signal {
	if c.StopSignal == 0 {
		return syscall.SIGTERM
	}
	return c.StopSignal
}

func (c *Command) log() *slog.Logger {
	if c.Log == nil {
		return slog.Default()
	}
	return c.Log
}
