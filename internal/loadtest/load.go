// Package loadtest puts an HTTP server under load and tells what became of every single request, so
// that a test can stop, restart or replace the server in the middle and know what that has cost.
//
// Its clients never send a request twice. http.Client does, silently, when a connection breaks
// under a GET, and so a server that loses requests looks well to it. Those for HTTP/1 therefore
// work on the bare connection, and those for HTTP/2 on a single http.ClientConn.
//
// What is sent is what [Handler] answers. With Backends in a [Load] the clients go by readiness, as
// behind a balancer.
package loadtest

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

const (
	defaultClients = 64
	defaultHold    = 300 * time.Millisecond
	defaultTimeout = 10 * time.Second
	defaultFor     = time.Minute
	defaultPoll    = 100 * time.Millisecond
)

// Load is a number of clients that send one request after another, each of one kind. It is a value:
// nothing of a run is kept in it, so it may be run again, and several times at once.
type Load struct {
	// Addr is the server: "host:port" of this machine, or "unix:" and a path. Run panics for any
	// other machine, unless Dial is set: a load that got away would be an attack.
	Addr string

	// Backends, if there are any, stand in for Addr: see [Backend].
	Backends []Backend

	// Poll is the time between two looks at the readiness of each backend. 0: 100ms.
	Poll time.Duration

	// Dial, if set, makes the connections to Addr and the backends, without TLS. An error that is
	// syscall.ECONNREFUSED means that nobody listens.
	Dial func(ctx context.Context, addr string) (net.Conn, error)

	// Kinds are what is sent, and how, all at once. nil: KeepAlive alone.
	Kinds []Kind

	// Clients is how many there are of each kind. Each has one request under way at a time. 0: 64.
	Clients int

	// TLS makes them speak it. Without a ServerName that of the address is used. nil: plain text,
	// which for the kinds of HTTP/2 means h2c with prior knowledge.
	TLS *tls.Config

	// Hold is how long the server is asked to take over an answer of the long kinds: Long, Stream,
	// SSE, WebSocket. 0: 300ms.
	Hold time.Duration

	// Pause is how long a client waits between two requests, give or take half of it at random.
	// Meanwhile it watches its connection, as any client does that has the time, and opens another
	// when the server has closed it, which costs no request. 0: not at all; it then writes its next
	// request without a look, which no server that closes idle connections at once survives.
	Pause time.Duration

	// Timeout bounds a request, besides Hold. What is not answered by then is lost. 0: 10s.
	Timeout time.Duration

	// For bounds a run, should its ctx live longer. 0: 1m.
	For time.Duration

	// Requests bounds how many requests are sent of each kind, not counting those that could not be
	// because nobody listened. 0: no bound.
	Requests int

	// Progress, if set, is told of every request that was answered well. Several loads may share one.
	Progress *Progress
}

// Run sends requests until ctx is done or one of the bounds of l is reached, then finishes those
// under way and returns what became of all of them. None of its clients runs any longer then.
//
// It does not start or stop the server. A test that stops it and wants to see the end of every
// request lets Run go on until the server has returned.
func (l Load) Run(ctx context.Context) Result {
	l.applyDefaults()
	ctx, cancel := context.WithTimeout(ctx, l.For)
	defer cancel()
	began := time.Now()

	targets := newTargets(&l)
	targets.look(ctx)
	var polls, clients sync.WaitGroup
	polls.Go(func() { targets.poll(ctx) })

	tallies := make([]*tally, len(l.Kinds))
	for i, kind := range l.Kinds {
		tallies[i] = newTally(kind, &l)
		newSender := l.senders(kind.spec(), targets, tallies[i])
		for id := range l.Clients {
			clients.Go(func() { l.client(ctx, tallies[i], newSender(id)) })
		}
	}
	clients.Wait()
	cancel()
	polls.Wait()

	result := Result{Took: time.Since(began)}
	for _, t := range tallies {
		result.Kinds = append(result.Kinds, t.counts())
	}
	return result
}

func (l *Load) applyDefaults() {
	if len(l.Kinds) == 0 {
		l.Kinds = []Kind{KeepAlive}
	}
	for _, kind := range l.Kinds {
		if kind < 0 || kind >= kinds {
			panic(fmt.Sprintf("loadtest: no kind %d", kind))
		}
	}
	if len(l.Backends) == 0 {
		l.Backends = []Backend{{Addr: l.Addr, always: true}}
	}
	for _, b := range l.Backends {
		if l.Dial == nil && (!isLocal(b.Addr) || !isLocal(cmp.Or(b.ReadyAddr, b.Addr))) {
			panic("loadtest: not an address of this machine: " + b.Addr + " " + b.ReadyAddr)
		}
	}
	l.Poll = cmp.Or(l.Poll, defaultPoll)
	l.Clients = cmp.Or(l.Clients, defaultClients)
	l.Hold = cmp.Or(l.Hold, defaultHold)
	l.Timeout = cmp.Or(l.Timeout, defaultTimeout)
	l.For = cmp.Or(l.For, defaultFor)
}

// bound is how long a request may take.
func (l *Load) bound(s spec) time.Duration {
	if s.long {
		return l.Hold + l.Timeout
	}
	return l.Timeout
}

// tlsFor is a copy of TLS for a client of its own: net/http adds to the one it is given.
func (l *Load) tlsFor(addr string, protocols ...string) *tls.Config {
	if l.TLS == nil {
		return nil
	}
	config := l.TLS.Clone()
	config.ServerName = cmp.Or(config.ServerName, hostOf(addr))
	config.NextProtos = protocols
	return config
}

func isLocal(addr string) bool {
	return isUnix(addr) || hostOf(addr) == "localhost" || net.ParseIP(hostOf(addr)).IsLoopback()
}

func isUnix(addr string) bool { return strings.HasPrefix(addr, "unix:") }

// authority is what a request calls the server.
func authority(addr string) string {
	if isUnix(addr) {
		return "localhost:80"
	}
	return addr
}

// hostOf is the name of the server without its port.
func hostOf(addr string) string {
	if isUnix(addr) {
		return "localhost"
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return ""
	}
	return host
}
