package admin

import (
	"fmt"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
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
	var peer *unix.Ucred
	var fault error
	err = raw.Control(func(fd uintptr) {
		peer, fault = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err != nil || fault != nil {
		return "", false
	}
	return fmt.Sprintf("uid %d, pid %d", peer.Uid, peer.Pid), true
}
