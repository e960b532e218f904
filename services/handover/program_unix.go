//go:build unix

package handover

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tend.example/tend/services"
)

// program is how this process was started, for another to be started likewise.
type program struct {
	path string
	args []string
}

// thisProgram finds the name that the program was started by, rather than the file that this stood for: an upgrade
// may be another file in its place, or a link that now points elsewhere.
func thisProgram() (program, error) {
	file, err := os.Executable()
	if err != nil {
		return program{}, fmt.Errorf("find this program: %w", err)
	}
	p := program{path: file, args: slices.Clone(os.Args)}
	named, err := exec.LookPath(os.Args[0])
	if err == nil {
		named, err = filepath.Abs(named)
	}
	if err == nil && isSame(named, file) {
		p.path = named
	}
	return p, nil
}

func isSame(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// lineFD is the variable that tells a new process which of its descriptors is the line to this one.
const lineFD = "HANDOVER_FD"

// heir is a new process.
type heir struct {
	pid     int
	link    *link
	sibling *sibling // nil: it is a child of this one
}

// start starts the program with the sockets, as the leader of a group, so that it can be ended with all
// that it has started.
func (p program) start(passing *services.Passing) (*heir, error) {
	ours, theirs, err := line()
	if err != nil {
		return nil, err
	}
	defer unix.Close(theirs)
	l, err := linkOf(ours)
	if err != nil {
		return nil, err
	}
	files := slices.Concat([]uintptr{0, 1, 2}, passing.Files)
	env := slices.Concat(inheritable(os.Environ()), passing.Env, []string{lineFD + "=" + strconv.Itoa(len(files))})
	attr := &syscall.SysProcAttr{Setpgid: true}
	started := asSibling(attr)
	pid, err := syscall.ForkExec(p.path, p.args, &syscall.ProcAttr{Env: env, Files: append(files, uintptr(theirs)), Sys: attr})
	if err != nil {
		l.close()
		return nil, fmt.Errorf("start %s: %w", p.path, err)
	}
	return &heir{pid, l, started()}, nil
}

// inheritable leaves out what holds for this process alone.
func inheritable(env []string) []string {
	return slices.DeleteFunc(env, func(entry string) bool {
		key, _, _ := strings.Cut(entry, "=")
		return key == "WATCHDOG_PID" || key == "MAINPID" || key == lineFD || strings.HasPrefix(key, "LISTEN_")
	})
}

// line is both ends of one. Neither gets into a program by accident.
func line() (ours, theirs int, err error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return 0, 0, fmt.Errorf("make a line to the new process: %w", err)
	}
	unix.CloseOnExec(ends[0])
	unix.CloseOnExec(ends[1])
	return ends[0], ends[1], nil
}

// linkOf takes over a descriptor.
func linkOf(fd int) (*link, error) {
	file := os.NewFile(uintptr(fd), "line")
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		return nil, fmt.Errorf("open the line to another process: %w", err)
	}
	return newLink(conn), nil
}

// inheritLink is the line to the process before, if that has started this one.
func inheritLink() (*link, error) {
	text := os.Getenv(lineFD)
	_ = os.Unsetenv(lineFD) // it only fails for a key that is none
	if text == "" {
		return nil, nil
	}
	fd, err := strconv.Atoi(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", lineFD, err)
	}
	if _, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE); err != nil {
		return nil, fmt.Errorf("%s: descriptor %d: %w", lineFD, fd, err) // it may be anybody's
	}
	unix.CloseOnExec(fd)
	return linkOf(fd)
}

// dyingFor is how long a process may take to end that has closed its line.
const dyingFor = time.Second

// kill sees to it that nothing is left of the new process, and tells how that ended by itself, if it did. ends says that it
// is about to.
func (n *heir) kill(ends bool) (fate error) {
	defer n.link.close()
	defer n.release()
	if n.sibling != nil {
		if ends {
			n.sibling.awaitEnd(dyingFor)
		}
		_ = syscall.Kill(-n.pid, syscall.SIGKILL)
		n.sibling.awaitEnd(-1)
		return nil
	}
	var status syscall.WaitStatus
	for end := time.Now().Add(dyingFor); ends && time.Now().Before(end); time.Sleep(time.Millisecond) {
		if pid, err := syscall.Wait4(n.pid, &status, syscall.WNOHANG, nil); err == nil && pid == n.pid {
			_ = syscall.Kill(-n.pid, syscall.SIGKILL) // what it has started; its number is not given away so soon
			return fateOf(status)
		}
	}
	_ = syscall.Kill(-n.pid, syscall.SIGKILL) // the group is there, as its leader is not reaped
	for {
		if _, err := syscall.Wait4(n.pid, nil, 0, nil); !errors.Is(err, syscall.EINTR) {
			return nil
		}
	}
}

// release is for a process that is left to itself.
func (n *heir) release() {
	if n.sibling != nil {
		n.sibling.close()
	}
}

func fateOf(status syscall.WaitStatus) error {
	if status.Signaled() {
		return fmt.Errorf("ended by %s", status.Signal())
	}
	return fmt.Errorf("exit status %d", status.ExitStatus())
}
