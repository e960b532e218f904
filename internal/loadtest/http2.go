package loadtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// streamsPerConn is how many clients share a connection of HTTP/2.
const streamsPerConn = 4

// h2Conn is a connection that several clients send on. http.ClientConn is used rather than
// http.Transport because it is one connection: there is no second one to try again on.
type h2Conn struct {
	*http.ClientConn

	scheme   string
	target   *target
	answered atomic.Bool // a request has been

	users   int  // requests under way; this and what follows by the lock of h2Conns
	retired bool // not for further requests
}

// h2Conns gives a group of clients the one connection they share, and a new one when that is used
// up.
type h2Conns struct {
	load    *Load
	targets *targets
	tally   *tally

	mu      sync.Mutex
	current *h2Conn // nil: none
}

// take returns a connection with room for a request, which is to be given back after it, or the
// verdict on the request. One client dials while the others of the group wait.
func (s *h2Conns) take(ctx context.Context) (*h2Conn, *verdict) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.current == nil:
	case !s.current.target.ready.Load():
		s.retire(s.current)
	case s.current.Reserve() == nil:
		s.current.users++
		return s.current, nil
	default: // it is closed, or was told to go away
		if s.current.users == 0 {
			s.tally.foundStale()
		}
		s.retire(s.current)
	}
	conn, failed := s.connect(ctx)
	if failed != nil {
		return nil, failed
	}
	if err := conn.Reserve(); err != nil {
		defer conn.Close()
		return nil, conn.unusable(err)
	}
	conn.users++
	s.current = conn
	return conn, nil
}

// connect makes a connection of http.ClientConn's, by an http.Transport that is never asked for
// more.
func (s *h2Conns) connect(ctx context.Context) (*h2Conn, *verdict) {
	bare, target, err := s.targets.dial(ctx)
	if err != nil {
		v := undialed(ctx, err)
		return nil, &v
	}
	s.tally.connected()
	config, scheme := s.load.tlsFor(target.Addr, "h2"), "http"
	if config != nil {
		scheme = "https"
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP2(config != nil)
	protocols.SetUnencryptedHTTP2(config == nil)
	transport := &http.Transport{
		Protocols:           protocols,
		TLSClientConfig:     config,
		TLSHandshakeTimeout: s.load.Timeout,
		DialContext:         func(context.Context, string, string) (net.Conn, error) { return bare, nil },
	}
	conn, err := transport.NewClientConn(context.WithoutCancel(ctx), scheme, authority(target.Addr))
	if err != nil {
		bare.Close()
		return nil, &verdict{outcome: cut, stage: StageHandshake, nth: 1, err: err}
	}
	return &h2Conn{ClientConn: conn, scheme: scheme, target: target}, nil
}

// unusable is the verdict on a request that was not sent because the connection could not take it.
// A server that closes a new one has lost the request; one that told it to go away has not, and
// neither has one that closes an old one, which this client saw in time.
func (c *h2Conn) unusable(err error) *verdict {
	switch {
	case c.answered.Load():
		return &verdict{outcome: unsent}
	case c.Err() == nil:
		return &verdict{outcome: unprocessed}
	default:
		return &verdict{outcome: cut, stage: StageHandshake, nth: 1, err: err}
	}
}

func (s *h2Conns) giveBack(conn *h2Conn, broken bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	conn.users--
	if broken || conn.retired {
		s.retire(conn)
	}
}

// retire keeps a connection from further requests, and closes it once those under way are over.
func (s *h2Conns) retire(conn *h2Conn) {
	conn.retired = true
	if s.current == conn {
		s.current = nil
	}
	if conn.users == 0 {
		conn.Close()
	}
}

func (s *h2Conns) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil && s.current.users == 0 {
		s.retire(s.current)
	}
}

// h2Client sends requests of HTTP/2.
type h2Client struct {
	load  *Load
	spec  spec
	id    int
	sent  int
	conns *h2Conns
}

func (c *h2Client) close() { c.conns.close() }

// rest need not watch the connection: http.ClientConn does.
func (c *h2Client) rest(ctx context.Context, d time.Duration) { wait(ctx, d) }

func (c *h2Client) send(ctx context.Context) verdict {
	conn, failed := c.conns.take(ctx)
	if failed != nil {
		return *failed
	}
	v := c.roundTrip(ctx, conn)
	c.conns.giveBack(conn, v.outcome == cut || v.outcome == unprocessed || v.outcome == unsent)
	return v
}

func (c *h2Client) roundTrip(ctx context.Context, conn *h2Conn) verdict {
	c.sent++
	x := c.spec.exchange(c.load.Hold, number(c.id, c.sent))
	// A request that has been begun outlives the run, by no more than its bound.
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.load.bound(c.spec))
	defer cancel()
	req, err := x.request(bounded, conn.scheme+"://"+authority(conn.target.Addr))
	if err != nil {
		panic("loadtest: " + err.Error()) // it does not depend on the server
	}
	resp, err := conn.RoundTrip(req)
	if err != nil {
		return c.failed(conn, StageHeader, err)
	}
	defer resp.Body.Close()
	conn.answered.Store(true)
	v := judge(resp, x)
	switch {
	case v.outcome == cut:
		v = c.failed(conn, v.stage, v.err)
	case resp.ProtoMajor != 2:
		v = verdict{outcome: wrong, err: wrongError(fmt.Sprintf("protocol: got %s, want HTTP/2", resp.Proto))}
	}
	v.nth = c.sent
	return v
}

func (x exchange) request(ctx context.Context, base string) (*http.Request, error) {
	var body io.Reader
	if x.body != "" {
		body = strings.NewReader(x.body)
	}
	return http.NewRequestWithContext(ctx, x.method, base+x.target, body)
}

// Of net/http's HTTP/2, which exports neither: the connection turned out to be closed or leaving
// before anything of the request was sent; and GOAWAY with a last stream below that of the request.
const (
	textUnusable = "http2: client conn not usable"
	textGoAway   = "http2: Transport received Server's graceful shutdown GOAWAY"
)

func (c *h2Client) failed(conn *h2Conn, stage Stage, err error) verdict {
	var reset streamError
	switch {
	case err.Error() == textUnusable:
		return *conn.unusable(err)
	case err.Error() == textGoAway, errors.As(err, &reset) && reset.Code == refusedStream:
		return verdict{outcome: unprocessed}
	default:
		return verdict{outcome: cut, stage: stage, nth: c.sent, err: err}
	}
}

// refusedStream is REFUSED_STREAM of RFC 9113, section 7.
const refusedStream = 0x7

// streamError has the fields of the error with which net/http reports RST_STREAM, which errors.As
// converts to any type that has the same.
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (e streamError) Error() string { return "stream error" }
