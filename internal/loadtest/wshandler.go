package loadtest

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// closeGrace is how long the server waits for the client to answer its close.
const closeGrace = 5 * time.Second

// answerWebSocket echoes messages until the client closes, or until draining is closed: then it
// closes with 1001 and waits for the client to agree. It returns when the WebSocket is over.
func answerWebSocket(w http.ResponseWriter, r *http.Request, draining <-chan struct{}) {
	key := r.Header.Get("Sec-WebSocket-Key")
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") || key == "" {
		http.Error(w, "this is a WebSocket", http.StatusUpgradeRequired)
		return
	}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, "cannot hijack: "+err.Error(), http.StatusInternalServerError)
		return
	}
	defer conn.Close()
	boundIO(conn, longestAnswer)
	_, err = fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		acceptKey(key))
	if err != nil {
		return
	}
	s := wsSession{conn: conn}
	over := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-draining:
			boundIO(conn, closeGrace)
			s.send(closeFrame(closeGoingAway))
		case <-over:
		}
	})
	s.echo(buffered.Reader)
	close(over)
	watch.Wait()
}

// wsSession is the server's side of a WebSocket.
type wsSession struct {
	conn   net.Conn
	mu     sync.Mutex
	closed bool // a close has been sent, and nothing may follow
}

func (s *wsSession) send(f frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = f.op == opClose
	_ = f.write(s.conn, false) // if it fails, so does the next read
}

func (s *wsSession) echo(r *bufio.Reader) {
	for {
		f, err := readFrame(r)
		if err != nil {
			return
		}
		switch f.op {
		case opClose:
			s.send(f)
			return
		case opPing:
			s.send(frame{op: opPong, payload: f.payload})
		case opText:
			s.send(f)
		}
	}
}
