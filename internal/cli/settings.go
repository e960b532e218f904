package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"tend.example/tend/internal/cli/client"
	"tend.example/tend/internal/cli/show"
)

func (c *commands) policy() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy PATH [key=value,...]",
		Short: "Show or change the policy of a service",
		Long: "Show the policy of a service, or change what key=value names of it, at once and without a restart. It lasts until\n" +
			"the daemon ends. Of a pool, PATH/* is the policy of its members.",
		Example:           "tend policy hello\ntend policy hello backoff=1s..1m,limit=5/10m",
		Args:              between(1, 2, "PATH"),
		ValidArgsFunction: then(c.services(1, nil), policyKeys),
	}
	f := formatFlag(cmd)
	var all bool
	cmd.Flags().BoolVar(&all, "replace", false, "set the whole policy: what is not named becomes the default")
	cmd.RunE = c.with(func(cmd *cobra.Command, daemon *client.Client, args []string) error {
		path := tidy(args[0])
		var now string
		var err error
		switch {
		case len(args) == 2:
			now, err = daemon.SetPolicy(cmd.Context(), path, args[1], all)
		case all:
			return usage("--replace: with what? there is no key=value")
		default:
			now, err = policyOf(cmd.Context(), daemon, path)
		}
		if err = c.blame(cmd.Context(), daemon, "policy of", path, 0, err); err != nil {
			return err
		}
		switch *f {
		case formatJSON:
			return c.json(now)
		case formatWide:
			return c.print(strings.Split(show.Plain(now), ",")...)
		default:
			return c.print(show.Plain(now))
		}
	})
	return cmd
}

// policyOf is the policy of a service, or of the members of a pool.
func policyOf(ctx context.Context, daemon *client.Client, path string) (string, error) {
	pool, members := strings.CutSuffix(path, "/*")
	service, err := daemon.Service(ctx, pool)
	switch {
	case err != nil:
		return "", err
	case members && service.Status.Members == "":
		return "", errors.New("it is no pool that runs")
	case members:
		return service.Status.Members, nil
	case service.Policy == "":
		return "", errors.New("the program itself has none: only what it runs has")
	default:
		return service.Policy, nil
	}
}

// policyKeys offers the keys that have not been typed yet.
func policyKeys(_ *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	before := typed[:strings.LastIndexByte(typed, ',')+1]
	var keys []cobra.Completion
	for _, key := range []string{"restart", "backoff", "reset", "limit", "start", "start-timeout", "stop-timeout", "heartbeat", "panic"} {
		if !strings.Contains(","+before, ","+key+"=") {
			keys = append(keys, before+key+"=")
		}
	}
	return keys, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
}

func (c *commands) logLevel() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "log-level [LEVEL]",
		Short:             "Show or set the lowest level that the daemon logs",
		Long:              "Show or set the lowest level that the daemon logs: debug, info, warn or error. It lasts until the daemon ends.",
		Args:              atMost("LEVEL"),
		ValidArgsFunction: then(fixed("debug", "info", "warn", "error"), fixed()),
	}
	f := formatFlag(cmd)
	cmd.RunE = c.with(func(cmd *cobra.Command, daemon *client.Client, args []string) (err error) {
		var now string
		if len(args) == 0 {
			now, err = daemon.LogLevel(cmd.Context())
		} else {
			now, err = daemon.SetLogLevel(cmd.Context(), args[0])
		}
		switch {
		case client.IsProblem(err, http.StatusNotFound):
			return errors.New("this daemon has a log level that cannot be changed")
		case err != nil:
			return err
		case *f == formatJSON:
			return c.json(now)
		default:
			return c.print(show.Plain(now))
		}
	})
	return cmd
}

func (c *commands) drill() *cobra.Command {
	modes := []string{"error", "panic", "goexit", "hang", "fatal"}
	cmd := &cobra.Command{
		Use:   "drill PATH MODE",
		Short: "Make a service fail, to try out its policy",
		Long: "Make a service fail, to try out its policy: by an error, a panic, runtime.Goexit, by hanging whatever it is told, or\n" +
			"by an error that ends the whole tree. The daemon allows it only when it was started with --drill.",
		Example:           "tend drill timer panic",
		Args:              exactly("PATH", "MODE: "+strings.Join(modes, ", ")),
		ValidArgsFunction: then(c.services(1, nil), fixed(modes...)),
	}
	f := formatFlag(cmd)
	cmd.RunE = c.with(func(cmd *cobra.Command, daemon *client.Client, args []string) error {
		path, mode := tidy(args[0]), args[1]
		err := daemon.Drill(cmd.Context(), path, mode)
		if client.IsProblem(err, http.StatusNotFound) {
			if info, fault := daemon.Info(cmd.Context()); fault == nil && !info.Drill {
				return errors.New("this daemon allows no drills: it was started without --drill")
			}
		}
		switch err = c.blame(cmd.Context(), daemon, "drill", path, 0, err); {
		case err != nil:
			return err
		case *f == formatJSON:
			return c.json(map[string]string{"path": path, "mode": mode})
		default:
			return c.print(fmt.Sprintf("drill %s: %s", show.Plain(path), show.Plain(mode)))
		}
	})
	return cmd
}
