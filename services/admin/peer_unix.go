//go:build linux || darwin

package admin

import (
	"net"
	"syscall"
)

// peerOfSocket asks the system who has connected to a unix socket.
func peerOfSocket(c net.Conn) (who string, ok bool) {
	conn, ok := c.(syscall.Conn)
	if !ok {
		return "", false
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return "", false
	}
	err = raw.Control(func(fd uintptr) { who, ok = credentials(int(fd)) })
	return who, ok && err == nil
}
