package services

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"time"

	"tend.example/tend/supervise"
)

// socket is a listening socket that outlives the runs that accept from it. Each run does so through
// a door of its own; when that is closed the socket stays open, and clients wait in its queue.
type socket struct {
	passage  sync.Mutex // held by a run that comes, and by whoever closes the socket because none has
	mu       sync.Mutex
	listener net.Listener
	unix     string      // the path of a unix socket of ours
	linked   bool        // that is ours to remove
	lent     bool        // somebody gave it to us, and may go on with it
	timer    *time.Timer // closes the socket when no run comes; nil: none is due

	sockets *Sockets      // where it is known; nil: nowhere
	path    string        // by which it is known there
	asked   string        // the address that it was opened for
	outside bool          // whoever gave it has it for good: it is not to be barred, and is given back
	theirs  bool          // the process before still has it: it is not our turn
	handed  bool          // another process goes on with it: this one only lets go of it
	left    chan struct{} // closed when handed
}

// deadliner can make an Accept return without closing the listener.
type deadliner interface{ SetDeadline(t time.Time) error }

// open makes a door for a run, to the socket that is held or to a new one.
func (s *socket) open(ctx context.Context, h *HTTP) (*door, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopTimer()
	if s.listener == nil {
		if err := s.listen(ctx, h); err != nil {
			return nil, err
		}
	}
	if d, ok := s.listener.(deadliner); ok {
		if err := d.SetDeadline(time.Time{}); err != nil {
			return nil, &ListenError{Addr: h.String(), Err: err}
		}
	}
	return newDoor(s.listener, h), nil
}

// listen gets the socket. The caller holds mu.
func (s *socket) listen(ctx context.Context, h *HTTP) error {
	if h.Listener != nil {
		if reflect.TypeOf(h.Listener) == tlsListener {
			return errors.New("a Listener of TLS: give the one below it, and its configuration as TLS")
		}
		s.listener, s.lent = h.Listener, true
		_ = unbar(s.listener) // somebody may have died while it was barred
		return nil
	}
	s.sockets, s.path = socketsOf(ctx), cmp.Or(supervise.Path(ctx), h.Addr)
	s.asked = cmp.Or(h.Addr, h.defaultAddr())
	if err := s.acquire(ctx, h); err != nil {
		s.listener = nil
		return err
	}
	if s.left == nil {
		s.left = make(chan struct{})
	}
	s.sockets.register(s.path, h)
	return nil
}

// tlsListener is the type of a listener whose connections net/http knows by their type, which they have no more
// when they are ours.
var tlsListener = reflect.TypeOf(tls.NewListener(nil, nil)) //nolint:gochecknoglobals // it never changes

// acquire takes the socket that was given for the service, or opens one.
func (s *socket) acquire(ctx context.Context, h *HTTP) error {
	if g, ok := s.sockets.take(s.path, s.asked); ok {
		s.listener, s.outside, s.theirs = g.listener, g.addr == "", g.addr != ""
		if path, ok := strings.CutPrefix(g.addr, "unix:"); ok {
			s.unix = path // to be removed only once it is ours
		}
		return nil
	}
	var err error
	if path, ok := strings.CutPrefix(h.Addr, "unix:"); ok {
		s.listener, err = listenUnix(ctx, path)
		s.unix, s.linked = path, err == nil
	} else {
		var config net.ListenConfig
		config.SetMultipathTCP(false) // a socket of MPTCP takes no filter, so its door could not be barred
		s.listener, err = config.Listen(ctx, "tcp", cmp.Or(h.Addr, h.defaultAddr()))
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil: // told to stop during a look-up of the host
		s.listener = nil
		return ctx.Err()
	default:
		s.listener = nil
		return &ListenError{Addr: h.Addr, Err: err}
	}
}

func (h *HTTP) defaultAddr() string {
	if h.speaksTLS() {
		return ":https"
	}
	return ":http"
}

// listenUnix binds under another name and moves that into place once the mode is right, so that nobody gets in
// before. A stale socket is replaced, one that is answered is not.
func listenUnix(ctx context.Context, path string) (net.Listener, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		_ = conn.Close()
		return nil, fmt.Errorf("somebody answers there: %w", syscall.EADDRINUSE)
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
	default:
		return nil, err
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() != fs.ModeSocket {
		return nil, fmt.Errorf("there is something else than a socket: %w", syscall.EADDRINUSE)
	}
	fresh := fmt.Sprintf("%s.%d", path, os.Getpid())
	if info, err := os.Lstat(fresh); err == nil && info.Mode().Type() == fs.ModeSocket {
		_ = os.Remove(fresh) // of a process with our number that died right here, as they all have in a container
	}
	config := net.ListenConfig{Control: private}
	listener, err := config.Listen(ctx, "unix", fresh)
	if err != nil {
		return nil, err
	}
	listener.(*net.UnixListener).SetUnlinkOnClose(false) // by then it has the other name
	if err = os.Chmod(fresh, 0o600); err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		_ = listener.Close()
		_ = os.Remove(fresh)
		return nil, err
	}
	return listener, nil
}

func (s *socket) addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.listener == nil:
		return nil
	case s.unix != "":
		return &net.UnixAddr{Name: s.unix, Net: "unix"}
	default:
		return s.listener.Addr()
	}
}

// bar makes the kernel ignore newcomers, and tells whether it does. The name of a unix socket is taken away,
// which refuses them, but leaves who has come in the queue. A socket that another process accepts from, or may, is
// left as it is.
func (s *socket) bar() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isShared() {
		return false
	}
	s.unlink()
	return s.listener != nil && bar(s.listener) == nil
}

// isShared tells whether another process has the socket. The caller holds mu.
func (s *socket) isShared() bool { return s.isOthers() || s.sockets.isPassing() }

// isOthers tells whether who is in the queue is accepted by another process, should this one close the socket. The caller holds mu.
func (s *socket) isOthers() bool { return s.outside || s.theirs || s.handed }

// waiting is how many connections are in the queue of the socket, where the system tells. Those that are for another process
// do not count.
func (s *socket) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil || s.isOthers() {
		return 0
	}
	return waiting(s.listener)
}

// goesOn is isOthers, for who does not hold mu.
func (s *socket) goesOn() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.isOthers()
}

// awaitTurn waits for the process before to let the socket go, which is ours then.
func (s *socket) awaitTurn(ctx context.Context) error {
	if s.sockets == nil {
		return nil
	}
	if turn := s.sockets.Turn; turn != nil {
		if err := turn(ctx, false); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.theirs && s.listener != nil {
		s.theirs, s.linked = false, s.unix != ""
		_ = unbar(s.listener) // the process before may have died while it was barred
	}
	return nil
}

// lend calls f with the socket and what it was opened for, "" for one that somebody else decides about, unless it is closed.
func (s *socket) lend(f func(addr string, l net.Listener) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.listener == nil:
		return nil
	case s.outside:
		return f("", s.listener)
	default:
		return f(s.asked, s.listener)
	}
}

// handOver leaves the socket to another process. The run that accepts from it is told by left, and closes it.
func (s *socket) handOver() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.handed {
		s.handed, s.linked = true, false
		close(s.left)
	}
}

// handedOver is closed when another process goes on with the socket; nil: that does not happen.
func (s *socket) handedOver() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.left
}

// hold keeps the socket open for a time. If no run comes in it, end is called, and none can come meanwhile.
func (s *socket) hold(d time.Duration, end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return
	}
	s.stopTimer()
	var timer *time.Timer
	isDue := func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.timer == timer
	}
	timer = time.AfterFunc(d, func() {
		s.passage.Lock()
		defer s.passage.Unlock()
		if isDue() {
			end()
		}
	})
	s.timer = timer
}

func (s *socket) isOpen() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.listener != nil
}

func (s *socket) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shut()
}

// shut closes the socket. The caller holds mu.
func (s *socket) shut() error {
	s.stopTimer()
	if s.listener == nil {
		return nil
	}
	s.sockets.unregister(s.path)
	if s.outside && !s.handed {
		s.sockets.giveBack(given{name: s.path, listener: s.listener})
		s.listener, s.outside = nil, false
		return nil
	}
	if !s.sockets.isPassing() {
		s.unlink() // first, so that nobody finds one that is closed
	}
	if s.lent {
		_ = unbar(s.listener) // as late as can be: who comes after this line and before the next is reset
	}
	err := s.listener.Close()
	s.listener, s.unix, s.lent, s.linked, s.outside, s.theirs = nil, "", false, false, false, false
	if errors.Is(err, net.ErrClosed) {
		return nil // by who gave it to us
	}
	return err
}

func (s *socket) unlink() {
	if s.linked {
		_ = os.Remove(s.unix) // somebody else may have, and that is all the same
		s.linked = false
	}
}

func (s *socket) stopTimer() {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
}
