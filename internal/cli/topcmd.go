package cli

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"tend.example/tend/internal/cli/client"
	"tend.example/tend/internal/cli/show"
	"tend.example/tend/internal/cli/top"
	"tend.example/tend/supervise"
)

func (c *commands) top() *cobra.Command {
	return &cobra.Command{
		Use:   "top",
		Short: "Watch the tree live, and steer it by the keyboard",
		Long: "Watch the tree live, and steer it by the keyboard. When the connection is lost it comes back by itself.\n\n" +
			"  arrows, j, k             move; PgUp, PgDn, Home, End: farther\n" +
			"  Enter                    the page of a service: policy, runs, last error, events; Esc: back\n" +
			"  /                        show only services with these words in their path or state; Esc: all\n" +
			"  r                        restart the service, after y\n" +
			"  s                        stop it, or start one that is at rest, after y\n" +
			"  ?                        help\n" +
			"  q, Ctrl-C                quit",
		Args: atMost(),
		RunE: c.with(func(cmd *cobra.Command, daemon *client.Client, _ []string) error {
			_, reads := show.Terminal(c.Stdin)
			_, shows := show.Terminal(c.Stdout)
			if !reads || !shows || c.Env("TERM") == "dumb" {
				return usage("top: this is no terminal that it could be shown on; there is tend status")
			}
			err := top.Top{Daemon: daemon, In: c.Stdin.(*os.File), Out: c.Stdout.(*os.File), Colour: c.Colour, Now: c.Now}.Run(cmd.Context())
			var signalled *supervise.ExitError
			if errors.As(err, &signalled) {
				return said(signalled.Code)
			}
			return err
		}),
	}
}
