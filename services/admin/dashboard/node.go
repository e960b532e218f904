package dashboard

import (
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"tend.example/tend/supervise"
)

// node is a part of the tree, with what only the tree's own values tell of it.
type node struct {
	supervise.Status
	Kind   string // what kind of service, in its own words
	Err    string // of the last run
	Last   time.Time
	Kids   []*node
	Detail detail
	Raw    string // a Detail of a kind that is not known
	URL    string
	API    string
	Hidden int // members of a pool that are not among Kids

	service supervise.Service // nil: it is not known
	above   *node
}

// survey makes nodes of a status and all below it.
func (s *site) survey(st *supervise.Status, service supervise.Service, above *node) *node {
	n := &node{Status: *st, Kind: kindOf(service), URL: "/services/" + escape(st.Path), API: "/api/v1/services/" + escape(st.Path), service: service, above: above}
	n.Detail, n.Raw = read(st)
	if st.Err != nil {
		n.Err = fmt.Sprint(st.Err) // which survives an Error method that panics
	}
	if st.Restarts > 0 {
		n.Last = s.lastStart(st)
	}
	members := 0
	for _, count := range st.Counts {
		members += count
	}
	for i := range st.Children {
		kid := &st.Children[i]
		n.Kids = append(n.Kids, s.survey(kid, childOf(service, kid.Name), n))
	}
	n.Hidden = max(0, members-len(n.Kids))
	return n
}

// lastStart is when a child that was restarted began its run.
func (s *site) lastStart(st *supervise.Status) time.Time {
	if s.Journal == nil {
		return st.Since
	}
	events := s.Journal.Recent(st.Path, 100)
	for i := len(events) - 1; i >= 0; i-- {
		if events[i].State == supervise.Starting && events[i].Run > 1 {
			return events[i].Time
		}
	}
	return st.Since
}

// childOf is the service of a child, or nil: those of groups that are served inside another service are not known.
func childOf(above supervise.Service, name string) supervise.Service {
	group, ok := above.(*supervise.Group)
	if !ok {
		return nil
	}
	for _, child := range group.Current() {
		if child.Name == name {
			return child.Service
		}
	}
	return nil
}

// kindOf is a service in its own words.
func kindOf(service supervise.Service) (kind string) {
	defer func() {
		if recover() != nil { // it is foreign
			kind = ""
		}
	}()
	switch service := service.(type) {
	case *supervise.Group:
		kind = "group"
		if service.Strategy != supervise.OneForOne {
			kind += ", " + service.Strategy.String()
		}
		if service.Concurrent {
			kind += ", concurrent"
		}
		return kind
	case *supervise.Pool:
		return "pool"
	}
	if bound, ok := unwrap[interface{ BoundAddr() net.Addr }](service); ok {
		if addr := bound.BoundAddr(); addr != nil {
			return "http " + addr.String()
		}
	}
	if text, ok := unwrap[fmt.Stringer](service); ok {
		return text.String()
	}
	return ""
}

// unwrap finds what has certain methods in a service, which may have wrappers around it.
func unwrap[T any](service supervise.Service) (found T, ok bool) {
	for service != nil {
		if found, ok = service.(T); ok {
			return found, true
		}
		wrapper, is := service.(interface{ Unwrap() supervise.Service })
		if !is {
			break
		}
		service = wrapper.Unwrap()
	}
	return found, false
}

// escape is a path as it stands in a URL.
func escape(path string) string {
	parts := strings.Split(path, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.Join(parts, "/")
}

// LastErr is why the last run failed: of a job that runs and whose last run failed, that run, which is what is news.
func (n *node) LastErr() string {
	if n.State == supervise.Running && n.Detail.failing() {
		return n.Detail.Last[0].Err
	}
	return n.Err
}

// Ready is "ready", "not ready", or "" for one that nobody waits for.
func (n *node) Ready() string {
	switch n.State {
	case supervise.Running:
		return "ready"
	case supervise.Stopped, supervise.Done, supervise.Failed:
		return ""
	default:
		return "not ready"
	}
}

// IsPool tells whether members come and go in it.
func (n *node) IsPool() bool { return n.Counts != nil }

// Members is how many there are.
func (n *node) Members() (sum int) {
	for _, count := range n.Counts {
		sum += count
	}
	return sum
}

// Census is how many members are in each state, in the order of a life.
func (n *node) Census() []stateCount {
	var census []stateCount
	for _, state := range states() {
		if count := n.Counts[state]; count > 0 {
			census = append(census, stateCount{State: state, N: count})
		}
	}
	return census
}

// Above is the way to it, from the root.
func (n *node) Above() (way []*node) {
	for up := n.above; up != nil; up = up.above {
		way = append([]*node{up}, way...)
	}
	return way
}

// each calls f for a node and all below it, in the order of the tree.
func (n *node) each(f func(*node)) {
	f(n)
	for _, kid := range n.Kids {
		kid.each(f)
	}
}

// find finds a path below a node, members of pools included.
func (s *site) find(n *node, path string) *node {
	for n.Path != path {
		next := (*node)(nil)
		for _, kid := range n.Kids {
			if path == kid.Path || strings.HasPrefix(path, kid.Path+"/") {
				next = kid
			}
		}
		if next == nil {
			next = s.member(n, path)
		}
		if next == nil {
			return nil
		}
		n = next
	}
	return n
}

// member is a member of a pool that is well, and so not in its status.
func (s *site) member(pool *node, path string) *node {
	p, ok := pool.service.(*supervise.Pool)
	name, below := strings.CutPrefix(path, pool.Path+"/")
	if !ok || !below {
		return nil
	}
	name, _, _ = strings.Cut(name, "/")
	st, ok := p.Member(name)
	if !ok {
		return nil
	}
	return s.survey(&st, nil, pool)
}
