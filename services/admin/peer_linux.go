package admin

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// credentials are those of the process at the other end, when it connected.
func credentials(fd int) (who string, ok bool) {
	peer, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return "", false
	}
	return fmt.Sprintf("uid %d, pid %d", peer.Uid, peer.Pid), true
}
