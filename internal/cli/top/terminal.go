package top

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// What a terminal is told. The lines are not to be wrapped: a character that is wider than we think would push the
// rest down.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J"
	leaveScreen = "\x1b[?7h\x1b[?25h\x1b[?1049l"
	beginFrame  = "\x1b[?2026h" // where this is known, nothing is shown until the end
	endFrame    = "\x1b[?2026l"
)

// terminal is where top is shown.
type terminal struct {
	in, out *os.File
	wake    *waker

	mu     sync.Mutex
	before *term.State // what to go back to; nil: it is as it was
}

func newTerminal(in, out *os.File) (*terminal, error) {
	wake, err := newWaker()
	if err != nil {
		return nil, err
	}
	return &terminal{in: in, out: out, wake: wake}, nil
}

// enter takes the terminal over.
func (t *terminal) enter() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	before, err := term.MakeRaw(int(t.in.Fd()))
	if err != nil {
		return fmt.Errorf("take over the terminal: %w", err)
	}
	if t.before == nil { // otherwise a shell has changed what we had made of it
		t.before = before
	}
	prepareOutput(t.out)
	_, err = t.out.WriteString(enterScreen)
	return err
}

// leave gives it back as it was. It may be called at any time, and again.
func (t *terminal) leave() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.before == nil {
		return
	}
	// First what cannot block: a terminal that nobody reads would keep us.
	_ = term.Restore(int(t.in.Fd()), t.before)
	t.before = nil
	_, _ = t.out.WriteString(leaveScreen)
}

// size is how large it is now, or what is usual.
func (t *terminal) size() (width, height int) {
	width, height, err := term.GetSize(int(t.out.Fd()))
	if err != nil || width < 1 || height < 1 {
		return 80, 24
	}
	return width, height
}

// draw shows lines at once, or nothing when the terminal has been given back.
func (t *terminal) draw(lines []string) error {
	var b strings.Builder
	b.WriteString(beginFrame + "\x1b[H")
	for i, line := range lines {
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString("\x1b[2K" + line) // cleared first: after a full line it would take the last character along
	}
	b.WriteString(endFrame)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.before == nil {
		return nil
	}
	_, err := t.out.WriteString(b.String())
	return err
}

// pause is how long an ESC may be alone before it is the key of that name.
const pause = 50 * time.Millisecond

// keys reads keys until stop is called, or the terminal is gone.
func (t *terminal) keys(press func(key)) error {
	var sent []byte
	buf := make([]byte, 256)
	for {
		patience := time.Duration(-1)
		if len(sent) > 0 {
			patience = pause
		}
		what, err := t.wake.wait(t.in, patience)
		if err != nil || what == stopped {
			return err
		}
		if what == readable {
			n, err := t.in.Read(buf)
			if err != nil {
				return err
			}
			sent = append(sent, buf[:n]...)
		}
		var keys []key
		keys, sent = decode(sent, what == timedOut)
		for _, k := range keys {
			press(k)
		}
	}
}

// what a wait has come to.
type waited int

const (
	readable waited = iota
	timedOut
	stopped
)
