package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tend.example/tend/internal/cli/client"
	"tend.example/tend/internal/cli/show"
)

// feed is one of the two things that can be followed: T is what it is made of.
type feed[T any] struct {
	name, noun string
	id         func(*T) uint64
	look       func(*T) // at what is to be shown, before the first of it is. nil: it makes no difference
	show       func(*T) error
}

// read shows what is remembered and, with wait, what comes after that.
func (f *feed[T]) read(ctx context.Context, c *commands, daemon *client.Client, path string, last int, wait bool) error {
	info, err := daemon.Info(ctx)
	if err != nil {
		return err
	}
	if path, err = whole(ctx, daemon, path); err != nil {
		return err
	}
	var items []T
	if err := daemon.Recent(ctx, f.name, path, &items); err != nil {
		if client.IsProblem(err, http.StatusNotFound) {
			return fmt.Errorf("this daemon remembers no %s", f.noun)
		}
		return err
	}
	after := ""
	if info.Boot != "" {
		after = info.Boot + "-0"
	}
	if len(items) > 0 && info.Boot != "" {
		after = fmt.Sprintf("%s-%d", info.Boot, f.id(&items[len(items)-1]))
	}
	if last >= 0 {
		items = items[max(0, len(items)-last):]
	}
	for i := range items {
		if f.look != nil {
			f.look(&items[i])
		}
	}
	for i := range items {
		if err := f.show(&items[i]); err != nil {
			return err
		}
	}
	if !wait {
		return nil
	}
	return daemon.Follow(ctx, client.Follow{
		Feed: f.name, Path: path, After: after,
		On:   func(e client.Event) error { return f.event(c, e) },
		Lost: func(err error, retry time.Duration) { c.say("connection lost, next try in %s: %v", retry, err) },
		Back: func() { c.say("connected again") },
	})
}

// whole is the full path of a service, which has to be there: a path of nobody would be followed for ever.
func whole(ctx context.Context, daemon *client.Client, path string) (string, error) {
	if path == "" {
		return "", nil
	}
	tree, err := daemon.Tree(ctx)
	if err != nil {
		return "", err
	}
	s, err := lookUp(ctx, daemon, &tree, path)
	if err != nil {
		return "", err
	}
	return s.Path, nil
}

func (f *feed[T]) event(c *commands, e client.Event) error {
	if e.Type == "gap" {
		c.say("some %s are lost", f.noun)
		return nil
	}
	var item T
	if err := json.Unmarshal(e.Data, &item); err != nil {
		return fmt.Errorf("an event that is none: %w", err)
	}
	return f.show(&item)
}

// say tells what happens meanwhile, where it does not mix with what was asked for.
func (c *commands) say(format string, args ...any) {
	fmt.Fprintf(c.Stderr, "tend: %s\n", show.Plain(fmt.Sprintf(format, args...)))
}

// following makes of a command one that shows a feed.
func following[T any](c *commands, cmd *cobra.Command, flag, short, what string, newFeed func(format) feed[T]) *cobra.Command {
	cmd.Args, cmd.ValidArgsFunction = atMost("PATH"), c.services(1, nil)
	f := formatFlag(cmd)
	var wait bool
	var last int
	cmd.Flags().BoolVarP(&wait, flag, short, false, "go on with what comes, until Ctrl-C")
	cmd.Flags().IntVarP(&last, "lines", "n", -1, "show only so many "+what+" of the past; -1: all that the daemon remembers, up to 1,000, or the last 10 with -"+short)
	cmd.RunE = c.with(func(cmd *cobra.Command, daemon *client.Client, args []string) error {
		switch {
		case last < -1:
			return usage("--lines: %d is negative", last)
		case wait && !cmd.Flags().Changed("lines"):
			last = 10
		}
		feed := newFeed(*f)
		return feed.read(cmd.Context(), c, daemon, tidy(strings.Join(args, "")), last, wait) // of one argument at most
	})
	return cmd
}

func (c *commands) events() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "events [PATH]",
		Short: "Show what happened: the states that services entered",
		Long: "Show what happened: the states that services entered, of a service and all below it, or of all. With -w it goes on\n" +
			"with what comes; when the connection is lost it comes back, and goes on where it was. With -o json there is one\n" +
			"object a line; -o wide has the stacks of panics and hangs.",
		Example: "tend events -w\ntend events timer -n 20",
	}
	return following(c, cmd, "watch", "w", "events", func(f format) feed[client.Entry] {
		shown := eventLines{c: c, format: f, widths: show.Widths{0, 0, len("starting")}}
		return feed[client.Entry]{
			name: client.Events, noun: "events",
			id:   func(e *client.Entry) uint64 { return e.ID },
			look: func(e *client.Entry) { shown.widths.Grow(shown.row(e)) },
			show: shown.show,
		}
	})
}

func (c *commands) logs() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "logs [PATH]",
		Short: "Show the daemon's log",
		Long: "Show the last lines of the daemon's log, of a service and all below it, or all. With -f it goes on with what comes;\n" +
			"when the connection is lost it comes back, and goes on where it was. With -o json there is one object a line; -o wide\n" +
			"has the stacks.",
		Example: "tend logs -f hello\ntend logs -n 100",
	}
	return following(c, cmd, "follow", "f", "lines", func(f format) feed[client.Line] {
		return feed[client.Line]{
			name: client.Logs, noun: "lines of its log",
			id:   func(l *client.Line) uint64 { return l.ID },
			show: func(l *client.Line) error { return c.logLine(l, f) },
		}
	})
}
