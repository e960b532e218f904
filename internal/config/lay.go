package config

import (
	"fmt"
	"slices"

	"tend.example/tend/internal/tendfile"
	"tend.example/tend/supervise"
)

// policies lays them over a tree of the same shape, without services in it.
func (r *resolver) policies() {
	r.Policies.settings = append(r.ownPolicies(), r.Policies.settings...)
	slices.SortStableFunc(r.Policies.settings, func(a, b setting) int { return int(a.layer - b.layer) })
	tree := &supervise.Group{Name: Root, Children: shape(r.Services)}
	if !slices.Contains(r.Without, "admin") {
		tree.Children = slices.Insert(tree.Children, 0, supervise.Child{Name: "admin"})
	}
	r.tree = tree
	for _, fault := range r.Policies.apply(tree) {
		switch s := fault.setting; {
		case s.layer == envLayer:
			r.faults.rest.Add(tendfile.Place{File: s.from}, "%q%v", s, fault.err)
		case s.layer == fileLayer:
			r.faults.rest.Add(s.place, "policy %q%v", s.text, fault.err)
		case r.faults.usage == nil:
			r.faults.usage = fmt.Errorf("--policy %q%w", s, fault.err)
		}
	}
	r.significant(tree.Children, "")
}

// ownPolicies are those that services themselves have.
func (r *resolver) ownPolicies() (own []setting) {
	r.each(r.Services, "", func(path string, s *tendfile.Service) {
		if s.Policy != "" && tendfile.CheckPolicy(s.Policy) == nil {
			own = append(own, setting{path: path, text: s.Policy, layer: fileLayer, place: r.place(path, ".policy")})
		}
	})
	return own
}

// shape is children without services, with the policies that they begin with.
func shape(services []tendfile.Service) []supervise.Child {
	children := make([]supervise.Child, len(services))
	for i, s := range services {
		children[i] = supervise.Child{Name: s.Name, Policy: BasePolicy(s), Significant: s.Significant}
		if s.Group != nil {
			children[i].Service = &supervise.Group{Children: shape(s.Group.Services)}
		}
	}
	return children
}

func (r *resolver) significant(children []supervise.Child, above string) {
	for _, c := range children {
		path := above + c.Name
		if c.Significant && c.Policy.Restart == supervise.Always {
			r.fault(path, ".significant", "significant: needs a policy with restart=on-failure or restart=never: with always it is never done")
		}
		if g, ok := c.Service.(*supervise.Group); ok {
			r.significant(g.Children, path+"/")
		}
	}
}
