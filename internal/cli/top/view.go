package top

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"tend.example/tend/internal/cli/client"
	"tend.example/tend/internal/cli/show"
)

// view is the screen: as many lines as it has, none wider than it is.
func (m *model) view(c show.Console, height int, now time.Time) []string {
	if c.Width < 1 || height < 1 {
		return nil
	}
	lines := []string{m.header(c, now)}
	var body []string
	room := max(height-2, 0)
	switch m.page {
	case pageHelp:
		body = helpLines(c)
	case pageService:
		body = m.serviceLines(c, now)
		m.scroll = max(min(m.scroll, len(body)-room), 0)
		body = body[m.scroll:]
	case pageTree:
		body = m.treeLines(c, room, now)
	}
	m.height = room
	lines = append(lines, body[:min(len(body), room)]...)
	for len(lines) < height-1 {
		lines = append(lines, "")
	}
	if height > 1 {
		lines = append(lines, m.footer(c))
	}
	return lines[:height]
}

func (m *model) header(c show.Console, now time.Time) string {
	n, states := census(&m.tree)
	left := show.Plain(m.tree.Name)
	if m.info.Version != "" {
		left += " " + show.Plain(m.info.Version)
	}
	if !m.info.Started.IsZero() {
		left += "  up " + show.Age(now.Sub(m.info.Started))
	}
	left += "  " + show.Many(n, "service") + ": " + show.Counts(states)
	mark, how := "live", show.Green
	if m.lost != "" {
		mark, how = "reconnecting: "+show.Plain(m.lost), show.Red
	}
	mark = show.Fit(mark, c.Width)
	left = show.Fit(left, c.Width-show.Columns(mark)-2)
	return c.Paint(show.Bold, left) + show.Spaces(c.Width-show.Columns(left)-show.Columns(mark)) + c.Paint(how, mark)
}

// treeLines is the page of the tree. The selected row is in it.
func (m *model) treeLines(c show.Console, room int, now time.Time) []string {
	room = max(room-1, 0) // for the heads
	at := max(m.index(), 0)
	m.first = max(min(m.first, at, len(m.rows)-room), at-room+1, 0)
	shown := m.rows[min(m.first, len(m.rows)):min(m.first+room, len(m.rows))]
	t := show.Table{Heads: []string{"  SERVICE", "STATE", "FOR", "RESTARTS", "NOTE"}}
	for i, r := range shown {
		s := r.status
		mark, how := "  ", show.StateColour(s.State)
		if m.first+i == at {
			mark, how = "> ", show.NoColour // the whole line is reversed
		}
		t.Add(show.Text(mark+r.name), show.In(how, show.Plain(s.State)), show.Text(show.Since(s.Since, now)), show.Text(show.Num(s.Restarts)),
			show.Text(show.Note(s, now)))
	}
	lines := t.Lines(c)
	if i := at - m.first + 1; len(m.rows) > 0 && i < len(lines) {
		lines[i] = "\x1b[7m" + lines[i] + show.Spaces(c.Width-show.Columns(lines[i])) + "\x1b[0m" // not a colour, so NO_COLOR is none of its business
	}
	if len(m.rows) == 0 {
		lines = append(lines, show.Fit("  nothing matches "+show.Plain(m.filter), c.Width))
	}
	return lines
}

func (m *model) footer(c show.Console) string {
	switch {
	case m.question != deed{}:
		return c.Paint(show.Bold, show.Fit(m.question.verb+" "+show.Plain(m.question.path)+"? y/n", c.Width))
	case m.typing:
		return c.Paint(show.Bold, show.Fit("/"+show.Plain(m.filter)+"_", c.Width))
	case m.message != "" && m.fault:
		return c.Paint(show.Red, show.Fit(m.message, c.Width))
	case m.message != "":
		return show.Fit(m.message, c.Width)
	}
	keys := "arrows jk move  Enter service  / filter  r restart  s stop or start  ? help  q quit"
	switch {
	case m.page == pageHelp:
		keys = "any key: back  q quit"
	case m.page == pageService:
		keys = "arrows jk scroll  Esc back  r restart  s stop or start  q quit"
	case m.filter != "":
		keys = "filter: " + show.Plain(m.filter) + "  Esc all  " + keys
	}
	return c.Paint(show.Faint, show.Fit(keys, c.Width))
}

func helpLines(c show.Console) []string {
	t := show.Table{}
	for _, line := range [][2]string{
		{"arrows, j, k", "move, or scroll on the page of a service"},
		{"PgUp, PgDn, Home, End", "farther"},
		{"Enter", "the page of the selected service: policy, runs, last error, events"},
		{"Esc", "back; in the tree: end the filter"},
		{"/", "show only services with these words in their path or state, such as backoff"},
		{"r", "restart the service, after y"},
		{"s", "stop it, or start one that is stopped, done or failed, after y"},
		{"?", "this"},
		{"q, Ctrl-C", "quit"},
	} {
		t.Add(show.In(show.Bold, "  "+line[0]), show.Text(line[1]))
	}
	return append([]string{""}, t.Lines(c)...)
}

// serviceLines is the page of a service, all of it.
func (m *model) serviceLines(c show.Console, now time.Time) []string {
	s := &m.service.Status
	lines := []string{
		c.Paint(show.Bold, show.Fit(show.Plain(s.Path), c.Width)),
	}
	t := show.Table{}
	add := func(name, value string) {
		if value != "" {
			t.Add(show.In(show.Faint, name), show.Text(value))
		}
	}
	state := show.Plain(s.State)
	if !s.Since.IsZero() {
		state += " for " + show.Since(s.Since, now)
	}
	t.Add(show.In(show.Faint, "state"), show.In(show.StateColour(s.State), state))
	add("run", show.Num(s.Run))
	add("restarts", show.Num(s.Restarts))
	add("note", show.Note(s, now))
	add("policy", show.Plain(cmp.Or(m.service.Policy, s.Policy)))
	if job, ok := show.JobOf(s); ok {
		add("schedule", show.Plain(job.Schedule))
	}
	if e := m.service.LastError; e != nil {
		add("last error", show.Since(e.Time, now)+" ago: "+show.Plain(e.Err))
	}
	lines = append(lines, t.Lines(c)...)
	lines = append(lines, runLines(c, s, now)...)
	lines = append(lines, m.eventLines(c, now)...)
	return append(lines, m.stackLines(c)...)
}

func title(c show.Console, text string) []string {
	return []string{"", c.Paint(show.Bold, show.Fit(text, c.Width))}
}

func runLines(c show.Console, s *client.Status, now time.Time) []string {
	job, ok := show.JobOf(s)
	if !ok || len(job.Last) == 0 {
		return nil
	}
	t := show.Table{}
	for _, run := range job.Last[:min(len(job.Last), 10)] {
		how := show.Red
		if run.Outcome == "succeeded" {
			how = show.Green
		}
		t.Add(show.Text(fmt.Sprintf("%d", run.ID)), show.In(how, show.Plain(run.Outcome)), show.Text(show.Since(run.Ended, now)+" ago"),
			show.Text("took "+run.Ended.Sub(run.Started).Round(time.Millisecond).String()), show.Text(show.Plain(run.Err)))
	}
	return append(title(c, "Runs, the latest first"), t.Lines(c)...)
}

// eventLines has the latest first, as the page is read from its top.
func (m *model) eventLines(c show.Console, now time.Time) []string {
	if len(m.service.Events) == 0 {
		return nil
	}
	t := show.Table{}
	for _, e := range slices.Backward(m.service.Events) {
		about := show.Plain(e.Err)
		if e.Delay != "" {
			about = strings.TrimSuffix("again in "+show.Delay(e.Delay)+"; "+about, "; ")
		}
		t.Add(show.Text(show.Since(e.Time, now)+" ago"), show.In(show.StateColour(e.State), show.Plain(e.State)), show.Text("run "+show.Count(e.Run)), show.Text(about))
	}
	return append(title(c, "Events, the latest first"), t.Lines(c)...)
}

func (m *model) stackLines(c show.Console) []string {
	e := m.service.LastError
	if e == nil || e.Stack == "" {
		return nil
	}
	lines := title(c, "Stack of the last error")
	for line := range strings.SplitSeq(strings.TrimRight(e.Stack, "\n"), "\n") {
		lines = append(lines, show.Fit(show.Plain(strings.ReplaceAll(line, "\t", "    ")), c.Width))
	}
	return lines
}
