package services

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"tend.example/tend/supervise"
)

const (
	killMargin = 250 * time.Millisecond // before a run must have returned: to kill, reap, and log the last words
	killAfter  = 10 * time.Second       // StopSignal, when nothing else says when; the default StopTimeout
	dieWithin  = time.Second            // after SIGKILL, unless the kernel holds it
	logWithin  = 5 * time.Second        // what is left of the output when the program has ended
)

// process is one run of a Command: the program, what that has started, and the output of both. Only the
// goroutine that started it signals and reaps, so no signal goes to a number that is no longer its group's.
type process struct {
	command *Command
	cmd     *exec.Cmd
	log     *slog.Logger
	exited  chan struct{} // closed when the program has ended; it may still have to be reaped
	output  *output
	notify  *notifySocket // nil: it has none

	ready    atomic.Bool
	reaped   bool
	waitErr  error // why it could not be reaped
	signaled bool  // it was told to stop
	killed   bool  // because it did not stop in time
	rest     bool  // and the program did, but not what it had started
	undying  bool  // something of the group is left, even so
	survivor int   // a process of the group that was alive when last looked; 0: none is known
}

// start starts the program. attend waits for all that begins here.
func (c *Command) start(ctx context.Context) (_ *process, err error) {
	p := &process{command: c, exited: make(chan struct{})}
	p.cmd = exec.Command(c.Args[0], c.Args[1:]...)
	p.cmd.Dir = c.Dir
	p.cmd.Env = append(inheritedEnv(p.cmd.Environ()), c.Env...)
	p.cmd.SysProcAttr = ownGroup()
	if c.ReadyNotify {
		if p.notify, err = listenNotify(); err != nil {
			return nil, c.startError(err)
		}
		defer func() {
			if err != nil {
				p.notify.close()
			}
		}()
		p.cmd.Env = append(p.cmd.Env, "NOTIFY_SOCKET="+p.notify.path)
	}
	pipes, err := openPipes()
	if err != nil {
		return nil, c.startError(err)
	}
	p.cmd.Stdout, p.cmd.Stderr = pipes.stdout.write, pipes.stderr.write
	err = p.launch()
	pipes.closeWrite()
	if err != nil {
		pipes.closeRead()
		return nil, c.startError(err)
	}
	p.log = c.log().With(slog.String("service", cmp.Or(supervise.Path(ctx), c.Args[0])))
	if r, ok := ctx.Value(runKey{}).(*jobRun); ok {
		p.log = p.log.With(r.attrs()...)
	}
	p.log = p.log.With(slog.Int("pid", p.cmd.Process.Pid))
	p.log.LogAttrs(ctx, slog.LevelInfo, "program started", slog.String("program", c.Args[0]))
	p.output = collect(ctx, p.log, pipes, p.seen(ctx))
	if p.notify != nil {
		p.notify.listen(func(key, value string) { p.notified(ctx, key, value) })
	}
	return p, nil
}

// launch starts the program, and closes exited when it has ended. On Linux the kernel kills a program with
// the thread that started it, rather than with the process. So the goroutine that does it keeps its thread
// until the program has ended, which costs nothing, as it blocks one anyway.
func (p *process) launch() error {
	started := make(chan error)
	go func() { // attend waits for exited
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.awaitExit()
			close(p.exited)
		}
	}()
	return <-started
}

// startError says what was tried.
func (c *Command) startError(err error) error {
	var path *fs.PathError
	var lookup *exec.Error
	switch { // both name the program again
	case errors.As(err, &lookup):
		err = lookup.Err
	case errors.As(err, &path) && path.Op == "fork/exec":
		err = path.Err
	}
	if _, fault := os.Stat(c.Dir); c.Dir != "" && fault != nil {
		return fmt.Errorf("start %s: change to its folder: %w", c.Args[0], fault)
	}
	if c.Dir != "" {
		return fmt.Errorf("start %s in %s: %w", c.Args[0], c.Dir, err)
	}
	return fmt.Errorf("start %s: %w", c.Args[0], err)
}

// inheritedEnv leaves out what a service manager has told this process alone: a program that answered on
// its NOTIFY_SOCKET would speak for us.
func inheritedEnv(env []string) []string {
	ours := []string{
		"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "MAINPID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES",
	}
	return slices.DeleteFunc(env, func(entry string) bool {
		key, _, _ := strings.Cut(entry, "=")
		return slices.Contains(ours, key)
	})
}

// attend returns when the program, its group and the goroutines of this run are gone.
func (p *process) attend(ctx context.Context) {
	until := context.Background()
	select {
	case <-p.exited:
	case <-ctx.Done():
		if p.hasExited() { // in the same instant
			break
		}
		stop, cancel := supervise.StopContext(ctx)
		defer cancel()
		p.stop(ctx, stop)
		until = stop
	}
	p.sweep()
	if p.notify != nil {
		p.notify.close()
	}
	p.output.end(until)
}

// stop tells the group to stop, and returns when it is gone, or has to be killed.
func (p *process) stop(ctx, stop context.Context) {
	kill, cancel := killTime(ctx, stop)
	defer cancel()
	p.signaled = true
	p.signal(p.command.stopSignal())
	p.signal(sigCont) // or what is halted would not hear it
	p.killed = !p.goneWithin(kill)
	p.rest = p.killed && p.reaped
}

// killTime is a context that ends when the group is to be killed.
func killTime(ctx, stop context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := stop.Deadline()
	switch {
	case ok:
		return context.WithDeadline(stop, deadline.Add(-min(killMargin, time.Until(deadline)/4)))
	case toldToStop(ctx): // for which it has all the time there is
		return context.WithCancel(stop)
	default:
		return context.WithTimeout(stop, killAfter)
	}
}

// toldToStop tells whether it was its tree that ended ctx, and while the run was healthy. Otherwise it was
// the one who made ctx, and nobody wants the work any more.
func toldToStop(ctx context.Context) bool {
	cause := context.Cause(ctx)
	var sibling *supervise.ChildError
	return errors.Is(cause, supervise.ErrStop) || errors.Is(cause, supervise.ErrRestart) || errors.As(cause, &sibling)
}

// sweep kills what is left of the group, and reaps the program.
func (p *process) sweep() {
	if p.reaped && !p.killed {
		return // nothing is left, and the number may be somebody else's by now
	}
	p.signal(syscall.SIGKILL) // on Linux the program, dead but not reaped, still keeps the number
	<-p.exited
	p.reap()
	within, cancel := context.WithTimeout(context.Background(), dieWithin)
	defer cancel()
	p.undying = !p.emptyWithin(within)
}

func (p *process) hasExited() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// exitsWithin waits for the program, and tells whether it has ended before ctx.
func (p *process) exitsWithin(ctx context.Context) bool {
	select {
	case <-p.exited:
		return true
	case <-ctx.Done():
		return false
	}
}

// goneWithin waits for the program and its group, and tells whether they have ended before ctx.
func (p *process) goneWithin(ctx context.Context) bool {
	if !p.exitsWithin(ctx) {
		return false
	}
	p.reap()
	return p.emptyWithin(ctx)
}

// emptyWithin waits for the rest of the group. Nothing tells when a process ends that is no child of ours,
// so it looks, ever less often. Between two looks the number can't be given to others: for that all numbers
// would have to be used up.
func (p *process) emptyWithin(ctx context.Context) bool {
	for wait := time.Millisecond; p.groupAlive(); wait = min(2*wait, 50*time.Millisecond) {
		if ctx.Err() != nil {
			return false
		}
		pause(ctx, wait)
	}
	return true
}

// reap frees the program's number. It has exited.
func (p *process) reap() {
	if p.reaped {
		return
	}
	p.reaped = true
	err := p.wait()
	p.waitErr = nil
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) {
		p.waitErr = err
	}
}

// seen is what is called with each line of output.
func (p *process) seen(ctx context.Context) func(string) {
	pattern := p.command.ReadyLine
	if pattern == nil {
		return func(string) {}
	}
	return func(line string) {
		if !p.ready.Load() && pattern.MatchString(line) {
			p.becomeReady(ctx)
		}
	}
}

func (p *process) becomeReady(ctx context.Context) {
	p.ready.Store(true)
	supervise.Ready(ctx)
}

// notified is told what the program says on its NOTIFY_SOCKET. It waits for no log, or the program would.
func (p *process) notified(ctx context.Context, key, value string) {
	switch {
	case key == "READY" && value == "1":
		p.becomeReady(ctx)
	case key == "WATCHDOG" && value == "1":
		supervise.Beat(ctx)
	case key == "STOPPING" && value == "1":
		p.output.put(line{slog.LevelInfo, "program says that it is stopping", nil})
	case key == "STATUS":
		p.output.put(line{slog.LevelInfo, "program status", []slog.Attr{slog.String("status", printable([]byte(value)))}})
	}
}

// pipe is one stream of output.
type pipe struct{ read, write *os.File }

type pipes struct{ stdout, stderr pipe }

func openPipes() (p pipes, err error) {
	if p.stdout.read, p.stdout.write, err = os.Pipe(); err != nil {
		return p, err
	}
	if p.stderr.read, p.stderr.write, err = os.Pipe(); err != nil {
		p.stdout.read.Close()
		p.stdout.write.Close()
	}
	return p, err
}

func (p pipes) closeWrite() {
	p.stdout.write.Close()
	p.stderr.write.Close()
}

func (p pipes) closeRead() {
	p.stdout.read.Close()
	p.stderr.read.Close()
}
