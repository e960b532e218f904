package cli

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tend.example/tend/internal/cli/client"
	"tend.example/tend/internal/cli/show"
)

func (c *commands) reload() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Have the daemon load its configuration again",
		Long: "Have the daemon load its configuration again, and show what it changed. Nothing else is touched. When the file is not right, the old\n" +
			"settings stay, and the exit code is 78.",
		Example: "tend reload --dry-run",
		Args:    atMost(),
	}
	f := formatFlag(cmd)
	var dryRun bool
	var wait time.Duration
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only show what would change")
	waitFlag(cmd, &wait, "how long to wait for its end; the daemon goes on after that")
	cmd.RunE = c.with(func(cmd *cobra.Command, daemon *client.Client, _ []string) error {
		if wait <= 0 {
			return usage("--timeout: %s is not positive", wait)
		}
		report, err := daemon.Reload(cmd.Context(), dryRun, wait)
		switch {
		case client.IsProblem(err, http.StatusUnprocessableEntity):
			return c.unfit(err)
		case client.IsProblem(err, http.StatusNotFound):
			return errors.New("this daemon cannot reload")
		case err != nil:
			return err
		case *f == formatJSON:
			return c.json(report)
		}
		return c.showReport(report)
	})
	return cmd
}

// unfit says what is wrong with the configuration, a line each, as the daemon does when it is started with it.
func (c *commands) unfit(err error) error {
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintln(c.Stderr, show.Plain(strings.TrimSpace(line)))
	}
	return said(exitConfig)
}

func (c *commands) showReport(report client.Report) error {
	var lines []string
	for _, change := range report.Changes {
		line := change.Action + " " + change.Path
		if change.What != "" {
			line += ": " + change.What
		}
		lines = append(lines, show.Plain(line))
	}
	switch {
	case report.UnderWay:
		lines = append(lines, "the admin side restarts, too: the log tells of the rest")
	case len(report.Changes) == 0:
		lines = append(lines, "nothing has changed")
	}
	if err := c.print(lines...); err != nil {
		return err
	}
	if report.Err != "" {
		return errors.New(report.Err)
	}
	return nil
}
