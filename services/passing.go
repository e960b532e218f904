package services

import (
	"context"
	"errors"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Passing is the way of all sockets to another process, which has them from its start on: see [Sockets.Pass].
type Passing struct {
	// Env tells the other process of the sockets: LISTEN_FDS and LISTEN_FDNAMES, as from systemd, and LISTEN_FDADDRS,
	// which has what each was opened for. There is no LISTEN_PID, as nobody knows it before.
	Env []string

	// Files are descriptors that the other process has to get as 3, 4 and so on, as by syscall.ProcAttr.Files after
	// those for 0, 1 and 2. os/exec would make the sockets blocking, for this process, too.
	Files []uintptr

	sockets *Sockets
	names   []string // of Files
	over    chan struct{}
}

var errPassing = errors.New("the sockets are being passed on already")

// Pass makes what a process needs that is to go on at the sockets of this one: start it with what Passing has, then
// call HandOver once it is ready, and Close in any case. Until then no service bars the door of its socket, or takes
// away the name of a unix socket, since both would hold for the other process. What was given as HTTP.Listener is not passed on.
//
// It is an error while another Passing is under way, and where sockets cannot be passed on.
func (s *Sockets) Pass() (*Passing, error) {
	p := &Passing{sockets: s, over: make(chan struct{})}
	s.mu.Lock()
	if s.passing != nil {
		s.mu.Unlock()
		return nil, errPassing
	}
	s.passing = p
	s.mu.Unlock()
	if err := p.collect(); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

func (p *Passing) collect() error {
	var names, addrs []string
	add := func(name, addr string, l net.Listener) error {
		fd, err := duplicate(l)
		if err != nil {
			return err
		}
		p.Files = append(p.Files, fd)
		p.names = append(p.names, name)
		names, addrs = append(names, escapeName(name)), append(addrs, escapeName(addr))
		return nil
	}
	open := p.sockets.opened()
	for _, path := range slices.Sorted(maps.Keys(open)) {
		err := open[path].socket.lend(func(addr string, l net.Listener) error { return add(path, addr, l) })
		if err != nil {
			return err
		}
	}
	p.sockets.mu.Lock()
	defer p.sockets.mu.Unlock()
	for _, g := range p.sockets.given {
		if err := add(g.name, g.addr, g.listener); err != nil {
			return err
		}
	}
	p.Env = []string{
		"LISTEN_FDS=" + strconv.Itoa(len(p.Files)),
		"LISTEN_FDNAMES=" + strings.Join(names, ":"),
		"LISTEN_FDADDRS=" + strings.Join(addrs, ":"),
	}
	return nil
}

// HandOver leaves the sockets of these names to the other process: their services accept no more and close their own
// descriptor, and nothing else; they stay Running, and answer what is in flight. Every answer says `Connection: close`. It
// returns when no client is left, or ctx is done. A connection that is idle then has HTTP.KeepIdle before it is closed.
func (p *Passing) HandOver(ctx context.Context, names ...string) {
	var leaving []*HTTP
	for path, h := range p.sockets.opened() {
		if slices.Contains(names, path) && slices.Contains(p.names, path) {
			h.socket.handOver()
			leaving = append(leaving, h)
		}
	}
	p.Close()
	for _, h := range leaving {
		for ctx.Err() == nil && h.counts.conns.Load() > 0 {
			pause(ctx, look)
		}
	}
	for _, h := range leaving {
		h.leftover.hurry()
	}
}

// Close ends the passing. What was not handed over is this process's alone again, so the other one must be gone by now, or have closed
// it. It may be called twice.
func (p *Passing) Close() {
	for _, fd := range p.Files {
		closeFD(fd)
	}
	p.Files = nil
	p.sockets.mu.Lock()
	defer p.sockets.mu.Unlock()
	if p.sockets.passing == p {
		p.sockets.passing = nil
		close(p.over)
	}
}

// longestPassing is how long a service that stops waits for the end of a passing: at the end of a process it is
// given up at once.
const longestPassing = time.Second

// awaitPassed returns when no passing is under way, or it has waited for long enough.
func (s *Sockets) awaitPassed(ctx context.Context) {
	if s == nil {
		return
	}
	s.mu.Lock()
	p := s.passing
	s.mu.Unlock()
	if p == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, longestPassing)
	defer cancel()
	select {
	case <-p.over:
	case <-ctx.Done():
	}
}
