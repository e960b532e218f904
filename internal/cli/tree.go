package cli

import (
	"github.com/spf13/cobra"

	"tend.example/tend/internal/cli/client"
	"tend.example/tend/internal/cli/show"
)

func (c *commands) tree() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tree [PATH]",
		Short: "Show the tree",
		Long: "Show the tree, or a service and all below it, in the order in which it starts; it stops in the reverse.\n" +
			"Of a pool only those members are shown that are not running, at most 100.",
		Example:           "tend tree\ntend tree jobs -o wide",
		Args:              atMost("PATH"),
		ValidArgsFunction: c.services(1, nil),
	}
	f := formatFlag(cmd)
	cmd.RunE = c.with(func(cmd *cobra.Command, daemon *client.Client, paths []string) error {
		found, err := c.find(cmd.Context(), daemon, paths)
		if err != nil {
			return err
		}
		if *f == formatJSON {
			return c.json(found[0])
		}
		var t show.Table
		c.branch(&t, &found[0], *f, "", "")
		return t.Write(c.Stdout, c.unlessWide(*f))
	})
	return cmd
}

// branch adds a service and all below it, with what is drawn before them.
func (c *commands) branch(t *show.Table, s *client.Status, f format, before, beforeChildren string) {
	now := c.Now()
	name := show.Plain(s.Name)
	if name == "" || beforeChildren == "" && before == "" {
		name = show.Plain(s.Path)
	}
	row := []show.Cell{show.Text(before + name), show.In(show.StateColour(s.State), show.Plain(s.State)), show.Text(show.Since(s.Since, now))}
	if f == formatWide {
		row = append(row, show.In(show.Faint, show.Plain(s.Policy)))
	}
	t.Add(append(row, show.Text(show.Note(s, now)))...)
	for i := range s.Children {
		if i < len(s.Children)-1 {
			c.branch(t, &s.Children[i], f, beforeChildren+"├── ", beforeChildren+"│   ")
		} else {
			c.branch(t, &s.Children[i], f, beforeChildren+"└── ", beforeChildren+"    ")
		}
	}
}
