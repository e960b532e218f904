package services

import (
	"context"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"

	"tend.example/tend/supervise"
)

// Sockets are listening sockets that outlive a process: those it was started with, by systemd (socket activation)
// or by the process before it, and those that its HTTP services have opened, which can go on to the next process.
// [InheritSockets] makes one, [WithSockets] lets the services of a tree use it. Package services/handover does
// all of an upgrade with it.
//
// A socket has a name, the path of its service: an [HTTP] takes the one of its path, the root's name may be left out
// ("shop/web", or "web"), and opens its Addr when there is none. One that systemd gave takes the place of
// whatever Addr says. One of the process before is taken only by an HTTP of the same Addr, which may go by another name now,
// unless its port is 0; so a changed Addr is opened, and the process before closes the old one.
//
// One that systemd gave is systemd's: nobody is turned away when the service stops, since who comes then is for the
// next process that systemd starts. A service that is stopped and started again by an operator gets it back.
type Sockets struct {
	// Turn, if set, holds back what the process before may still be at. An HTTP calls it when it is ready, alone being false, and
	// accepts once it has returned nil. [AwaitTurn] calls it with alone being true, for what must not be done by two
	// processes at a time. It returns an error only when ctx is done, which is that of the run. nil: everything
	// begins at once.
	Turn func(ctx context.Context, alone bool) error

	mu      sync.Mutex
	given   []given          // that no service has
	taken   []string         // names that the process before has given to what is taken
	open    map[string]*HTTP // by the path of the service
	passing *Passing         // under way; nil: none
}

// given is a socket that this process was started with.
type given struct {
	name     string
	addr     string // what it was opened for; "": whoever gave it has it for good, and decides where it is
	listener net.Listener
}

// WithSockets returns a ctx in which s is known: for the Serve of a tree, or of a single HTTP.
func WithSockets(ctx context.Context, s *Sockets) context.Context {
	return context.WithValue(ctx, socketsKey{}, s)
}

type socketsKey struct{}

func socketsOf(ctx context.Context) *Sockets {
	s, _ := ctx.Value(socketsKey{}).(*Sockets)
	return s
}

// AwaitTurn waits for the Turn of the Sockets in ctx, if there is any: it returns when what this service does is done by
// no other process, or with the error of ctx. The run counts as ready meanwhile, since somebody else does its work.
// [Job], [Jobs] and [Command] begin with it. ctx is that of the run.
func AwaitTurn(ctx context.Context) error {
	s := socketsOf(ctx)
	if s == nil || s.Turn == nil {
		return nil
	}
	supervise.Ready(ctx)
	return s.Turn(ctx, true)
}

// take is the socket for a service, if one was given.
func (s *Sockets) take(path, addr string) (given, bool) {
	if s == nil {
		return given{}, false
	}
	_, below, _ := strings.Cut(path, "/")
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, fits := range []func(given) bool{
		func(g given) bool { return g.name == path && (g.addr == "" || g.addr == addr) },
		func(g given) bool { return g.name == below && (g.addr == "" || g.addr == addr) },
		func(g given) bool { return g.addr == addr && addr != "" && !strings.HasSuffix(addr, ":0") },
	} {
		if i := slices.IndexFunc(s.given, fits); i >= 0 {
			g := s.given[i]
			s.given = slices.Delete(s.given, i, i+1)
			s.taken = append(s.taken, g.name)
			return g, true
		}
	}
	return given{}, false
}

// giveBack keeps a socket of systemd's for the next run of the service.
func (s *Sockets) giveBack(g given) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.given = append(s.given, g)
}

func (s *Sockets) register(path string, h *HTTP) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		s.open = map[string]*HTTP{}
	}
	s.open[path] = h
}

func (s *Sockets) unregister(path string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, path)
}

func (s *Sockets) isPassing() bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.passing != nil
}

// Given is the names of the sockets that this process was started with and no service has taken.
func (s *Sockets) Given() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := make([]string, len(s.given))
	for i, g := range s.given {
		names[i] = g.name
	}
	return names
}

// Addr is where a socket listens that this process was started with, by its name, and no service has taken. nil: there is none.
func (s *Sockets) Addr(name string) net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.given {
		if g.name == name {
			return g.listener.Addr()
		}
	}
	return nil
}

// Settle is for when the tree is ready. It closes the sockets of the process before that no service has taken, whose names are
// spare, so that process can stop serving there as if it had them alone. What systemd gave is kept for a service that
// may come later. taken is the names of those that the process before may let go: see [Passing.HandOver].
func (s *Sockets) Settle() (taken, spare []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.given = slices.DeleteFunc(s.given, func(g given) bool {
		if g.addr == "" {
			return false
		}
		spare = append(spare, g.name)
		_ = g.listener.Close() // it is somebody else's, too
		return true
	})
	return slices.Clone(s.taken), spare
}

// Close closes the sockets that this process was started with and no service has. Those of services are theirs.
func (s *Sockets) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.given {
		_ = g.listener.Close() // nobody has used it
	}
	s.given = nil
}

// opened is the services that have a socket, by path.
func (s *Sockets) opened() map[string]*HTTP {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.open)
}

// escapeName makes a name fit for a list with colons between, and for systemd's idea of one.
func escapeName(name string) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		if c <= ' ' || c >= 0x7f || c == ':' || c == '%' {
			const hex = "0123456789ABCDEF"
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// unescapeName takes a name that is not escaped as it is.
func unescapeName(name string) string {
	if plain, err := url.PathUnescape(name); err == nil {
		return plain
	}
	return name
}
