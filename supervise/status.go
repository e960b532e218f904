package supervise

import (
	"encoding/json"
	"time"
)

// Status is what a child, or a group, looks like at one moment. In JSON the keys are lower case,
// errors are text, times RFC 3339, and zero fields are left out (an idle state is not).
type Status struct {
	Name     string
	Path     string
	State    State
	Run      int       // number of the last run, from 1; 0: none yet
	Restarts int       // runs that the policy began
	Since    time.Time // when it entered State
	Next     time.Time // in Backoff: when the next run begins
	Err      error     // why the last run that is over ended; nil when it ended cleanly
	Policy   Policy    // with defaults; -1 stands for none
	Children []Status  // of a group, and groups that are served inside a child
}

// MarshalJSON is described at Status.
func (s Status) MarshalJSON() ([]byte, error) {
	out := struct {
		Name     string    `json:"name"`
		Path     string    `json:"path"`
		State    State     `json:"state"`
		Run      int       `json:"run,omitzero"`
		Restarts int       `json:"restarts,omitzero"`
		Since    time.Time `json:"since,omitzero"`
		Next     time.Time `json:"next,omitzero"`
		Err      string    `json:"err,omitzero"`
		Policy   Policy    `json:"policy,omitzero"`
		Children []Status  `json:"children,omitempty"`
	}{s.Name, s.Path, s.State, s.Run, s.Restarts, s.Since, s.Next, "", s.Policy, s.Children}
	if s.Err != nil {
		out.Err = errText(s.Err)
	}
	return json.Marshal(out)
}

// status is taken group by group, never with the locks of two held at once.
func (s *serving) status() Status {
	st, inside := s.snapshot()
	for i := range st.Children {
		c := &st.Children[i]
		if g, ok := s.group.Children[i].Service.(*Group); ok {
			c.Children = g.childStatus(c.Path)
		}
		for _, sub := range inside[i] {
			c.Children = append(c.Children, sub.status())
		}
	}
	return st
}

// snapshot is the group and its own children, with the groups that are served inside them.
func (s *serving) snapshot() (Status, map[int][]*serving) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.self
	st.Children = make([]Status, len(s.rules.children))
	var inside map[int][]*serving
	for i := range s.rules.children {
		st.Children[i] = s.rules.children[i].status()
		if r := s.keepers[i].run; r != nil && st.Children[i].State.active() {
			if groups := r.adopted(); len(groups) > 0 {
				if inside == nil {
					inside = map[int][]*serving{}
				}
				inside[i] = groups
			}
		}
	}
	return st, inside
}

func (c *record) status() Status {
	return Status{
		Name: c.name, Path: c.path, State: c.state, Run: c.run, Restarts: c.restarts,
		Since: c.since, Next: c.next, Err: c.err, Policy: c.policy,
	}
}

// childStatus is the children of a group that is a child itself.
func (g *Group) childStatus(path string) []Status {
	if s := g.last.Load(); s != nil && s.path == path {
		return s.status().Children
	}
	return g.idleStatus(path).Children
}

// idleStatus is the status of a tree that has not been served.
func (g *Group) idleStatus(path string) Status {
	st := Status{Name: g.Name, Path: path, Children: make([]Status, len(g.Children))}
	for i := range g.Children {
		c := &g.Children[i]
		r := c.record(path + "/" + c.Name)
		st.Children[i] = r.status()
		if sub, ok := c.Service.(*Group); ok && sub != nil {
			st.Children[i].Children = sub.idleStatus(r.path).Children
		}
	}
	return st
}
