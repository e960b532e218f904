package services

import (
	"errors"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// ignoreSYN is a filter for a listening TCP socket that drops every segment with the SYN flag: the
// kernel sees no newcomer any more, who tries again by himself, while handshakes under way end. The
// filter sees a segment from the TCP header on, whose byte 13 has the flags.
func ignoreSYN() []unix.SockFilter {
	return []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 13},
		{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, Jt: 0, Jf: 1, K: 0x02},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0xffffffff},
	}
}

var errNoTCP = errors.New("no TCP socket")

// bar makes the kernel ignore newcomers to a listening TCP socket. The filter is the socket's, so
// another process that accepts from the same socket would be cut off, too.
func bar(l net.Listener) error {
	filter := ignoreSYN()
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	return onTCP(l, func(fd int) error {
		return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program)
	})
}

// unbar lets newcomers in again.
func unbar(l net.Listener) error {
	return onTCP(l, func(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0) })
}

// waiting is how many connections wait to be accepted: for a listening socket, tcpi_unacked.
func waiting(l net.Listener) (n int) {
	err := onTCP(l, func(fd int) error {
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil {
			n = int(info.Unacked)
		}
		return err
	})
	if err != nil {
		return 0
	}
	return n
}

// private gives a unix socket its mode before it has a name: Linux takes it from the unbound socket.
func private(_, _ string, c syscall.RawConn) error {
	var failed error
	if err := c.Control(func(fd uintptr) { failed = unix.Fchmod(int(fd), 0o600) }); err != nil {
		return err
	}
	return failed
}

func onTCP(l net.Listener, do func(fd int) error) error {
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		return errNoTCP
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = do(int(fd)) }); err != nil {
		return err
	}
	return failed
}
