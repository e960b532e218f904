package handover

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"time"

	"tend.example/tend/services"
)

// Upgrade replaces this process by one of the program's file as it is now, with the same arguments and environment.
// It returns nil when the new process is in charge; Context ends then, a little later, and with it the tree.
//
// Otherwise the new process has been killed, and this one goes on as before. The error says why: [ErrUnderWay]; that of ctx;
// [ErrStopping], whatever else there may be; what became of the new one. It is logged, too.
func (p *Process) Upgrade(ctx context.Context) error {
	ctx, err := p.open(ctx)
	if err != nil {
		p.log().Warn("upgrade refused", slog.Any("err", err))
		return fmt.Errorf("upgrade: %w", err)
	}
	defer p.work.Done()
	p.log().Info("upgrade begins", slog.String("program", p.program.path))
	pid, err := p.replace(ctx)
	if err != nil {
		if !p.shut() {
			p.log().Error("upgrade failed; this process goes on", slog.Any("err", err))
			return fmt.Errorf("upgrade: %w", err)
		}
		p.log().Info("upgrade given up, as this process stops", slog.Any("err", err))
		if errors.Is(err, ErrStopping) {
			return fmt.Errorf("upgrade: %w", err)
		}
		return fmt.Errorf("upgrade: %w: %w", ErrStopping, err)
	}
	p.log().Info("handed over", slog.Int("pid", pid))
	return nil
}

// open begins an upgrade, if there may be one. The ctx it returns is also done when this process is told to stop.
func (p *Process) open(ctx context.Context) (context.Context, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.cancel == nil:
		return nil, errors.New("the process does not serve yet")
	case p.busy, p.before != nil && !p.before.isGone():
		return nil, ErrUnderWay
	case p.ended:
		return nil, ErrStopping
	}
	if err := replaceable(); err != nil {
		return nil, err
	}
	p.busy = true
	p.work.Add(1)
	ctx, abort := context.WithCancelCause(ctx)
	p.abort = func() { abort(ErrStopping) }
	return ctx, nil
}

// replaceable tells why this process cannot be: those around it would take its end for the end of all.
func replaceable() error {
	pid := os.Getpid()
	switch {
	case pid == 1:
		return errors.New("this is process 1, with which all others end: replace the container")
	case os.Getenv("SYSTEMD_EXEC_PID") == strconv.Itoa(pid) && os.Getenv("NOTIFY_SOCKET") == "":
		return errors.New("systemd cannot be told of the new process: the unit needs Type=notify")
	default:
		return nil
	}
}

// shut ends an upgrade that has come to nothing, and tells whether this process stops. That ends the upgrade's ctx and calls end at the
// same time, so whoever has to do with the one may not wait for the other.
func (p *Process) shut() (stops bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.abort() // which nobody waits for any more
	p.busy, p.abort = false, nil
	return p.ended || p.asked()
}

// replace starts the new process and puts it in charge.
func (p *Process) replace(ctx context.Context) (pid int, err error) {
	passing, err := p.Sockets.Pass()
	if err != nil {
		return 0, err
	}
	next, err := p.program.start(passing)
	if err != nil {
		passing.Close()
		return 0, err
	}
	p.log().Info("new process starts", slog.Int("pid", next.pid))
	taken, err := p.install(ctx, next)
	if err != nil {
		fate := next.kill(errors.Is(err, errEnded)) // before the sockets are this process's alone again
		passing.Close()
		if fate != nil {
			return 0, fmt.Errorf("process %d: %w: %w", next.pid, err, fate)
		}
		return 0, fmt.Errorf("process %d: %w", next.pid, err)
	}
	p.succeed(next)
	next.release()
	p.work.Go(func() { p.retire(passing, taken, next.pid) })
	return next.pid, nil
}

// install waits until the new process is ready, and has it accept. taken is the sockets that it goes on with.
func (p *Process) install(ctx context.Context, next *heir) (taken []string, err error) {
	ready, cancel := context.WithTimeoutCause(ctx, p.readyTimeout(), fmt.Errorf("not ready within %s", p.readyTimeout()))
	defer cancel()
	forget := context.AfterFunc(ready, func() { _ = next.link.conn.SetReadDeadline(time.Unix(1, 0)) }) // it ends hear
	taken, err = next.link.expect("ready")
	if !forget() { // from here on nothing but the new process itself can change what happens
		return nil, context.Cause(ready)
	}
	if err != nil {
		return nil, fmt.Errorf("not ready: %w", err)
	}
	next.link.tell("go") // if it has ended, that is heard at once
	if err := next.link.conn.SetReadDeadline(time.Now().Add(confirmTimeout)); err != nil {
		return nil, err
	}
	if _, err := next.link.expect("serving"); err != nil {
		return nil, fmt.Errorf("ready, but does not serve: %w", err)
	}
	return taken, nil
}

// succeed puts the new process in charge.
func (p *Process) succeed(next *heir) {
	if p.MainPID != nil {
		p.MainPID(next.pid)
	}
	p.mu.Lock()
	p.heir = next.link // first, so that nothing comes to rest unseen
	p.mu.Unlock()
	for _, path := range running(p.Tree.Status()) {
		next.link.tell("runs", path)
	}
	next.link.tell("main")
}

// heed waits until the new process is told to stop, and calls hurry then. It ends with the line to it.
func (p *Process) heed(next *link, hurry func()) {
	if _, err := next.expect("stop"); err == nil {
		p.log().Info("the new process stops, so this one is in a hurry")
		hurry()
	}
}

// retire lets go of the sockets, and then ends the tree, which has still been as it was: so whoever asks it on a
// connection from before is told that all is well, as it is.
func (p *Process) retire(passing *services.Passing, taken []string, pid int) {
	ctx, cancel := context.WithTimeout(context.Background(), lingerFor)
	defer cancel()
	p.mu.Lock()
	p.abort = cancel // told to stop, it does so at once
	if p.ended {
		cancel()
	}
	heir := p.heir
	p.mu.Unlock()
	p.heeds.Go(func() { p.heed(heir, cancel) })
	passing.HandOver(ctx, taken...)
	p.cancel(fmt.Errorf("%w to process %d", ErrHandedOver, pid))
}
