package supervise

import (
	"encoding/json"
	"fmt"
	"runtime"
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

	// Detail is what the service tells of itself, by a method Detail() any, which has to be quick and may not
	// wait: in JSON it stands as it is marshalled. nil: it has no such method.
	Detail any

	// Counts is how many members of a pool are in each state; states without one are left out.
	Counts map[State]int

	// MemberPolicy is that of a pool's members, those to come included, as it was given: without defaults, which it
	// has in JSON. nil: it is no pool, or one that has not been served.
	MemberPolicy *Policy

	// Children are those of a group, and groups that are served inside a child. Of a pool they are
	// members that are not Running, at most 100, so that a Status of a large pool stays small.
	Children []Status
}

// shown is how many members of a pool a Status has.
const shown = 100

// MarshalJSON is described at Status.
func (s Status) MarshalJSON() ([]byte, error) {
	out := struct {
		Name     string        `json:"name"`
		Path     string        `json:"path"`
		State    State         `json:"state"`
		Run      int           `json:"run,omitzero"`
		Restarts int           `json:"restarts,omitzero"`
		Since    time.Time     `json:"since,omitzero"`
		Next     time.Time     `json:"next,omitzero"`
		Err      string        `json:"err,omitzero"`
		Policy   Policy        `json:"policy,omitzero"`
		Detail   any           `json:"detail,omitempty"`
		Counts   map[State]int `json:"counts,omitempty"`
		Members  *Policy       `json:"member_policy,omitzero"`
		Children []Status      `json:"children,omitempty"`
	}{s.Name, s.Path, s.State, s.Run, s.Restarts, s.Since, s.Next, "", s.Policy, nil, s.Counts, nil, s.Children}
	if s.MemberPolicy != nil {
		whole := s.MemberPolicy.WithDefaults()
		out.Members = &whole
	}
	if s.Detail != nil {
		out.Detail = detailText(s.Detail)
	}
	if s.Err != nil {
		out.Err = errText(s.Err)
	}
	return json.Marshal(out)
}

// detailText is what a Detail is in JSON, or why it is nothing: it is foreign.
func detailText(detail any) (text json.RawMessage) {
	defer func() {
		if value := recover(); value != nil {
			text, _ = json.Marshal(fmt.Sprintf("panic: %v", value))
		}
	}()
	text, err := json.Marshal(detail)
	if err != nil {
		text, _ = json.Marshal(errText(err))
	}
	return text
}

// detailOf asks a service for its detail. It is foreign, and may panic.
func detailOf(s Service) (detail any) {
	d, ok := s.(interface{ Detail() any })
	if !ok {
		return nil
	}
	defer func() {
		if value := recover(); value != nil {
			detail = fmt.Sprintf("panic: %v", value)
		}
	}()
	return d.Detail()
}

// status is taken group by group, never with the locks of two held at once.
func (s *serving) status() Status {
	st, below := s.snapshot()
	for i := range st.Children {
		below[i].fill(&st.Children[i])
	}
	return st
}

// statusOf is the status of one child, and what is below it. The child may have left the pool.
func (s *serving) statusOf(c *record) (st Status, ok bool) {
	s.mu.Lock()
	st, ok = c.status(), c.at >= 0
	below := c.keeper.beneath()
	s.mu.Unlock()
	if ok {
		below.fill(&st)
	}
	return st, ok
}

// beneath is what may have children below one child.
type beneath struct {
	service Service
	inside  []*serving // groups that are served inside its run
}

// beneath is what the keeper has. The caller holds the group's lock.
func (k *keeper) beneath() beneath {
	b := beneath{service: k.service}
	if r := k.present(); r != nil {
		b.inside = r.adopted()
	}
	return b
}

// fill adds to the status of the child what it does not know by itself.
func (b *beneath) fill(st *Status) {
	if own, ok := b.service.(branch); ok {
		statusBelow(st, own)
	}
	st.Detail = detailOf(b.service)
	for _, sub := range b.inside {
		st.Children = append(st.Children, sub.status())
	}
}

// snapshot is the group and its own children, and what is below each.
func (s *serving) snapshot() (Status, []beneath) {
	// A restart that had to wait for the lock is woken on this processor, where someone who asks
	// in a loop would let it wait for a whole time slice.
	defer runtime.Gosched()
	s.mu.Lock()
	defer s.mu.Unlock()
	st, children := s.self, s.rules.children
	if s.rules.loose {
		st.Counts, st.MemberPolicy = s.rules.census(), new(s.members.given)
		children = children[:min(s.rules.ailing, shown)]
	}
	st.Children = make([]Status, len(children))
	below := make([]beneath, len(children))
	for i, c := range children {
		st.Children[i] = c.status()
		below[i] = c.keeper.beneath()
	}
	return st, below
}

// statusBelow adds to the status of a child what it keeps.
func statusBelow(st *Status, b branch) {
	if s := b.tenure().Load(); s != nil && s.path == st.Path {
		own := s.status()
		st.Counts, st.MemberPolicy, st.Children = own.Counts, own.MemberPolicy, own.Children
	} else if g, ok := b.(*Group); ok && g != nil {
		st.Children = g.idleStatus(st.Path).Children
	}
}

// idleStatus is the status of a tree that has not been served.
func (g *Group) idleStatus(path string) Status {
	children := g.Current()
	st := Status{Name: g.Name, Path: path, Children: make([]Status, len(children))}
	for i := range children {
		c := &children[i]
		r := c.record(path + "/" + c.Name)
		st.Children[i] = r.status()
		if sub, ok := c.Service.(*Group); ok && sub != nil {
			st.Children[i].Children = sub.idleStatus(r.path).Children
		}
	}
	return st
}
