package supervise_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"tend.example/tend/supervise"
)

// Worker is how a service is written.
type Worker struct{ Addr string }

func (w *Worker) Serve(ctx context.Context) error {
	conn, err := dial(ctx, w.Addr)
	if err != nil {
		return fmt.Errorf("connect to the queue: %w", err) // a failed run: the policy decides
	}
	defer conn.Close()
	supervise.Ready(ctx) // with WaitReady, or a method NotifiesReady(), the next sibling waits for this

	supervise.Go(ctx, conn.keepAlive) // its error or panic fails this run, and it is waited for

	for {
		m, err := conn.next(ctx)
		if ctx.Err() != nil {
			return nil // told to stop
		}
		if err != nil {
			return fmt.Errorf("read from the queue: %w", err)
		}
		w.handle(m)
	}
}

func (w *Worker) handle(m string) { fmt.Println("handled", m) }

// connection has three messages, and then breaks.
type connection struct{ left int }

func dial(context.Context, string) (*connection, error) { return &connection{left: 3}, nil }

func (c *connection) keepAlive(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

func (c *connection) next(context.Context) (string, error) {
	if c.left == 0 {
		return "", io.ErrUnexpectedEOF
	}
	c.left--
	return "message", nil
}

func (c *connection) Close() error { return nil }

// A service from beginning to end: what it returns, and when.
func ExampleService() {
	g := &supervise.Group{Name: "shop", Children: []supervise.Child{
		{Name: "worker", Service: &Worker{Addr: "queue:5672"}, Policy: supervise.Policy{MaxRestarts: -1}},
	}}
	fmt.Println(g.Serve(context.Background()))
	// Output:
	// handled message
	// handled message
	// handled message
	// shop/worker: gave up after 0 restarts within 1m0s: read from the queue: unexpected EOF
}

// Listener keeps its socket from run to run, so that no client is refused while it is restarted.
type Listener struct{ socket net.Listener }

func (l *Listener) Serve(ctx context.Context) (err error) {
	if l.socket == nil {
		fmt.Println("opened")
		if l.socket, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return err
		}
	}
	return errors.New("served somebody, and failed")
}

// Close is called once it is known that no run follows.
func (l *Listener) Close() error {
	fmt.Println("closed")
	defer func() { l.socket = nil }()
	return l.socket.Close()
}

// What a service keeps between two runs, it lets go of in Close.
func ExampleService_closer() {
	g := &supervise.Group{Name: "shop", Children: []supervise.Child{
		{Name: "web", Service: &Listener{}, Policy: supervise.Policy{MinBackoff: -1, MaxRestarts: 2}},
	}}
	fmt.Println(g.Serve(context.Background()))
	// Output:
	// opened
	// closed
	// shop/web: gave up after 2 restarts within 1m0s: served somebody, and failed
}
