package services

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// lastNotice ends the reading. It is sent when the program has ended, so that what the program had sent
// before is read before.
const lastNotice = "X_TEND_LAST=1"

// notifySocket is where a program tells of itself by the protocol of systemd's sd_notify: datagrams of
// lines KEY=value.
type notifySocket struct {
	path string
	conn *net.UnixConn
	done chan struct{} // closed when nobody reads any more; nil: nobody ever did
}

// listenNotify opens a socket in a folder that nobody else may enter.
func listenNotify() (*notifySocket, error) {
	dir, err := os.MkdirTemp("", "tend-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for NOTIFY_SOCKET: %w", err)
	}
	path := filepath.Join(dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		os.RemoveAll(dir)
		return nil, fmt.Errorf("open NOTIFY_SOCKET: %w", err)
	}
	return &notifySocket{path: path, conn: conn}, nil
}

// listen calls told with what comes. close waits for it.
func (n *notifySocket) listen(told func(key, value string)) {
	n.done = make(chan struct{})
	go func() { // close waits for done
		defer close(n.done)
		n.read(told)
	}()
}

func (n *notifySocket) read(told func(key, value string)) {
	buf := make([]byte, 4<<10) // a longer datagram is cut
	for {
		size, err := n.conn.Read(buf)
		if err != nil {
			return
		}
		for notice := range strings.Lines(string(buf[:size])) {
			notice = strings.TrimSuffix(notice, "\n")
			if notice == lastNotice {
				return
			}
			if key, value, ok := strings.Cut(notice, "="); ok {
				told(key, value)
			}
		}
	}
}

// close returns when all has been read that had been sent, and nobody can send any more.
func (n *notifySocket) close() {
	defer os.RemoveAll(filepath.Dir(n.path))
	defer n.conn.Close()
	if n.done == nil {
		return
	}
	if n.sendLast() != nil { // the program has removed the socket, or others fill it
		n.conn.Close()
	}
	<-n.done
}

func (n *notifySocket) sendLast() error {
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.path, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	_, err = conn.Write([]byte(lastNotice))
	return err
}
