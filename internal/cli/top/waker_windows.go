//go:build windows

package top

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// waker waits for a console to have something to read, and can be stopped, which a read cannot.
type waker struct{ stopping windows.Handle }

func newWaker() (*waker, error) {
	event, err := windows.CreateEvent(nil, 1, 0, nil)
	if err != nil {
		return nil, fmt.Errorf("wait for keys: %w", err)
	}
	return &waker{event}, nil
}

// stop ends a wait, now or later.
func (w *waker) stop() { _ = windows.SetEvent(w.stopping) }

// free is for when nobody waits any more.
func (w *waker) free() { _ = windows.CloseHandle(w.stopping) }

// wait waits for in; a negative patience has no end.
func (w *waker) wait(in *os.File, patience time.Duration) (waited, error) {
	timeout := uint32(windows.INFINITE)
	if patience >= 0 {
		timeout = uint32(patience.Milliseconds())
	}
	which, err := windows.WaitForMultipleObjects([]windows.Handle{w.stopping, windows.Handle(in.Fd())}, false, timeout)
	switch {
	case err != nil:
		return stopped, fmt.Errorf("wait for keys: %w", err)
	case which == uint32(windows.WAIT_TIMEOUT):
		return timedOut, nil
	case which == windows.WAIT_OBJECT_0:
		return stopped, nil
	default:
		return readable, nil
	}
}

// prepareOutput lets a console obey ANSI, which not every one does by itself.
func prepareOutput(out *os.File) {
	var mode uint32
	if windows.GetConsoleMode(windows.Handle(out.Fd()), &mode) == nil {
		_ = windows.SetConsoleMode(windows.Handle(out.Fd()), mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING)
	}
}

// notifyChanged has no signal to wait for: the next second shows another size.
func notifyChanged(chan<- os.Signal) {}

func wentOn(os.Signal) bool { return false }

func endings() []os.Signal { return nil }

func suspend() {}
