package dashboard

import (
	"context"
	"time"

	"tend.example/tend/supervise"
)

// action is a button.
type action struct {
	Verb    string // of the API
	Query   string // after it
	Label   string
	Icon    string
	Key     string // that presses it
	Path    string
	API     string // address to send it to
	Confirm string // question to ask before; "": none
	Danger  bool
	Done    string // to say once it is done
}

// job is what a service has that does something at the times of a schedule, as services.Job does.
type job interface {
	Trigger(ctx context.Context) error
	Pause()
	Times(t time.Time, n int) []time.Time
}

func (n *node) job() (job, bool) { return unwrap[job](n.service) }

// IsRoot tells whether it is the program itself, which nobody steers from here.
func (n *node) IsRoot() bool { return n.above == nil }

// atRest tells whether nothing is under way.
func (n *node) atRest() bool {
	return n.State == supervise.Stopped || n.State == supervise.Done || n.State == supervise.Failed
}

func (n *node) act(verb, label, icon, key, done string) action {
	return action{Verb: verb, Label: label, Icon: icon, Key: key, Done: done, Path: n.Path, API: n.API + "/" + verb}
}

// quick are the buttons of a row.
func (n *node) quick() []action {
	var quick []action
	for _, a := range n.actions() {
		if a.Verb == "trigger" || a.Verb == "restart" || a.Verb == "start" || a.Verb == "stop" {
			quick = append(quick, a)
		}
	}
	return quick
}

// actions are all that can be done to a service now.
func (n *node) actions() []action {
	if n.IsRoot() || n.State == supervise.Stuck {
		return nil
	}
	var all []action
	if _, ok := n.job(); ok {
		all = append(all, n.jobActions()...)
	}
	if n.atRest() || n.State == supervise.Idle {
		return append(all, n.act("start", "Start", "start", "s", "started"))
	}
	restart := n.act("restart", "Restart", "restart", "r", "restarted")
	restart.Confirm, restart.Danger = n.restartQuestion(), true
	if n.State == supervise.Backoff { // nothing runs that could be harmed
		restart.Label, restart.Confirm, restart.Danger = "Restart now", "", false
	}
	stop := n.act("stop", "Stop", "stop", "s", "stopped")
	stop.Confirm, stop.Danger = n.stopQuestion(), true
	all = append(all, restart, stop)
	if n.Restarts > 0 || n.State == supervise.Backoff {
		all = append(all, n.act("reset", "Forget failures", "reset", "", "its failures are forgotten"))
	}
	return all
}

func (n *node) jobActions() []action {
	if n.State != supervise.Running {
		return nil
	}
	all := []action{n.act("trigger", "Run now", "trigger", "t", "a run has begun")}
	if n.Detail.Paused != 0 {
		all = append(all, n.act("resume", "Resume", "resume", "", "its schedule goes on"))
	} else {
		all = append(all, n.act("pause", "Pause", "pause", "", "no run begins by its schedule"))
	}
	if len(n.Detail.UnderWay) > 0 {
		cancel := n.act("cancel", "Cancel the run", "cancel", "", "the run is told to end")
		cancel.Confirm, cancel.Danger = "The run that is under way is told to end, and counts as cancelled.", true
		all = append(all, cancel)
	}
	return all
}

func (n *node) restartQuestion() string {
	switch {
	case n.IsPool():
		return "All " + plural(n.Members(), "member", "members") + " are stopped, and are gone: members do not survive a restart of their pool."
	case len(n.Kids) > 0:
		return "All that is below it is stopped, in reverse order, and started again."
	default:
		return "Its run is told to end, and the next one begins."
	}
}

func (n *node) stopQuestion() string {
	switch {
	case n.IsPool():
		return "All " + plural(n.Members(), "member", "members") + " are stopped, and are gone. It stays stopped until somebody starts it."
	case len(n.Kids) > 0:
		return "All that is below it is stopped, in reverse order. It stays stopped until somebody starts it."
	default:
		return "It stays stopped, through restarts of its group too, until somebody starts it."
	}
}

// warn adds to the questions of the service that serves this page what becomes of the page.
func warn(actions []action, own string) []action {
	for i := range actions {
		if a := &actions[i]; a.Path == own || len(own) > len(a.Path) && own[:len(a.Path)] == a.Path && own[len(a.Path)] == '/' {
			switch a.Verb {
			case "stop":
				a.Confirm += " It serves this page, which then cannot start it again."
			case "restart":
				a.Confirm += " It serves this page, which will be back when it is."
			}
		}
	}
	return actions
}

// drills are the ways in which a service can be made to fail.
func (n *node) drills() []action {
	if n.State != supervise.Running || n.IsRoot() || n.IsPool() || len(n.Kids) > 0 {
		return nil
	}
	var all []action
	for _, mode := range []struct{ name, question string }{
		{"error", "it ends its run with an error."},
		{"panic", "it panics."},
		{"goexit", "its goroutine ends without returning."},
		{"hang", "it does not return any more, whatever it is told: only a new process will mend that."},
		{"fatal", "it ends the whole program with an error."},
	} {
		a := n.act("drill", mode.name, "drill", "", "the drill has begun")
		a.Query, a.Confirm, a.Danger = "?mode="+mode.name, "A drill: "+mode.question, true
		all = append(all, a)
	}
	return all
}
