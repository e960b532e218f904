package loadtest

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"time"
)

// dial connects, without TLS.
func (l *Load) dial(ctx context.Context, addr string) (net.Conn, error) {
	if l.Dial != nil {
		return l.Dial(ctx, addr)
	}
	network := "tcp"
	if isUnix(addr) {
		network = "unix"
	}
	// No keep-alive probes: a request is bounded by its deadline.
	dialer := net.Dialer{Timeout: l.Timeout, KeepAlive: -1}
	return dialer.DialContext(ctx, network, strings.TrimPrefix(addr, "unix:"))
}

// undialed is the verdict on a request for which there was no connection to be had.
func undialed(ctx context.Context, err error) verdict {
	switch {
	case isRefusal(err):
		return verdict{outcome: refused}
	case isOurs(err):
		return verdict{outcome: local}
	case isOver(ctx):
		return verdict{outcome: unsent}
	default:
		return verdict{outcome: cut, stage: StageDial, nth: 1, err: err}
	}
}

// isOver reports whether the run is: a dialer goes by the deadline of ctx, which it may see before ctx does.
func isOver(ctx context.Context) bool {
	end, ok := ctx.Deadline()
	return ctx.Err() != nil || ok && !time.Now().Before(end)
}

// isRefusal reports whether nobody listens. A unix socket may also be gone, or its queue be full.
func isRefusal(err error) bool {
	const wsaeConnRefused = syscall.Errno(10061) // Windows has no ECONNREFUSED of its own
	return errors.Is(err, errNoneReady) || errors.Is(err, wsaeConnRefused) ||
		errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.EAGAIN)
}

// isOurs reports whether this process or machine is out of something that a connection needs.
func isOurs(err error) bool {
	return errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EMFILE) ||
		errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOBUFS)
}

// rawConn is a connection for HTTP/1, of TLS if there is any.
type rawConn struct {
	net.Conn

	r        *bufio.Reader
	target   *target
	requests int // begun on it
}

// connect returns a connection that is ready for a request, or the verdict on the request that it
// would have been for.
func (l *Load) connect(ctx context.Context, targets *targets, t *tally) (*rawConn, *verdict) {
	conn, target, err := targets.dial(ctx)
	if err != nil {
		v := undialed(ctx, err)
		return nil, &v
	}
	t.connected()
	if config := l.tlsFor(target.Addr, "http/1.1"); config != nil {
		secured := tls.Client(conn, config)
		boundIO(conn, l.Timeout)
		if err := secured.HandshakeContext(context.WithoutCancel(ctx)); err != nil {
			conn.Close()
			return nil, &verdict{outcome: cut, stage: StageHandshake, nth: 1, err: err}
		}
		conn = secured
	}
	return &rawConn{Conn: conn, r: bufio.NewReader(conn), target: target}, nil
}

// boundIO bounds all that is read and written from now on.
func boundIO(conn net.Conn, d time.Duration) {
	_ = conn.SetDeadline(time.Now().Add(d)) // it fails on a closed connection, as will what is to be bounded
}

// watch returns after d or when ctx is done, and reports whether the other side has closed the
// connection meanwhile. What it may have sent is left for the next request to stumble over.
func (c *rawConn) watch(ctx context.Context, d time.Duration) (closed bool) {
	until := time.Now().Add(d)
	_ = c.SetReadDeadline(until)                                                  // see boundIO
	wake := context.AfterFunc(ctx, func() { c.SetReadDeadline(time.Unix(1, 0)) }) //nolint:errcheck // see boundIO
	defer wake()
	_, err := c.r.Peek(1)
	wait(ctx, time.Until(until))
	return err != nil && !errors.Is(err, os.ErrDeadlineExceeded)
}
