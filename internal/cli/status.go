package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tend.example/tend/internal/cli/client"
	"tend.example/tend/internal/cli/show"
)

func (c *commands) status() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status [PATH...]",
		Short: "Show how services are",
		Long: "Show how services are: those named and all below them, or all.\n\n" +
			"The exit code is 0 when each of them runs or is done, 3 when one does not, and 4 when there is no such service.",
		Example:           "tend status\ntend status hello jobs -o wide\ntend status -o json | jq -r '.[] | select(.state != \"running\") | .path'",
		Args:              between(0, -1),
		ValidArgsFunction: c.services(-1, nil),
	}
	f := formatFlag(cmd)
	cmd.RunE = c.with(func(cmd *cobra.Command, daemon *client.Client, paths []string) error {
		found, fault := c.find(cmd.Context(), daemon, paths)
		if fault != nil && found == nil {
			return fault
		}
		var list []*client.Status
		allWell := true
		for i := range found {
			list = append(list, show.Flat(&found[i])...)
			allWell = allWell && show.Well(&found[i])
		}
		if err := c.show(*f, list); err != nil {
			return err
		}
		if fault == nil && !allWell {
			return said(exitUnwell)
		}
		return fault
	})
	return cmd
}

// find is what the daemon has at these paths, or all of it. Besides what it finds it returns what it does not.
func (c *commands) find(ctx context.Context, daemon *client.Client, paths []string) ([]client.Status, error) {
	tree, err := daemon.Tree(ctx)
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return []client.Status{tree}, nil
	}
	var found []client.Status
	var faults []error
	for _, path := range paths {
		s, err := lookUp(ctx, daemon, &tree, tidy(path))
		if err != nil {
			faults = append(faults, err)
			continue
		}
		found = append(found, *s)
	}
	return found, errors.Join(faults...)
}

// lookUp finds a service in a tree, by its path with or without the root's name. A member of a pool that is well is not
// in it: the daemon may know of one.
func lookUp(ctx context.Context, daemon *client.Client, tree *client.Status, path string) (*client.Status, error) {
	var near *client.Status
	for _, s := range show.Flat(tree) {
		switch s.Path {
		case path:
			return s, nil // the root, or a path that begins with its name
		case tree.Name + "/" + path:
			near = s
		}
	}
	if near != nil {
		return near, nil
	}
	service, err := daemon.Service(ctx, path)
	switch {
	case client.IsProblem(err, http.StatusNotFound, http.StatusMethodNotAllowed):
		return nil, noService(tree, path)
	case err != nil:
		return nil, err
	}
	return &service.Status, nil
}

// show prints services in a table, or as a JSON array.
func (c *commands) show(f format, list []*client.Status) error {
	if f == formatJSON {
		return c.json(withoutChildren(list))
	}
	now := c.Now()
	t := show.Table{Heads: []string{"SERVICE", "STATE", "FOR", "RESTARTS", "NOTE"}}
	if f == formatWide {
		t.Heads = []string{"SERVICE", "STATE", "SINCE", "RUN", "RESTARTS", "POLICY", "NOTE"}
	}
	for _, s := range list {
		row := []show.Cell{show.Text(show.Plain(s.Path)), show.In(show.StateColour(s.State), show.Plain(s.State))}
		if f == formatWide {
			row = append(row, show.Text(c.clock(s.Since)), show.Text(show.Num(s.Run)), show.Text(show.Num(s.Restarts)), show.In(show.Faint, show.Plain(s.Policy)))
		} else {
			row = append(row, show.Text(show.Since(s.Since, now)), show.Text(show.Num(s.Restarts)))
		}
		t.Add(append(row, show.Text(show.Note(s, now)))...)
	}
	return t.Write(c.Stdout, c.unlessWide(f))
}

// unlessWide is a console that cuts lines only if the user has not asked for all there is.
func (c *commands) unlessWide(f format) show.Console {
	shown := c.Console
	if f == formatWide {
		shown.Width = 0
	}
	return shown
}

// withoutChildren is for a list that has them by themselves.
func withoutChildren(list []*client.Status) []client.Status {
	out := make([]client.Status, len(list))
	for i, s := range list {
		out[i] = *s
		out[i].Children = nil
	}
	return out
}

// clock is a moment, for people.
func (c *commands) clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(c.Now().Location()).Format("2006-01-02 15:04:05")
}

// json prints a value, over several lines.
func (c *commands) json(v any) error { return c.encode(v, "  ") }

// jsonLine prints a value in one line.
func (c *commands) jsonLine(v any) error { return c.encode(v, "") }

func (c *commands) encode(v any, indent string) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", indent)
	if err := encoder.Encode(v); err != nil {
		return err
	}
	_, err := c.Stdout.Write(show.PlainJSON(text.Bytes()))
	return err
}

func (c *commands) print(lines ...string) error {
	_, err := io.WriteString(c.Stdout, strings.Join(lines, "\n")+"\n")
	return err
}
