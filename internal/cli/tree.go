package cli

import (
	"github.com/spf13/cobra"

	"tend.example/tend/internal/cli/client"
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
		var t table
		c.branch(&t, &found[0], *f, "", "")
		return t.write(c.Stdout, c.unlessWide(*f))
	})
	return cmd
}

// branch adds a service and all below it, with what is drawn before them.
func (c *commands) branch(t *table, s *client.Status, f format, before, beforeChildren string) {
	now := c.Now()
	name := plain(s.Name)
	if name == "" || beforeChildren == "" && before == "" {
		name = plain(s.Path)
	}
	row := []cell{{before + name, noColour}, {plain(s.State), stateColour(s.State)}, {since(s.Since, now), noColour}}
	if f == formatWide {
		row = append(row, cell{plain(s.Policy), faint})
	}
	t.add(append(row, cell{note(s, now), noColour})...)
	for i := range s.Children {
		if i < len(s.Children)-1 {
			c.branch(t, &s.Children[i], f, beforeChildren+"├── ", beforeChildren+"│   ")
		} else {
			c.branch(t, &s.Children[i], f, beforeChildren+"└── ", beforeChildren+"    ")
		}
	}
}
