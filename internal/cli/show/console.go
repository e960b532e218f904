package show

import (
	"os"

	"golang.org/x/term"
)

// Console is what is known of where a command writes to.
type Console struct {
	Colour bool
	Width  int // columns; 0: it is no terminal, and there is no need to cut anything
}

// NewConsole looks at a stream. There are colours on a terminal, unless NO_COLOR says that there are none.
func NewConsole(stream any, env func(string) string) Console {
	var c Console
	if fd, ok := Terminal(stream); ok {
		c.Colour = env("NO_COLOR") == "" && env("TERM") != "dumb"
		if width, _, err := term.GetSize(fd); err == nil {
			c.Width = width
		}
	}
	return c
}

// Terminal is the descriptor of a stream, if that is a terminal.
func Terminal(stream any) (fd int, ok bool) {
	f, ok := stream.(*os.File)
	if !ok {
		return 0, false
	}
	fd = int(f.Fd())
	return fd, term.IsTerminal(fd)
}

// Colour is how a terminal shows a text.
type Colour string

// The colours of ANSI, which every terminal has and whose shades are the user's choice.
const (
	NoColour Colour = ""
	Bold     Colour = "1"
	Faint    Colour = "2"
	Reverse  Colour = "7"
	Red      Colour = "1;31"
	Green    Colour = "32"
	Yellow   Colour = "33"
	Cyan     Colour = "36"
)

// Paint gives a text a colour, if there are colours.
func (c Console) Paint(how Colour, text string) string {
	if !c.Colour || how == NoColour || text == "" {
		return text
	}
	return "\x1b[" + string(how) + "m" + text + "\x1b[0m"
}

// StateColour goes with the word, and never stands alone.
func StateColour(state string) Colour {
	switch state {
	case "running":
		return Green
	case "starting", "stopping":
		return Cyan
	case "backoff":
		return Yellow
	case "failed", "stuck":
		return Red
	default:
		return Faint
	}
}
