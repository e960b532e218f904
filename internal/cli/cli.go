// Package cli is tend's command line: the daemon itself, and the commands that talk to one that runs.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"syscall"
	"time"

	"tend.example/tend/internal/cli/client"
	"tend.example/tend/internal/cli/show"
	"tend.example/tend/internal/config"
	"tend.example/tend/internal/tendfile"
	"tend.example/tend/supervise"
)

// Exit codes, those of sysexits where it has one.
const (
	exitFailed      = 1
	exitUnwell      = 3   // as that of systemctl status
	exitNoService   = 4   // likewise
	exitUsage       = 64  // EX_USAGE
	exitUnavailable = 69  // EX_UNAVAILABLE: nobody answers
	exitRefused     = 77  // EX_NOPERM
	exitConfig      = 78  // EX_CONFIG
	exitPipe        = 141 // as if ended by SIGPIPE
)

// Program is what the command line is of, and where it is run.
type Program struct {
	Version string

	// Loader finds settings; its Args are filled in.
	Loader config.Loader

	// Serve is the daemon with settings, and with what found them. It returns the exit code.
	Serve func(ctx context.Context, l config.Loader, s *config.Settings) int

	Stdin          io.Reader
	Stdout, Stderr io.Writer

	Env func(key string) string // nil: os.Getenv
	Now func() time.Time        // nil: time.Now; its zone is that of the times that are shown
}

// Run does what args ask for until that is done or ctx ends, and returns the exit code. If the cause of ctx's end is a
// *supervise.ExitError, a command other than the daemon ends with its code.
func (p Program) Run(ctx context.Context, args []string) int {
	if p.Env == nil {
		p.Env = os.Getenv
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	c := &commands{Program: p, Console: show.NewConsole(p.Stdout, p.Env)}
	root := c.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if c.helpFault != nil {
		err = c.helpFault
	}
	if ended := context.Cause(ctx); ended != nil && err != nil && !errors.As(err, new(said)) {
		return interrupted(ended)
	}
	if code := exitCode(err); err != nil {
		c.complain(err)
		return code
	}
	return 0
}

// interrupted is the exit code of a command that was told to end.
func interrupted(cause error) int {
	if code := supervise.ExitCode(cause); code != 0 && code != exitFailed {
		return code
	}
	return 128 + int(syscall.SIGINT)
}

// said is the exit code of a command of which nothing is left to be said.
type said int

func (s said) Error() string { return fmt.Sprintf("exit code %d", int(s)) }

// complain says what went wrong, a line each.
func (c *commands) complain(err error) {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range several.Unwrap() {
			c.complain(one)
		}
		return
	}
	var code said
	if errors.As(err, &code) || errors.Is(err, syscall.EPIPE) {
		return
	}
	if faults := tendfile.Faults(nil); errors.As(err, &faults) {
		fmt.Fprintf(c.Stderr, "%s\n", faults) // an editor finds its way by lines that begin with a place
		return
	}
	fmt.Fprintf(c.Stderr, "tend: %s\n", show.Plain(explain(err)))
}

// exitCode is that of the first error in a list that has one.
func exitCode(err error) int {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range several.Unwrap() {
			if code := exitCode(one); code != 0 {
				return code
			}
		}
		return 0
	}
	var code said
	var exit *supervise.ExitError
	var unreachable *client.UnreachableError
	var foreign *client.ForeignError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &exit):
		return exit.Code
	case errors.Is(err, syscall.EPIPE):
		return exitPipe
	case client.IsProblem(err, http.StatusUnauthorized, http.StatusForbidden, http.StatusMisdirectedRequest), errors.Is(err, fs.ErrPermission):
		return exitRefused
	case errors.As(err, &unreachable), errors.As(err, &foreign):
		return exitUnavailable
	case client.IsProblem(err, http.StatusBadRequest):
		return exitUsage
	default:
		return exitFailed
	}
}

// explain adds what can be done about it.
func explain(err error) string {
	var unreachable *client.UnreachableError
	switch {
	case client.IsProblem(err, http.StatusUnauthorized):
		return "the token is refused, or there is none: give --token-file FILE, or set TEND_ADMIN_TOKEN_FILE"
	case errors.As(err, &unreachable) && errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("%s may not be used by this user: %v", unreachable.Addr, unreachable.Err)
	default:
		return err.Error()
	}
}

// usage is a fault of the command line.
func usage(format string, args ...any) error {
	return &supervise.ExitError{Code: exitUsage, Err: fmt.Errorf(format, args...)}
}
