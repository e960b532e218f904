// Package handover replaces a program by a newer one that goes on at the same sockets, so that no request is lost and no
// client refused.
//
// [Process.Upgrade] starts the program anew, from the file that now has its name, with the listening sockets of all
// services.HTTP (LISTEN_FDS, as systemd gives them). The new process builds its tree, and says that it is ready when
// that is; it has accepted nothing so far, and its jobs and commands wait. Then it is let go, and begins to accept;
// this one accepts no more, answers what it has, and stops. As each job and command of this process has stopped, the
// one of the same path begins in the new one.
//
//	old   Upgrade: starts it          "go"       "main"    lets go of the sockets     stops, in order           ends
//	new             its tree gets ready: "ready"  accepts: "serving"                    jobs and commands begin
//
// When the new process ends, or is not ready in time, it is killed, and this one goes on as if nothing had happened:
// nobody has ever talked to the new one. The same is true when this one is told to stop meanwhile, and then it stops.
// A new one in charge that is told to stop tells the old one to make haste, and ends after it. When this one is
// killed before the new one is in charge, that ends, too: whoever looks after the program knows nothing of it.
//
// A program does four things: [Begin], first of all; a ctx of [Process.Context] for its tree; [Process.Observe] for the tree's events;
// [Process.Close] at its end. Somebody then calls Upgrade: a handler of SIGUSR2, as a rule.
//
// On Linux, where there is a NOTIFY_SOCKET, the new process is a child of the service manager and not of this one:
// systemd kills a main process that is no child of its own at a stop, without a wait.
//
// What it does not do: keep the number of the process. Whoever looks after it by that number has to be told the new one (MainPID),
// or must not mind. As process 1 of a container it refuses to be replaced, since all would end with it. There is no
// upgrade on Windows.
package handover

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

const (
	defaultReadyTimeout = 30 * time.Second
	confirmTimeout      = 5 * time.Second // for the new one to begin to accept, once it was ready

	// lingerFor is how long clients have to come back once on connections that they keep, before these are closed. Those that
	// come are told, and go on at the new process.
	lingerFor = 5 * time.Second
)

// ErrUnderWay says that an upgrade is under way: this process starts another, or has been replaced, or the one before
// has not ended yet.
var ErrUnderWay = errors.New("an upgrade is under way")

// ErrStopping says that there is no upgrade, or no more of it, as this process has been told to stop.
var ErrStopping = errors.New("the process stops")

// ErrHandedOver is, wrapped, the cause of the end of [Process.Context] after an upgrade.
var ErrHandedOver = errors.New("handed over")

// ErrOrphaned is the cause of its end in a new process whose predecessor has ended before it was in charge.
var ErrOrphaned = errors.New("the process before has ended without handing over")

// Process is this one, in the line of those that replace each other. [Begin] makes it; set the fields before the tree
// is served.
type Process struct {
	// Tree is what is served. The new process is told what of it still runs. Required.
	Tree *supervise.Group

	// Sockets are those that go from process to process.
	Sockets *services.Sockets

	// ReadyTimeout bounds how long a new process may take to be ready. 0: 30s.
	ReadyTimeout time.Duration

	// MainPID is called with the number of the new process when that has begun to accept, and before it is told that it is in
	// charge: for who has to be told of it, such as systemd. nil: nobody.
	MainPID func(pid int)

	// Log is told of upgrades, and of sockets that nobody wants. nil: slog.Default().
	Log *slog.Logger

	program program
	before  *before // nil: there is none
	charge  chan struct{}
	told    sync.Once // that this process is ready

	mu     sync.Mutex
	ended  bool               // no upgrade may begin any more
	asked  func() bool        // whether this process has been told to stop, which is so a little before ended is
	busy   bool               // one is under way, or has been made
	abort  context.CancelFunc // of the one under way
	cancel context.CancelCauseFunc
	heir   *link          // to the process that has replaced this one
	work   sync.WaitGroup // upgrades, and what they leave to be done
	heeds  sync.WaitGroup // who listens to heir
}

// Begin takes over what this process was started with: by systemd, by the process before it, or nothing. It has to come
// before any program is started from here.
func Begin() (*Process, error) {
	p := &Process{charge: make(chan struct{})}
	var err error
	if p.program, err = thisProgram(); err != nil {
		return nil, err
	}
	l, err := inheritLink()
	if err != nil {
		return nil, err
	}
	if p.Sockets, err = services.InheritSockets(); err != nil {
		if l != nil {
			l.close()
		}
		return nil, fmt.Errorf("take over the sockets: %w", err)
	}
	if l == nil {
		close(p.charge)
		return p, nil
	}
	p.before = newBefore(l, p.charge)
	p.Sockets.Turn = p.before.turn
	return p, nil
}

// Context is for the tree's Serve: its services find the Sockets in it. It is done when ctx is, or when another process has taken over.
func (p *Process) Context(ctx context.Context) context.Context {
	outer := ctx
	ctx, p.cancel = context.WithCancelCause(services.WithSockets(ctx, p.Sockets))
	p.asked = func() bool { return outer.Err() != nil || ctx.Err() != nil }
	context.AfterFunc(ctx, p.end)
	if p.before != nil {
		context.AfterFunc(ctx, p.before.hurry)
		p.work.Go(func() { p.before.listen(func() { p.cancel(ErrOrphaned) }) })
	}
	return ctx
}

// InCharge is closed when this process is the one that serves: at once, or when the process before has handed over.
func (p *Process) InCharge() <-chan struct{} { return p.charge }

// Observe is, or is called by, the OnEvent of the tree.
func (p *Process) Observe(e supervise.Event) {
	switch {
	case e.State == supervise.Running && e.Path == p.Tree.Name:
		p.told.Do(p.ready)
	case isAtRest(e.State):
		p.mu.Lock()
		heir := p.heir
		p.mu.Unlock()
		if heir != nil {
			heir.tell("rest", e.Path)
		}
	}
}

// ready tells of sockets that nobody wants, and the process before which of its own are taken over.
func (p *Process) ready() {
	taken, spare := p.Sockets.Settle()
	for _, name := range spare {
		p.log().Info("socket of the process before is not taken over", slog.String("service", name))
	}
	for _, name := range p.Sockets.Given() {
		p.log().Warn("no service takes this socket", slog.String("name", name))
	}
	if p.before != nil {
		p.before.link.tell("ready", taken...)
	}
}

// end makes an upgrade that is under way fail, unless the new process is in charge already.
func (p *Process) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	if p.abort != nil {
		p.abort()
	}
}

// Close is for the end, when the tree is down: it waits for what an upgrade has left to be done, and closes the sockets that
// no service had. In a process that was told to stop it also waits for the end of the process before, which still answers
// what it has: who looks after the program may kill what is left of it when this one ends.
func (p *Process) Close() {
	p.end()
	if p.before != nil {
		if p.asked != nil && p.asked() {
			p.before.outlast()
		}
		p.before.link.close()
	}
	if p.cancel != nil {
		p.cancel(nil)
	}
	p.work.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.heir != nil {
		p.heir.close()
		p.heeds.Wait()
	}
	p.Sockets.Close()
}

func (p *Process) log() *slog.Logger {
	if p.Log == nil {
		return slog.Default()
	}
	return p.Log
}

func (p *Process) readyTimeout() time.Duration { return cmp.Or(p.ReadyTimeout, defaultReadyTimeout) }

func isAtRest(s supervise.State) bool {
	return s == supervise.Done || s == supervise.Failed || s == supervise.Stopped
}

// running is the paths of what is not at rest. For the members of a pool it has the pool's.
func running(s supervise.Status) (paths []string) {
	switch {
	case s.State == supervise.Idle || isAtRest(s.State):
		return nil
	case len(s.Children) == 0 || s.Counts != nil:
		return []string{s.Path}
	}
	for _, child := range s.Children {
		paths = slices.Concat(paths, running(child))
	}
	return paths
}

func escape(words []string) string {
	escaped := make([]string, len(words))
	for i, word := range words {
		escaped[i] = url.PathEscape(word)
	}
	return strings.Join(escaped, " ")
}
