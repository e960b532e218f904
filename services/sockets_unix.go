//go:build unix

package services

import (
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// firstFD is where the descriptors begin that a process is given.
const firstFD = 3

// InheritSockets takes over the listening sockets that this process was started with: by systemd, by the process before
// it (see [Sockets.Pass]), or by whoever else keeps to the protocol of LISTEN_FDS and LISTEN_FDNAMES. A LISTEN_PID that is
// not this process says that they are somebody else's; none says nothing. It takes the variables out of the environment, so
// that no program that is started from here believes them; so call it once, and early. Where there are
// none, or no such protocol, as on Windows, it is empty.
//
// What makes no sense is an error: numbers that are none, names that are not as many, a descriptor that is no listening socket.
func InheritSockets() (*Sockets, error) {
	env := takeEnv("LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_FDADDRS")
	s := &Sockets{}
	if env["LISTEN_FDS"] == "" {
		return s, nil
	}
	if text := env["LISTEN_PID"]; text != "" {
		pid, err := strconv.Atoi(text)
		switch {
		case err != nil:
			return nil, fmt.Errorf("LISTEN_PID: %w", err)
		case pid != os.Getpid():
			return s, nil
		}
	}
	given, err := listed(env)
	if err != nil {
		return nil, err
	}
	for i := range given { // before any is looked at: none may get into a program
		unix.CloseOnExec(firstFD + i)
	}
	for i := range given {
		g := &given[i]
		if g.listener, err = inherit(firstFD + i); err != nil {
			s.Close()
			return nil, fmt.Errorf("descriptor %d of LISTEN_FDS, %q: %w", firstFD+i, g.name, err)
		}
		s.given = append(s.given, *g)
	}
	return s, nil
}

func takeEnv(keys ...string) map[string]string {
	env := map[string]string{}
	for _, key := range keys {
		env[key] = os.Getenv(key)
		_ = os.Unsetenv(key) // it only fails for a key that is none
	}
	return env
}

// listed is what the environment says of the sockets.
func listed(env map[string]string) ([]given, error) {
	n, err := strconv.Atoi(env["LISTEN_FDS"])
	if err == nil && (n < 0 || n > math.MaxUint16) { // what a process may have open is far below
		err = strconv.ErrRange
	}
	if err != nil {
		return nil, fmt.Errorf("LISTEN_FDS: %w", err)
	}
	given := make([]given, n)
	for key, set := range map[string]func(i int, text string){
		"LISTEN_FDNAMES": func(i int, text string) { given[i].name = text },
		"LISTEN_FDADDRS": func(i int, text string) { given[i].addr = text },
	} {
		text := env[key]
		if text == "" {
			continue
		}
		parts := strings.Split(text, ":")
		if len(parts) != n {
			return nil, fmt.Errorf("%s: %d parts for %d descriptors", key, len(parts), n)
		}
		for i, part := range parts {
			set(i, unescapeName(part))
		}
	}
	return given, nil
}

// inherit makes a listener of a descriptor, and closes that. What is no listening socket stays as it is: it may be
// anybody's.
func inherit(fd int) (net.Listener, error) {
	accepts, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err == nil && accepts == 0 {
		err = errors.New("it does not listen")
	}
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "listening socket")
	defer file.Close()
	return net.FileListener(file)
}

// duplicate is a descriptor of a listener for another process. That of os.File would be made blocking on the way, for all
// who have the socket, and this process's own Accept could not be ended any more.
func duplicate(l net.Listener) (uintptr, error) {
	c, ok := l.(syscall.Conn)
	if !ok {
		return 0, fmt.Errorf("%s: %w", l.Addr(), errors.ErrUnsupported)
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var copied int
	var failed error
	err = raw.Control(func(fd uintptr) { copied, failed = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, firstFD) })
	if err = errors.Join(err, failed); err != nil {
		return 0, fmt.Errorf("duplicate the descriptor of %s: %w", l.Addr(), err)
	}
	return uintptr(copied), nil
}

func closeFD(fd uintptr) { _ = unix.Close(int(fd)) }
