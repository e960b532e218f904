package cli

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"tend.example/tend/internal/cli/client"
)

func (c *commands) upgrade() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "upgrade",
		Short: "Have the daemon replace itself by its newer file, and lose no request",
		Long: "Have the daemon start the file that now has its name, with its listening sockets, and end when that is ready.\n" +
			"When the new process ends, or is not ready in time, the old one goes on, and the exit code is 1.",
		Args: atMost(),
	}
	f := formatFlag(cmd)
	var wait time.Duration
	waitFlag(cmd, &wait, "how long to wait for its end, beyond --upgrade-timeout of the daemon; the daemon goes on after that")
	cmd.RunE = c.with(func(cmd *cobra.Command, daemon *client.Client, _ []string) error {
		if wait <= 0 {
			return usage("--timeout: %s is not positive", wait)
		}
		err := daemon.Upgrade(cmd.Context(), wait)
		switch {
		case client.IsProblem(err, http.StatusNotFound):
			return errors.New("this daemon cannot be upgraded while it runs")
		case err != nil:
			return err
		}
		daemon.Close() // the connection is to the old process
		info, err := daemon.Info(cmd.Context())
		switch {
		case err != nil:
			return err
		case *f == formatJSON:
			return c.json(map[string]int{"pid": info.PID})
		default:
			return c.print("process " + strconv.Itoa(info.PID) + " serves")
		}
	})
	return cmd
}
