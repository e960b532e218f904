package cli

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"tend.example/tend/internal/cli/client"
	"tend.example/tend/internal/cli/show"
)

func (c *commands) next() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "next [PATH]",
		Short: "Show when jobs run next",
		Long: "Show when each job runs next and how its last run went, the next one first; or with PATH the next times of that job.\n" +
			"Times are those of the zone of the schedule, with their offset from UTC.",
		Example:           "tend next\ntend next nightly -n 5",
		Args:              atMost("PATH"),
		ValidArgsFunction: c.services(1, isJob),
	}
	f := formatFlag(cmd)
	var n int
	cmd.Flags().IntVarP(&n, "number", "n", 10, "how many times, with PATH")
	cmd.RunE = c.with(func(cmd *cobra.Command, daemon *client.Client, args []string) error {
		switch {
		case n < 1:
			return usage("--number: %d is not positive", n)
		case len(args) == 1:
			return c.nextOf(cmd, daemon, tidy(args[0]), n, *f)
		case cmd.Flags().Changed("number"):
			return usage("--number: of which job? there is no PATH")
		}
		tree, err := daemon.Tree(cmd.Context())
		if err != nil {
			return err
		}
		return c.nextOfAll(&tree, *f)
	})
	return cmd
}

// nextOf shows the times of one job.
func (c *commands) nextOf(cmd *cobra.Command, daemon *client.Client, path string, n int, f format) error {
	upcoming, err := daemon.Upcoming(cmd.Context(), path, n)
	if err = c.blame(cmd.Context(), daemon, "next of", path, 0, err); err != nil {
		return err
	}
	if f == formatJSON {
		return c.json(upcoming)
	}
	if why := held(path, &upcoming); why != "" {
		if err := c.print(why); err != nil {
			return err
		}
	}
	now := c.Now()
	t := show.Table{Heads: []string{"NEXT", "IN"}}
	for _, at := range upcoming.Next {
		t.Add(show.Text(moment(at, f)), show.Text(show.Soon(at.Sub(now))))
	}
	return t.Write(c.Stdout, c.unlessWide(f))
}

// held tells why a job does not run at its times; "": it does.
func held(path string, u *client.Upcoming) string {
	switch u.State {
	case "stopped", "done", "failed":
		return show.Plain(path+" is "+u.State) + ": without tend start none of these begins"
	case "stuck":
		return show.Plain(path) + " is stuck: none of these begins"
	}
	if u.Paused {
		return show.Plain(path) + " is paused: before tend resume none of these begins"
	}
	return ""
}

// moment is a time as the daemon has given it, which is in the zone of the schedule: three o'clock there is what its
// expression says, whatever the clock shows here.
func moment(t time.Time, f format) string {
	switch {
	case t.IsZero():
		return ""
	case f == formatWide:
		return t.Format("2006-01-02 15:04:05.000 -07:00")
	default:
		return t.Format("2006-01-02 15:04:05 -07:00")
	}
}

// nextJob is a line of tend next.
type nextJob struct {
	Path     string    `json:"path"`
	Schedule string    `json:"schedule,omitzero"`
	Next     time.Time `json:"next,omitzero"`
	Paused   bool      `json:"paused,omitzero"`
	Last     string    `json:"last,omitzero"` // outcome
	Ended    time.Time `json:"ended,omitzero"`
	Took     string    `json:"took,omitzero"`
	Runs     int       `json:"runs"`
	Missed   int       `json:"missed,omitzero"`

	err string
}

func (c *commands) nextOfAll(tree *client.Status, f format) error {
	jobs := []nextJob{}
	for _, s := range show.Flat(tree) {
		if d, ok := show.JobOf(s); ok {
			jobs = append(jobs, newNextJob(s.Path, &d))
		}
	}
	slices.SortStableFunc(jobs, func(a, b nextJob) int {
		if a.Next.IsZero() != b.Next.IsZero() { // what runs no more comes last
			if a.Next.IsZero() {
				return 1
			}
			return -1
		}
		return a.Next.Compare(b.Next)
	})
	if f == formatJSON {
		return c.json(jobs)
	}
	now := c.Now()
	t := show.Table{Heads: []string{"JOB", "NEXT", "IN", "LAST", "AGO", "SCHEDULE"}}
	if f == formatWide {
		t.Heads = []string{"JOB", "NEXT", "IN", "LAST", "ENDED", "TOOK", "RUNS", "MISSED", "SCHEDULE", "ERROR"}
	}
	for i := range jobs {
		t.Add(nextRow(&jobs[i], now, f)...)
	}
	return t.Write(c.Stdout, c.unlessWide(f))
}

func newNextJob(path string, d *show.Job) nextJob {
	j := nextJob{Path: path, Schedule: d.Schedule, Next: d.Next, Paused: d.Paused, Runs: d.Counts.Runs, Missed: d.Counts.Missed}
	if len(d.Last) > 0 {
		last := &d.Last[0]
		j.Last, j.Ended, j.err = last.Outcome, last.Ended, last.Err
		j.Took = last.Ended.Sub(last.Started).Round(time.Millisecond).String()
	}
	return j
}

func nextRow(j *nextJob, now time.Time, f format) []show.Cell {
	in := ""
	switch {
	case j.Paused:
		in = "paused"
	case !j.Next.IsZero():
		in = show.Soon(j.Next.Sub(now))
	}
	how := show.Red
	if j.Last == "succeeded" {
		how = show.Green
	}
	row := []show.Cell{show.Text(show.Plain(j.Path)), show.Text(moment(j.Next, f)), show.Text(in), show.In(how, show.Plain(j.Last))}
	if f == formatWide {
		return append(row, show.Text(moment(j.Ended, f)), show.Text(j.Took), show.Text(show.Count(j.Runs)), show.Text(show.Num(j.Missed)),
			show.In(show.Faint, show.Plain(j.Schedule)), show.Text(show.Plain(j.err)))
	}
	return append(row, show.Text(show.Since(j.Ended, now)), show.In(show.Faint, show.Plain(j.Schedule)))
}

// text is a JSON value as a person writes it: a string without its quotes.
func text(v json.RawMessage) string {
	var s string
	if json.Unmarshal(v, &s) == nil {
		return s
	}
	return string(v)
}
