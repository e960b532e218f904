package cli

import (
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"tend.example/tend/internal/cli/client"
	"tend.example/tend/internal/cli/show"
)

func (c *commands) stacks() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "stacks [PATH]",
		Short: "Show where the goroutines of a service are",
		Long: "Show where the goroutines of a service are, and of all below it; or without PATH how many each service has. With\n" +
			"--cpu the CPU is profiled for so many seconds: a share of 1 is one processor. A service's goroutines are those that\n" +
			"it has started, and those that they have started in turn.",
		Example:           "tend stacks hello\ntend stacks --cpu 5",
		Args:              atMost("PATH"),
		ValidArgsFunction: c.services(1, nil),
	}
	f := formatFlag(cmd)
	var seconds int
	cmd.Flags().IntVar(&seconds, "cpu", 0, "look at the CPU for so many `seconds`, up to 60")
	cmd.RunE = c.with(func(cmd *cobra.Command, daemon *client.Client, args []string) error {
		if seconds < 0 || seconds > 60 {
			return usage("--cpu: %d is not from 0 to 60", seconds)
		}
		if len(args) == 0 {
			shares, err := daemon.Shares(cmd.Context(), seconds)
			if err != nil {
				return err
			}
			return c.shares(shares, seconds > 0, *f)
		}
		path := tidy(args[0])
		share, err := daemon.Stacks(cmd.Context(), path, seconds)
		if err = c.blame(cmd.Context(), daemon, "stacks of", path, 0, err); err != nil {
			return err
		}
		if *f == formatJSON {
			return c.json(share)
		}
		head := show.Plain(share.Path) + ": " + show.Many(share.Goroutines, "goroutine")
		if seconds > 0 {
			head += ", CPU " + processors(share.CPU)
		}
		_, err = io.WriteString(c.Stdout, c.Paint(show.Bold, head)+"\n\n"+strings.TrimRight(show.PlainLines(share.Stacks), "\n")+"\n")
		return err
	})
	return cmd
}

func (c *commands) shares(shares []client.Share, cpu bool, f format) error {
	if f == formatJSON {
		return c.json(shares)
	}
	t := show.Table{Heads: []string{"SERVICE", "GOROUTINES"}}
	if cpu {
		t.Heads = append(t.Heads, "CPU")
	}
	for _, share := range shares {
		path := show.Plain(share.Path)
		if path == "" {
			path = "(no service)"
		}
		row := []show.Cell{show.Text(path), show.Text(show.Count(share.Goroutines))}
		if cpu {
			row = append(row, show.Text(processors(share.CPU)))
		}
		t.Add(row...)
	}
	return t.Write(c.Stdout, c.unlessWide(f))
}

// processors is a share of the CPU.
func processors(share float64) string { return strconv.FormatFloat(share, 'f', 3, 64) }
