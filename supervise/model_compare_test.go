package supervise_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"tend.example/tend/supervise"
)

// compare lets the model do what the tree has done, and compares all that can be seen.
func (c *modelCase) compare(model func()) {
	seen, gaps, woe := c.world.take()
	c.model.log, c.model.delays, c.model.problems = nil, gaps, nil
	c.model.settle()
	model()
	c.model.pass(c.model.now) // what is due at once
	for _, item := range seen {
		c.trace = append(c.trace, "    "+item.text)
	}
	if c.model.open {
		return
	}
	c.wrong = append(append(c.wrong, woe...), c.model.problems...)
	c.compareLog(seen, true)
	c.compareLog(seen, false)
	c.compareStatus()
	c.compareCalls()
	c.compareEnd()
}

func (c *modelCase) differ(format string, args ...any) {
	c.wrong = append(c.wrong, fmt.Sprintf(format, args...))
}

// compareLog compares the events, or what the services did: all have to be there, and in an order
// in which each comes after what it follows from.
func (c *modelCase) compareLog(seen []modelItem, events bool) {
	var got, want []string
	places := map[string][]int{}
	for _, item := range seen {
		if item.event == events {
			places[item.text] = append(places[item.text], len(got))
			got = append(got, item.text)
		}
	}
	place := make([]int, len(c.model.log)) // of the item, or of the last one of its kind before
	misplaced := ""
	for i, item := range c.model.log {
		before := -1
		if item.after >= 0 {
			before = place[item.after]
		}
		place[i] = before
		if item.event != events {
			continue
		}
		want = append(want, item.text)
		if at := places[item.text]; len(at) > 0 {
			places[item.text] = at[1:]
			place[i] = at[0]
			if at[0] < before {
				misplaced = fmt.Sprintf("%q came before %q", item.text, got[before])
			}
		}
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(got))); diff != "" {
		c.differ("events=%t, sorted (-want +got):\n%s\nwant:\n\t%s", events, diff, strings.Join(want, "\n\t"))
	} else if misplaced != "" {
		c.differ("events=%t: %s", events, misplaced)
	}
}

// compareStatus compares the states of all nodes.
func (c *modelCase) compareStatus() {
	got := c.world.group.Status()
	root := c.model.root
	want := fmt.Sprintf("%s %v run %d since %v: %s", root.path, root.state, root.run, root.since, root.err)
	seen := fmt.Sprintf("%s %v run %d since %v: %s", got.Path, got.State, got.Run, c.model.offset(got.Since), describeErr(got.Err))
	if want != seen {
		c.differ("status:\n\tgot  %s\n\twant %s", seen, want)
	}
	c.compareChildren(root, got)
}

func (c *modelCase) compareChildren(g *modelGroup, got supervise.Status) {
	kids := slices.Clone(g.kids)
	if g.loose() {
		kids = c.compareCounts(g, got)
	}
	if len(kids) != len(got.Children) {
		c.differ("status of %s: got %d children, want %d", g.path, len(got.Children), len(kids))
		return
	}
	for i, m := range kids {
		st := got.Children[i]
		want := fmt.Sprintf("%s %v run %d restarts %d since %v next %v: %s", m.path, m.state, m.run, m.restarts, m.since, m.next, m.err)
		seen := fmt.Sprintf("%s %v run %d restarts %d since %v next %v: %s", st.Path, st.State, st.Run, st.Restarts,
			c.model.offset(st.Since), c.model.offset(st.Next), describeErr(st.Err))
		if want != seen {
			c.differ("status:\n\tgot  %s\n\twant %s", seen, want)
		}
		if st.Policy != m.policy {
			c.differ("policy of %s: got %v, want %v", st.Path, st.Policy, m.policy)
		}
		if m.sub != nil {
			c.compareChildren(m.sub, st)
		}
	}
}

// compareCounts compares how many members of a pool are in each state, and returns those that a
// status shows.
func (c *modelCase) compareCounts(g *modelGroup, got supervise.Status) (shown []*modelChild) {
	want := map[supervise.State]int{}
	for _, m := range g.kids {
		want[m.state]++
		if m.state != supervise.Running {
			shown = append(shown, m)
		}
	}
	if diff := cmp.Diff(want, got.Counts); diff != "" && len(want)+len(got.Counts) > 0 {
		c.differ("counts of %s (-want +got):\n%s", g.path, diff)
	}
	if n := c.world.pools[g.path].Len(); n != len(g.kids) {
		c.differ("Len of %s: got %d, want %d", g.path, n, len(g.kids))
	}
	slices.SortFunc(shown, func(a, b *modelChild) int { return strings.Compare(a.path, b.path) })
	slices.SortFunc(got.Children, func(a, b supervise.Status) int { return strings.Compare(a.Path, b.Path) })
	return shown
}

// compareCalls compares the answers that have come.
func (c *modelCase) compareCalls() {
	for i, call := range c.model.calls {
		actual := c.world.calls[i]
		if call.dropped {
			continue
		}
		select {
		case <-actual.done:
			if !slices.Contains(call.answers, actual.answer) {
				c.differ("%s: got %q, want one of %q", call.what, actual.answer, call.answers)
			}
			call.dropped = true
		default:
			if len(call.answers) > 0 {
				c.differ("%s: no answer, want one of %q", call.what, call.answers)
			}
		}
	}
}

// compareEnd compares the verdict, when it has come.
func (c *modelCase) compareEnd() {
	root := c.model.root
	if got := c.world.hasEnded(); got != !root.serving {
		c.differ("Serve has ended: got %t, want %t", got, !root.serving)
		return
	}
	if root.serving {
		return
	}
	want := root.verdict()
	if got := describeErr(c.world.err); got != want.String() {
		c.differ("Serve:\n\tgot  %s\n\twant %s", got, want)
	}
	if got := supervise.ExitCode(c.world.err); got != want.exitCode() {
		c.differ("exit code: got %d, want %d, of %s", got, want.exitCode(), want)
	}
}
