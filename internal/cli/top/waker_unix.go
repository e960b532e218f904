//go:build unix

package top

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// waker waits for a terminal to have something to read, and can be stopped, which a read cannot.
type waker struct{ r, w *os.File }

func newWaker() (*waker, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("wait for keys: %w", err)
	}
	return &waker{r, w}, nil
}

// stop ends a wait, now or later.
func (w *waker) stop() { w.w.Close() }

// free is for when nobody waits any more.
func (w *waker) free() { w.r.Close() }

// wait waits for in; a negative patience has no end. It is select, as poll knows no terminals on macOS.
func (w *waker) wait(in *os.File, patience time.Duration) (waited, error) {
	var timeout *unix.Timeval
	if patience >= 0 {
		tv := unix.NsecToTimeval(int64(patience))
		timeout = &tv
	}
	for {
		var set unix.FdSet
		set.Set(int(in.Fd()))
		set.Set(int(w.r.Fd()))
		n, err := unix.Select(max(int(in.Fd()), int(w.r.Fd()))+1, &set, nil, nil, timeout)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return stopped, fmt.Errorf("wait for keys: %w", err)
		case n == 0:
			return timedOut, nil
		case set.IsSet(int(w.r.Fd())):
			return stopped, nil
		default:
			return readable, nil
		}
	}
}

// prepareOutput has nothing to do: terminals here speak ANSI.
func prepareOutput(*os.File) {}

// notifyChanged tells when the screen has another size, or the process goes on after it was stopped.
func notifyChanged(changed chan<- os.Signal) {
	signal.Notify(changed, syscall.SIGWINCH, syscall.SIGCONT)
}

// wentOn tells whether a shell may have had the terminal meanwhile.
func wentOn(s os.Signal) bool { return s == syscall.SIGCONT }

// endings are the signals that end a process without a word, and would leave the terminal as it is.
func endings() []os.Signal { return []os.Signal{syscall.SIGHUP, syscall.SIGQUIT} }

// suspend stops the process, as Ctrl-Z does where it is a signal.
func suspend() { _ = unix.Kill(0, unix.SIGTSTP) }
