package services

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// door is how one run accepts from a socket. Closing it leaves the socket open, where that can be.
type door struct {
	net.Listener
	counts *counts
	log    *slog.Logger
	places chan struct{} // a token for each connection that may be open; nil: no bound
	closed chan struct{}
	once   sync.Once

	accepted atomic.Int64
	starved  time.Time // when Accept last found no file descriptor; only the accept loop uses it
}

func newDoor(l net.Listener, h *HTTP) *door {
	d := &door{Listener: l, counts: &h.counts, log: h.log(), closed: make(chan struct{})}
	if h.MaxConns > 0 {
		d.places = make(chan struct{}, h.MaxConns)
	}
	return d
}

// Accept waits for a connection, and for a place for it. A connection that comes while the door is being
// closed is still let in.
func (d *door) Accept() (net.Conn, error) {
	if !d.take() {
		return nil, net.ErrClosed
	}
	nc, err := d.Listener.Accept()
	if err != nil {
		d.give()
		return nil, d.fault(err)
	}
	d.accepted.Add(1)
	d.counts.conns.Add(1)
	return newConn(nc, d), nil
}

// Close makes Accept return.
func (d *door) Close() (err error) {
	d.once.Do(func() {
		close(d.closed)
		if l, ok := d.Listener.(deadliner); ok {
			err = l.SetDeadline(time.Unix(1, 0))
		} else {
			err = d.Listener.Close()
		}
	})
	return err
}

func (d *door) isClosed() bool {
	select {
	case <-d.closed:
		return true
	default:
		return false
	}
}

func (d *door) take() bool {
	if d.isClosed() {
		return false
	}
	if d.places == nil {
		return true
	}
	select {
	case d.places <- struct{}{}:
		return true
	case <-d.closed:
		return false
	}
}

func (d *door) give() {
	if d.places != nil {
		<-d.places
	}
}

// calm is how long there have to have been file descriptors before the lack of them is news.
const calm = time.Minute

// fault counts a failure to accept, and logs that there are no file descriptors. net/http waits and tries
// again by itself.
func (d *door) fault(err error) error {
	if d.isClosed() {
		return net.ErrClosed
	}
	d.counts.acceptFaults.Add(1)
	if !errors.Is(err, syscall.EMFILE) && !errors.Is(err, syscall.ENFILE) {
		return err
	}
	if time.Since(d.starved) > calm {
		d.log.Error("out of file descriptors: clients wait", slog.String("addr", d.Addr().String()), slog.Any("err", err))
	}
	d.starved = time.Now()
	return err
}

// track is what is known of one connection. It is in a connection of ours, which net/http has inside of
// TLS or as it is.
type track struct {
	door  *door
	state connState
	once  sync.Once
	since time.Time    // when it was accepted
	stage atomic.Int32 // of HTTP/1

	replies []writer1 // for the next requests
}

// What a connection of HTTP/1 is at. net/http has it down as idle until all of the next header has come.
const (
	_ int32 = iota // nothing asked yet, or HTTP/2
	atHandler
	afterBody   // of which net/http may read the rest, before it has the connection down as idle
	betweenTwo  // requests
	nextBegun   // by its first bytes
	nextNoticed // by who waits for requests to be finished
)

// heard is told of what Read got.
func (t *track) heard(n int) {
	if n > 0 && t.stage.Load() == betweenTwo {
		t.stage.CompareAndSwap(betweenTwo, nextBegun)
	}
}

// returned is told that the handler has.
func (t *track) returned(req *http.Request) {
	if req.ContentLength != 0 {
		t.stage.Store(afterBody)
	} else {
		t.stage.Store(betweenTwo) // from here on, as the next header may be there before this answer is done with
	}
}

// newConn wraps a connection without taking away what net/http does with its own: sendfile, and the
// half close that lets a client read an answer before the connection is reset.
func newConn(nc net.Conn, d *door) net.Conn {
	t := &track{door: d, since: time.Now()}
	switch nc := nc.(type) {
	case *net.TCPConn:
		return &tcpConn{nc, t}
	case *net.UnixConn:
		return &unixConn{nc, t}
	case halfCloser:
		return &halfConn{nc, t}
	default:
		return &otherConn{nc, t}
	}
}

// halfCloser is a connection that can say that nothing more comes, as those of TCP can.
type halfCloser interface {
	net.Conn
	CloseWrite() error
}

// nextReply is a writer that no request has had before: a handler that goes on writing after it has returned
// must not write into the next answer. They are made by eight, as a request is to cost no allocation.
func (t *track) nextReply() *writer1 {
	if len(t.replies) == 0 {
		t.replies = make([]writer1, 8)
	}
	w := &t.replies[0]
	t.replies = t.replies[1:]
	return w
}

// close is for Close, which net/http and handlers may call more than once.
func (t *track) close(c io.Closer) error {
	t.once.Do(func() {
		t.state.gone()
		t.door.counts.conns.Add(-1)
		t.door.give()
	})
	return c.Close()
}

type tcpConn struct {
	*net.TCPConn
	*track
}

func (c *tcpConn) Close() error { return c.track.close(c.TCPConn) }

func (c *tcpConn) Read(p []byte) (n int, err error) {
	n, err = c.TCPConn.Read(p)
	c.heard(n)
	return n, err
}

type unixConn struct {
	*net.UnixConn
	*track
}

func (c *unixConn) Close() error { return c.track.close(c.UnixConn) }

func (c *unixConn) Read(p []byte) (n int, err error) {
	n, err = c.UnixConn.Read(p)
	c.heard(n)
	return n, err
}

type otherConn struct {
	net.Conn
	*track
}

func (c *otherConn) Close() error { return c.track.close(c.Conn) }

func (c *otherConn) Read(p []byte) (n int, err error) {
	n, err = c.Conn.Read(p)
	c.heard(n)
	return n, err
}

type halfConn struct {
	halfCloser
	*track
}

func (c *halfConn) Close() error { return c.track.close(c.halfCloser) }

func (c *halfConn) Read(p []byte) (n int, err error) {
	n, err = c.halfCloser.Read(p)
	c.heard(n)
	return n, err
}

// trackOf finds ours in a connection of net/http's. It is asked twice a request, and a concrete type is
// found without a search.
func trackOf(c net.Conn) *track {
	switch c := c.(type) {
	case *tcpConn:
		return c.track
	case *unixConn:
		return c.track
	case *halfConn:
		return c.track
	case *otherConn:
		return c.track
	case interface{ NetConn() net.Conn }: // TLS
		return trackOf(c.NetConn())
	default:
		return nil
	}
}
