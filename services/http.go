package services

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"tend.example/tend/supervise"
)

const (
	defaultReadHeaderTimeout = 5 * time.Second
	defaultIdleTimeout       = time.Minute
	defaultMaxHeaderBytes    = 16 << 10
	defaultKeepIdle          = 500 * time.Millisecond
	defaultHoldSocket        = 5 * time.Second
)

// HTTP serves a handler so that no request is lost: not when it stops, not when it is restarted. It is
// ready when it listens, so the next sibling starts only then. A pointer to it is a
// supervise.Service; it may be served again after it has returned, but not twice at a time.
//
// When it is told to stop for good, it goes on accepting for DrainDelay, with `Connection: close` on
// every response; then closes the door to newcomers, answers whoever is inside, gives idle
// connections KeepIdle for a request that may be on its way, and only then shuts down. What is not
// finished within supervise.StopContext is cut off, and counted in the error that Serve returns.
//
// When it is told to restart, or its run fails, the socket stays open and the next run goes on accepting
// from it, while what is in flight is finished beside that run. The socket is closed when the service comes to
// rest (its group calls Close), or after HoldSocket without a run. docs/http.md has the sequence, and
// what it was measured against.
type HTTP struct {
	// Addr is where to listen: "host:port", or ":port" for every address of the machine, or
	// "unix:path". Port 0 takes a free one, which BoundAddr tells. A unix socket has mode 0600, and
	// takes the place of a stale one, that is one where nobody answers. Empty: ":http", as in net/http,
	// or ":https" with a certificate. Where there are [Sockets] in ctx, one of those comes first.
	Addr string

	// Listener is where to accept instead, as from socket activation or in a test. It is not closed
	// between runs, if it has a method SetDeadline, as those of package net have; one of another
	// kind serves one run only. It is closed when no run follows, and the service cannot be started again
	// then. For the last 50ms newcomers are ignored, on Linux; whoever else holds the socket gets them a second
	// later. A socket of MPTCP, which net.Listen makes where it can, cannot ignore anybody, so who comes in the
	// instant before the close is reset: net.ListenConfig makes one of TCP. One of package tls is refused, as TLS is
	// for HTTP to speak. nil: Addr.
	Listener net.Listener

	// Handler answers the requests. The context of a request has the values of the run's, so the
	// functions of package supervise work on it. It is not done when the run is told to stop, but when
	// the time for stopping begins to run out, or when the client is gone; [Draining] tells earlier.
	// A handler that goes on after supervise.StopContext keeps the run from ending, until it is
	// Stuck. One that panics answers 500, or cuts the connection when it has written something;
	// the panic is logged and counted. nil: every request is answered 404.
	Handler http.Handler

	// Log is told the address when it is bound, panics of the handler, and the faults that net/http
	// reports. nil: slog.Default().
	Log *slog.Logger

	// CertFile and KeyFile are a certificate, with its chain, and its key, in PEM. When the files
	// change the new ones are used, without a restart; when they cannot be read, the old ones stay,
	// and the log says why. Empty: no TLS, unless TLS has a certificate.
	CertFile, KeyFile string

	// TLS is the base of the configuration of TLS. nil: Go's defaults, if there is a certificate.
	TLS *tls.Config

	// H2C also takes HTTP/2 without TLS, from clients that know before that it is spoken.
	H2C bool

	// DrainDelay is how long it goes on accepting after it was told to stop: the time that a load
	// balancer takes to find out. It is part of the time for stopping, of which it takes at most half.
	// 0: none.
	DrainDelay time.Duration

	// KeepIdle is how long an idle connection is kept, once new ones are no longer accepted, for a
	// request that the client may be sending just then. 0: 500ms; <0: not at all.
	KeepIdle time.Duration

	// HoldSocket is how long the socket stays open while no run accepts from it, and clients wait in its queue. Who
	// still waits then is answered 503. 0: 5s; <0: not at all, so that clients are refused between two runs. A
	// Listener stays open.
	HoldSocket time.Duration

	// MaxConns is how many connections a run has at a time; more wait in the socket's queue. What earlier runs
	// left does not count. 0: no bound.
	MaxConns int

	// ReadHeaderTimeout bounds reading the header of a request. 0: 5s; <0: none.
	ReadHeaderTimeout time.Duration

	// IdleTimeout bounds the wait for the next request on a connection. 0: 1m; <0: none.
	IdleTimeout time.Duration

	// MaxHeaderBytes bounds the header of a request. 0: 16 KiB.
	MaxHeaderBytes int

	// ConnContext makes the context of the requests of a connection, as that of http.Server does. The connection
	// is a syscall.Conn where that of the listener is a *net.TCPConn or a *net.UnixConn. One that panics cuts the
	// connection; that is logged and counted as of a handler. nil: the one it is given.
	ConnContext func(ctx context.Context, c net.Conn) context.Context

	socket    socket
	counts    counts
	latencies latencies
	leftover  leftovers
	certs     atomic.Pointer[certs]   // of the last run that had files
	current   atomic.Pointer[httpRun] // the last one that began
	lastRun   context.Context         //nolint:containedctx // Close has no other way to learn how much time it has
}

// ListenError says that HTTP could not have its address. It is a type so that a program can treat
// it unlike the other ways in which a run fails.
type ListenError struct {
	Addr string // as configured
	Err  error  // wraps a syscall.Errno such as EADDRINUSE or EACCES where that is the cause
}

func (e *ListenError) Error() string {
	cause := e.Err
	if op := (*net.OpError)(nil); errors.As(cause, &op) {
		cause = op.Err // it repeats the address
	}
	return fmt.Sprintf("listen on %s: %v", e.Addr, cause)
}

// Unwrap returns Err.
func (e *ListenError) Unwrap() error { return e.Err }

// NotifiesReady says that Serve calls supervise.Ready, so Child.WaitReady need not be set.
func (h *HTTP) NotifiesReady() {}

// String is "http" and the address.
func (h *HTTP) String() string {
	return "http " + h.where()
}

// where is what it listens on, as it was told.
func (h *HTTP) where() string {
	if h.Listener != nil {
		return h.Listener.Addr().String()
	}
	return h.Addr
}

// BoundAddr is the address it listens on, from when it is ready until the socket is closed; nil
// otherwise. Between two runs it is the one that clients wait at.
func (h *HTTP) BoundAddr() net.Addr { return h.socket.addr() }

// Serve listens, calls supervise.Ready, and answers requests until ctx is done. It returns nil
// when no request was cut off. An address that it cannot have is a [*ListenError].
//
// What ctx was ended by (context.Cause) decides what follows: when another run will, as after
// supervise.ErrRestart or a sibling's failure, Serve returns at once and leaves the requests in flight to
// that. Outside of a tree the socket is closed when Serve returns.
func (h *HTTP) Serve(ctx context.Context) error {
	certs, err := h.certificates()
	if err != nil {
		return err
	}
	if isDone(h.socket.handedOver()) {
		supervise.Ready(ctx)
		return h.outlive(ctx)
	}
	door, err := h.enter(ctx)
	if err != nil {
		return err
	}
	if supervise.Path(ctx) == "" {
		defer h.Close()
	}
	defer h.holdSocket()
	defer certs.follow()()
	h.log().LogAttrs(ctx, slog.LevelInfo, "listening",
		slog.String("service", supervise.Path(ctx)), slog.String("addr", h.BoundAddr().String()))
	supervise.Ready(ctx)
	if err := h.socket.awaitTurn(ctx); err != nil {
		return err
	}
	r := h.start(ctx, door, certs.config(h.TLS), h.Handler)
	h.current.Store(r)

	select {
	case <-r.ended: // though nobody told it to stop
		h.leftover.add(r)
		return fmt.Errorf("accept on %s: %w", h.String(), r.err)
	case <-h.socket.handedOver():
	case <-ctx.Done():
	}
	if isDone(h.socket.handedOver()) {
		h.leftover.add(r)
		return errors.Join(h.socket.close(), h.outlive(ctx))
	}
	if runsAgain(ctx) {
		h.leftover.add(r)
		return nil
	}
	return h.drain(ctx, r)
}

// enter opens the door for a run.
func (h *HTTP) enter(ctx context.Context) (*door, error) {
	h.socket.passage.Lock()
	defer h.socket.passage.Unlock()
	door, err := h.socket.open(ctx, h)
	if err == nil {
		h.lastRun = ctx
	}
	return door, err
}

// outlive goes on without a socket, which another process has: what is in flight is answered, and nobody comes.
func (h *HTTP) outlive(ctx context.Context) error {
	<-ctx.Done()
	if runsAgain(ctx) {
		return nil
	}
	stop, cancel := supervise.StopContext(ctx)
	defer cancel()
	defer whenRunningOut(stop, h.leftover.end)()
	return h.leftover.finish(stop)
}

func isDone(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// Close closes the socket. The group of the service calls it when no further run will follow. Who waits in
// the socket's queue for that run is answered 503, where the system tells that somebody does. Requests that a
// failed run left in flight have until the supervise.StopContext of that run ends, and are then cut off,
// which the error tells.
func (h *HTTP) Close() error {
	last := h.lastRun
	if last == nil { // it never ran
		last = context.Background()
	}
	stop, cancel := supervise.StopContext(last)
	defer cancel()
	defer whenRunningOut(stop, h.leftover.end)()
	h.socket.passage.Lock()
	defer h.socket.passage.Unlock()
	return errors.Join(h.turnAway(last, stop), h.socket.close(), h.leftover.finish(stop))
}

// runsAgain tells whether ctx was ended by something that another run follows. A plain cancellation
// is that of somebody who is no supervisor of ours.
func runsAgain(ctx context.Context) bool {
	cause := context.Cause(ctx)
	return supervise.Path(ctx) != "" && !errors.Is(cause, supervise.ErrStop) &&
		cause != context.Canceled && cause != context.DeadlineExceeded //nolint:errorlint // the bare ones only
}

func (h *HTTP) log() *slog.Logger {
	if h.Log == nil {
		return slog.Default()
	}
	return h.Log
}

func (h *HTTP) holdSocket() {
	switch hold := cmp.Or(h.HoldSocket, defaultHoldSocket); {
	case h.Listener != nil: // which could not be opened again
	case hold < 0:
		h.abandon()
	default:
		h.socket.hold(hold, h.abandon)
	}
}

func (h *HTTP) keepIdle() time.Duration { return cmp.Or(h.KeepIdle, defaultKeepIdle) }
