package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tend.example/tend/internal/cli/client"
	"tend.example/tend/internal/cli/show"
)

// defaultWait is how long an action may take that takes its time.
const defaultWait = 30 * time.Second

// deed is something that can be done to services.
type deed struct {
	short, long string
	slow        bool // it waits for runs to end or to begin
	job         bool
}

func deeds() map[string]deed {
	return map[string]deed{
		"restart": {
			"Restart services", "End the run of each service, wait for that, and begin the next; or only begin it, if the service waits in backoff or is at rest.", true, false,
		},
		"stop":  {"Stop services, and keep them stopped", "Stop each service, and keep it stopped until tend start: through restarts of its siblings and of its group, too.\nThe end of its run is waited for.", true, false},
		"start": {"Start services that are stopped, done or failed", "Start each service that is stopped, done or failed.", true, false},
		"reset": {
			"Forget the failures of services",
			"Forget the failures of each service: what its limit counts, and how long its backoff has grown. It ends no backoff, and restarts nothing.", false, false,
		},
		"pause":  {"Let no run of a job begin by its schedule", "Let no run of a job begin by its schedule until tend resume. A run that is under way goes on; tend trigger still begins one.", false, true},
		"resume": {"End a pause", "End a pause: runs begin by the schedule again.", false, true},
		"cancel": {"End the runs of a job that are under way", "Tell the runs of a job that are under way to end, and show how many there were. Its schedule goes on.", false, true},
	}
}

// act is the command of a deed.
func (c *commands) act(verb string) *cobra.Command {
	d := deeds()[verb]
	cmd := &cobra.Command{
		Use: verb + " PATH...", Short: d.short, Long: d.long,
		Args:              atLeastOne("PATH"),
		ValidArgsFunction: c.services(-1, nil),
	}
	if d.job {
		cmd.ValidArgsFunction = c.services(-1, isJob)
	}
	f := formatFlag(cmd)
	var wait time.Duration
	if d.slow {
		waitFlag(cmd, &wait, "how long to wait for each; the daemon goes on after that")
	}
	cmd.RunE = c.with(func(cmd *cobra.Command, daemon *client.Client, paths []string) error {
		if d.slow && wait <= 0 {
			return usage("--timeout: %s is not positive", wait)
		}
		all := []acted{}
		var faults []error
		for _, path := range paths {
			done, err := daemon.Act(cmd.Context(), tidy(path), verb, wait)
			if err = c.blame(cmd.Context(), daemon, verb, tidy(path), wait, err); err != nil {
				faults = append(faults, err)
				if lostInterest(err) {
					break
				}
				continue
			}
			if done.Err != "" {
				faults = append(faults, fmt.Errorf("%s %s: done, but %s", verb, path, done.Err))
			}
			all = append(all, newActed(&done))
			if *f == formatJSON {
				continue
			}
			if err := c.print(c.outcome(verb, &done)); err != nil {
				return err
			}
		}
		if *f == formatJSON {
			faults = append(faults, c.json(all))
		}
		return errors.Join(faults...)
	})
	return cmd
}

// acted is a service after a deed, without what is below it.
type acted struct {
	client.Status
	Cancelled *int `json:"cancelled,omitempty"`
}

func newActed(done *client.Done) acted {
	a := acted{done.Status, done.Cancelled}
	a.Children = nil
	return a
}

// outcome is how a service is after a deed.
func (c *commands) outcome(verb string, done *client.Done) string {
	s := &done.Status
	text := verb + " " + show.Plain(s.Path) + ": "
	if done.Cancelled != nil {
		text += toldToEnd(*done.Cancelled) + "; "
	}
	text += c.Paint(show.StateColour(s.State), show.Plain(s.State))
	if about := show.Note(s, c.Now()); about != "" {
		text += "; " + about
	}
	return text
}

func toldToEnd(runs int) string {
	switch runs {
	case 0:
		return "no run was under way"
	case 1:
		return "1 run told to end"
	default:
		return show.Count(runs) + " runs told to end"
	}
}

func waitFlag(cmd *cobra.Command, wait *time.Duration, what string) {
	cmd.Flags().DurationVar(wait, "timeout", defaultWait, what)
}

// lostInterest tells whether it makes no sense to ask for more.
func lostInterest(err error) bool {
	code := exitCode(err)
	return code == exitUnavailable || code == exitRefused || errors.Is(err, context.Canceled)
}

// blame makes of an answer about a service an error that tells more: whether there is such a service, and what.
func (c *commands) blame(ctx context.Context, daemon *client.Client, verb, path string, wait time.Duration, err error) error {
	switch {
	case err == nil:
		return nil
	case client.IsProblem(err, http.StatusNotFound, http.StatusMethodNotAllowed):
		tree, fault := daemon.Tree(ctx)
		if fault != nil {
			return fault
		}
		if _, fault = lookUp(ctx, daemon, &tree, path); fault != nil {
			return fault
		}
	case client.IsProblem(err, http.StatusGatewayTimeout):
		return fmt.Errorf("%s %s: takes longer than %s; the daemon goes on with it", verb, path, wait)
	case client.IsProblem(err, http.StatusUnauthorized), lostInterest(err) && !client.IsProblem(err, http.StatusForbidden):
		return err
	case strings.HasPrefix(err.Error(), verb+" "): // it says so itself
		return err
	}
	return fmt.Errorf("%s %s: %w", verb, path, err)
}

func (c *commands) trigger() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "trigger PATH",
		Short: "Begin a run of a job now",
		Long: "Begin a run of a job now, beside its schedule. With --wait the exit code is 1 when the run does not succeed;\n" +
			"without, it is 0 as soon as the run has begun or waits for its turn.",
		Args:              exactly("PATH"),
		ValidArgsFunction: c.services(1, isJob),
	}
	f := formatFlag(cmd)
	var wait bool
	var patience time.Duration
	cmd.Flags().BoolVarP(&wait, "wait", "w", false, "wait for its end, and tell what became of it")
	waitFlag(cmd, &patience, "how long to wait with --wait; the run goes on after that")
	cmd.RunE = c.with(func(cmd *cobra.Command, daemon *client.Client, paths []string) error {
		takes := patience
		if !wait {
			takes = 0
		} else if takes <= 0 {
			return usage("--timeout: %s is not positive", patience)
		}
		path := tidy(paths[0])
		outcome, err := daemon.Trigger(cmd.Context(), path, takes)
		if err = c.blame(cmd.Context(), daemon, "trigger", path, patience, err); err != nil {
			return err
		}
		switch {
		case *f == formatJSON:
			err = c.json(outcome)
		case outcome.Outcome == "":
			err = c.print("trigger " + show.Plain(path) + ": begun")
		case outcome.Outcome == "succeeded":
			err = c.print("trigger " + show.Plain(path) + ": " + c.Paint(show.Green, "succeeded"))
		default:
			err = c.print("trigger " + show.Plain(path) + ": " + c.Paint(show.Red, show.Plain(outcome.Outcome)) + "; " + show.Plain(outcome.Err))
		}
		if err == nil && outcome.Outcome != "" && outcome.Outcome != "succeeded" {
			return said(exitFailed)
		}
		return err
	})
	return cmd
}
