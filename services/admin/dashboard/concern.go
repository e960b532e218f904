package dashboard

import (
	"time"

	"tend.example/tend/supervise"
)

const (
	slow       = 10 * time.Second // to start or to stop, before it is worth a word
	mostWrong  = 25               // that are shown at once
	fewMembers = 3                // of a pool that are shown one by one
	freshCrash = 10 * time.Minute // for so long a restart is news
)

// concern is something that somebody should look at.
type concern struct {
	*node
	Tone string // "bad" or "warn"
	Why  string
}

// Icon is that of its state, if that is what is wrong.
func (c concern) Icon() string {
	if c.node == nil || c.State == supervise.Running {
		return "backoff"
	}
	return looksOf(c.State).Name
}

// Remedy is what may help.
func (c concern) Remedy() []action {
	if c.crowded() {
		return nil
	}
	for _, a := range c.actions() {
		if a.Verb == "trigger" || a.Verb == "restart" || a.Verb == "start" {
			return []action{a}
		}
	}
	return nil
}

// concerns finds what is wrong below a node, the worst first. What is only down because of something below it, or above
// it, is left out: that is the thing to look at.
func concerns(root *node, now time.Time) (bad, warn []concern) {
	root.each(func(n *node) {
		if n.above != nil && n.above.crowded() {
			return // the pool is told of
		}
		tone, why := n.wrong(now)
		switch tone {
		case "bad":
			bad = append(bad, concern{n, tone, why})
		case "warn":
			warn = append(warn, concern{n, tone, why})
		}
	})
	return bad, warn
}

// wrong tells what is wrong with a node itself; "": nothing.
func (n *node) wrong(now time.Time) (tone, why string) {
	lasts := now.Sub(n.Since)
	switch n.State {
	case supervise.Stuck:
		return "bad", "did not end when it was told to"
	case supervise.Failed:
		return "bad", "failed, and is not restarted"
	case supervise.Backoff:
		return "warn", "failed, and will be restarted"
	case supervise.Starting:
		if lasts > slow && len(n.Kids) == 0 {
			return "warn", "takes long to be ready"
		}
	case supervise.Stopping:
		if lasts > slow && len(n.Kids) == 0 {
			return "warn", "takes long to stop"
		}
	case supervise.Running:
		return n.ailing()
	case supervise.Idle, supervise.Stopped, supervise.Done:
	}
	return "", ""
}

// ailing tells what is wrong with one that runs.
func (n *node) ailing() (tone, why string) {
	d := &n.Detail
	switch {
	case n.crowded():
		return "warn", number(n.sick()) + " of " + number(n.Members()) + " members have failed, and will be restarted"
	case d.isJobs() && d.Failing > 0:
		return "warn", plural(d.Failing, "job", "jobs") + " failed last time"
	case d.failing():
		return "warn", "its last run " + outcomeWords(d.Last[0].Outcome)
	default:
		return "", ""
	}
}

// sick is how many members of a pool have failed.
func (n *node) sick() int {
	return n.Counts[supervise.Backoff] + n.Counts[supervise.Failed] + n.Counts[supervise.Stuck]
}

// crowded tells whether too many members are not well to tell of each.
func (n *node) crowded() bool { return n.IsPool() && n.sick() > fewMembers }

// Example is an error of what a concern is about.
func (c concern) Example() string {
	if err := c.LastErr(); err != "" || !c.crowded() {
		return err
	}
	for _, kid := range c.Kids {
		if kid.Err != "" {
			return kid.Err
		}
	}
	return ""
}

func outcomeWords(outcome string) string {
	if outcome == "panicked" || outcome == "failed" || outcome == "timed out" {
		return outcome
	}
	return "did not succeed: " + outcome
}

// Fresh tells whether its last restart is news.
func (n *node) Fresh(now time.Time) bool { return !n.Last.IsZero() && now.Sub(n.Last) < freshCrash }

// stateCount is how many are in a state.
type stateCount struct {
	State supervise.State
	N     int
	URL   string // of those
	On    bool   // they are what is shown
}

// census counts leaves by state, members of pools among them.
func census(root *node) (counts map[supervise.State]int) {
	counts = map[supervise.State]int{}
	root.each(func(n *node) {
		switch {
		case n.IsPool():
			for state, count := range n.Counts {
				counts[state] += count
			}
		case n.above != nil && n.above.IsPool(): // it is counted
		case len(n.Kids) == 0:
			counts[n.State]++
		}
	})
	return counts
}
