package admin

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// credentials are those of the process at the other end, when it connected.
func credentials(fd int) (who string, ok bool) {
	peer, err := unix.GetsockoptXucred(fd, unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil {
		return "", false
	}
	return fmt.Sprintf("uid %d", peer.Uid), true
}
