// Package systemd tells a service manager what goes on in a tree, as systemd's sd_notify wants it: that it is ready,
// stops or reloads, what it is waiting for, that it is alive, and that a stop makes progress. Without a NOTIFY_SOCKET
// in the environment it says nothing.
package systemd

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"tend.example/tend/supervise"
)

const (
	gap      = 50 * time.Millisecond // between two looks, when much happens
	extendBy = 15 * time.Second
	lookout  = time.Second // how often a stop is looked at
)

// Notifier speaks for one process. The zero value with a Tree is useful.
type Notifier struct {
	// Tree is what is told of. Required.
	Tree *supervise.Group

	// Log is told once when nobody takes what is said. nil: slog.Default().
	Log *slog.Logger

	setUp  sync.Once
	wake   chan struct{} // something has happened
	urgent chan struct{} // to the root

	mu        sync.Mutex
	speaks    bool            // this process is the one to speak, or has been
	over      bool            // another process speaks
	note      string          // what goes on besides the tree
	hung      map[string]bool // runs that are told to stop for their silence, by path
	ready     bool            // READY=1 has been said
	stopping  bool            // STOPPING=1 has
	reloading int
	status    string // the last one said
	failed    bool   // to say something
}

func (n *Notifier) init() {
	n.setUp.Do(func() {
		n.wake, n.urgent = make(chan struct{}, 1), make(chan struct{}, 1)
		n.hung = map[string]bool{}
	})
}

// Observe is, or is called by, the OnEvent of the tree.
func (n *Notifier) Observe(e supervise.Event) {
	n.init()
	n.mu.Lock()
	if e.State == supervise.Stopping && errors.Is(e.Err, supervise.ErrHung) {
		n.hung[e.Path] = true
	} else if e.State != supervise.Stuck {
		delete(n.hung, e.Path)
	}
	n.mu.Unlock()
	if e.Path == n.Tree.Name {
		poke(n.urgent)
	} else {
		poke(n.wake)
	}
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Note says what goes on besides the tree, until the next one. "": nothing.
func (n *Notifier) Note(text string) {
	n.init()
	n.mu.Lock()
	n.note = text
	n.mu.Unlock()
	poke(n.urgent)
}

// Reloading says that the configuration is read anew, until done is called.
func (n *Notifier) Reloading() (done func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.reloading++
	if n.reloading == 1 && n.speaks {
		n.say(daemon.SdNotifyReloading, "MONOTONIC_USEC="+monotonic(), n.newStatus("reloading"))
	}
	return sync.OnceFunc(func() {
		n.init()
		n.mu.Lock()
		defer n.mu.Unlock()
		n.reloading--
		if n.reloading == 0 && n.ready && !n.stopping {
			n.say(daemon.SdNotifyReady)
		}
		poke(n.urgent)
	})
}

// HandOver says that the main process is another one, and nothing more: that one speaks from now on.
func (n *Notifier) HandOver(pid int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.say("MAINPID=" + strconv.Itoa(pid))
	n.over = true
}

// Run speaks until ctx is done, which is to be when the tree is down. inCharge is closed when this process is the one
// to speak.
func (n *Notifier) Run(ctx context.Context, inCharge <-chan struct{}) {
	n.init()
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return
	}
	select {
	case <-inCharge:
	case <-ctx.Done():
		return
	}
	n.mu.Lock()
	n.speaks = true
	n.mu.Unlock()
	n.attend(ctx, n.watchdog())
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.stopping && !n.over {
		n.say(daemon.SdNotifyStopping)
	}
}

// attend looks at the tree when something happens, and as often as the watchdog wants it, if that is not 0.
func (n *Notifier) attend(ctx context.Context, watchdog time.Duration) {
	tree := question{status: n.Tree.Status, answers: make(chan supervise.Status, 1)} // room for one that comes too late
	plan := newAgenda(watchdog / 3)
	defer plan.timer.Stop()
	var alive bool // whether a ping is due
	drain := progress{}
	for {
		select {
		case <-n.urgent:
			plan.settleWithin(0)
		case <-n.wake:
			plan.settleWithin(gap)
		case now := <-plan.timer.C:
			settle, ping, look := plan.due(now)
			alive = alive || ping
			drain.due = drain.due || look && drain.watched
			if settle || ping || look && drain.watched {
				tree.ask()
			}
		case s := <-tree.answers:
			n.report(s, alive, &drain)
			alive = false
			tree.answered()
		case <-ctx.Done():
			return
		}
	}
}

// watchdog is how often systemd wants a sign of life. It watches the main process, which this one is.
func (n *Notifier) watchdog() time.Duration {
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		n.log().Warn("systemd's watchdog is not served", slog.Any("err", err))
	}
	return every
}

// report says what is new.
func (n *Notifier) report(s supervise.Status, ping bool, drain *progress) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var lines []string
	stops := s.State != supervise.Running && s.State != supervise.Starting && s.State != supervise.Idle
	switch {
	case stops && !n.stopping:
		n.stopping = true
		lines = append(lines, daemon.SdNotifyStopping)
	case s.State == supervise.Running && !n.ready && n.reloading == 0:
		n.ready = true
		lines = append(lines, daemon.SdNotifyReady)
	}
	if text := describe(s); n.reloading == 0 && s.State != supervise.Idle {
		if n.note != "" {
			text += "; " + n.note
		}
		if line := n.newStatus(text); line != "" {
			lines = append(lines, line)
		}
	}
	if drain.made(s, stops) {
		lines = append(lines, "EXTEND_TIMEOUT_USEC="+strconv.FormatInt(extendBy.Microseconds(), 10))
	}
	if ping && len(n.hung) == 0 {
		lines = append(lines, daemon.SdNotifyWatchdog)
	}
	n.say(lines...)
}

// newStatus is the line for a status, or "" if that has been said.
func (n *Notifier) newStatus(text string) string {
	text = oneLine(text)
	if text == n.status {
		return ""
	}
	n.status = text
	return "STATUS=" + text
}

// say sends lines. The caller holds mu.
func (n *Notifier) say(lines ...string) {
	text := strings.Trim(strings.Join(lines, "\n"), "\n")
	if n.over || text == "" {
		return
	}
	_, err := daemon.SdNotify(false, text)
	if err != nil && !n.failed {
		n.log().Warn("systemd does not listen", slog.Any("err", err))
	}
	n.failed = err != nil
}

func (n *Notifier) log() *slog.Logger {
	if n.Log == nil {
		return slog.Default()
	}
	return n.Log
}
