package supervise_test

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"tend.example/tend/supervise"
)

func newServer(listen func(ctx context.Context) (net.Listener, error)) *supervise.Group {
	conns := &supervise.Pool{Max: 10_000, Policy: supervise.Policy{
		Restart:     supervise.Never, // a connection that is gone does not come back
		StopTimeout: 5 * time.Second,
	}}
	return &supervise.Group{Name: "echo", Children: []supervise.Child{
		{Name: "conns", Service: conns},
		{Name: "accept", Service: &acceptor{listen, conns}}, // the last to start and the first to stop
	}}
}

type acceptor struct {
	listen func(ctx context.Context) (net.Listener, error) // anew for each run
	conns  *supervise.Pool
}

func (a *acceptor) NotifiesReady() {}

func (a *acceptor) Serve(ctx context.Context) error {
	listener, err := a.listen(ctx)
	if err != nil {
		return err
	}
	defer listener.Close()
	defer context.AfterFunc(ctx, func() { listener.Close() })() // Accept does not look at ctx
	supervise.Ready(ctx)
	for {
		conn, err := listener.Accept()
		if err != nil && ctx.Err() != nil {
			return nil // told to stop
		}
		if err != nil {
			return err // no descriptor left, for one: the next run is after a delay
		}
		if a.conns.Add(conn.RemoteAddr().String(), &session{conn}) != nil {
			conn.Close() // ErrFull; or the pool is on its way down
		}
	}
}

type session struct{ conn net.Conn }

func (s *session) Serve(ctx context.Context) error {
	defer s.conn.Close()
	defer context.AfterFunc(ctx, func() { s.conn.Close() })()

	var err error
	lines := bufio.NewScanner(s.conn)
	for err == nil && lines.Scan() {
		_, err = fmt.Fprintln(s.conn, lines.Text())
	}
	if ctx.Err() != nil {
		return nil // told to stop
	}
	return cmp.Or(err, lines.Err())
}

// Connections as members of a pool: a full pool refuses, and when the server stops, no new ones are
// accepted before the others are told.
func Example_tenThousandConnections() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	addr := make(chan string, 1)
	server := newServer(func(ctx context.Context) (net.Listener, error) {
		var config net.ListenConfig
		listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
		if err == nil {
			addr <- listener.Addr().String()
		}
		return listener, err
	})
	server.Children[0].Service.(*supervise.Pool).Max = 2 // an example has no room
	server.OnEvent = func(e supervise.Event) {
		if e.State == supervise.Stopped && (e.Path == "echo/accept" || e.Path == "echo/conns") {
			fmt.Println(e.Path, "stopped")
		}
	}
	ended := make(chan error)
	go func() { ended <- server.Serve(ctx) }()

	at := <-addr
	say := func(client net.Conn) error {
		_, err := io.WriteString(client, "hello\n")
		if err == nil {
			_, err = io.ReadFull(client, make([]byte, len("hello\n")))
		}
		return err
	}
	var clients [3]net.Conn
	for i := range clients {
		client, err := net.Dial("tcp", at)
		if err != nil {
			fmt.Println(err)
			return
		}
		defer client.Close()
		clients[i] = client
		if i < 2 {
			fmt.Println("client", i, "is answered:", say(client) == nil)
		}
	}
	_, err := clients[2].Read(make([]byte, 1))
	fmt.Println("client 2 is refused:", errors.Is(err, io.EOF))

	cancel()
	fmt.Println(<-ended)
	_, err = clients[0].Read(make([]byte, 1))
	fmt.Println("client 0 is closed:", errors.Is(err, io.EOF))
	// Output:
	// client 0 is answered: true
	// client 1 is answered: true
	// client 2 is refused: true
	// echo/accept stopped
	// echo/conns stopped
	// <nil>
	// client 0 is closed: true
}
