package services

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// socket is a listening socket that outlives the runs that accept from it. Each run does so through
// a door of its own; when that is closed the socket stays open, and clients wait in its queue.
type socket struct {
	mu       sync.Mutex
	listener net.Listener
	unix     string      // the path of a unix socket of ours
	linked   bool        // that is ours to remove
	lent     bool        // somebody gave it to us, and may go on with it
	timer    *time.Timer // closes the socket when no run comes; nil: none is due
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
		s.listener, s.lent = h.Listener, true
		_ = unbar(s.listener) // somebody may have died while it was barred
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
// which refuses them, but leaves who has come in the queue.
func (s *socket) bar() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unlink()
	return s.listener != nil && bar(s.listener) == nil
}

// waiting is how many connections are in the queue of the socket, where the system tells.
func (s *socket) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return 0
	}
	return waiting(s.listener)
}

// hold keeps the socket open for a time, or closes it at once.
func (s *socket) hold(d time.Duration) {
	if d < 0 {
		_ = s.close() // there is nothing to be done about it
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return
	}
	s.stopTimer()
	var timer *time.Timer
	timer = time.AfterFunc(d, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.timer == timer { // no run has come
			_ = s.shut()
		}
	})
	s.timer = timer
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
	s.unlink() // first, so that nobody finds one that is closed
	if s.lent {
		_ = unbar(s.listener) // as late as can be: who comes after this line and before the next is reset
	}
	err := s.listener.Close()
	s.listener, s.unix, s.lent = nil, "", false
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
