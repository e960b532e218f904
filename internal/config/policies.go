package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tend.example/tend/internal/spelling"
	"tend.example/tend/internal/tendfile"
	"tend.example/tend/supervise"
)

// Policies is what the flag --policy collects, and the environment and the file have of it: settings for
// every service, and settings for one. It is a pflag.Value.
type Policies struct {
	settings []setting
}

// setting is one use of the flag, or an entry of the file.
type setting struct {
	path  string // "": every service
	text  string // key=value,... ; has been parsed once
	layer layer
	from  string         // the variable of the environment
	place tendfile.Place // in the file
}

// layer is where a setting came from. Those of a later one are laid over all of an earlier one.
type layer int

const (
	fileLayer layer = iota
	envLayer
	flagLayer
	layers
)

func (s setting) String() string {
	if s.path == "" {
		return s.text
	}
	return s.path + ":" + s.text
}

// origin is for people.
func (s setting) origin() string {
	switch s.layer {
	case fileLayer:
		return s.place.String()
	case envLayer:
		return s.from
	default:
		return "flag"
	}
}

// Set reads [PATH:]key=value,... and adds it to what was set before.
func (p *Policies) Set(text string) error { return p.add(text, setting{layer: flagLayer}) }

// add completes s by what text says.
func (p *Policies) add(text string, s setting) error {
	s.text = text
	if i := strings.LastIndexByte(text, ':'); i >= 0 { // a name may hold a colon, a setting does not
		s.path, s.text = text[:i], text[i+1:]
		if s.path == "" {
			return errors.New("no path before the colon")
		}
	}
	if err := tendfile.CheckPolicy(s.text); err != nil {
		return err
	}
	p.settings = append(p.settings, s)
	return nil
}

// String is what was set, parted by blanks.
func (p *Policies) String() string {
	texts := make([]string, len(p.settings))
	for i, s := range p.settings {
		texts[i] = s.String()
	}
	return strings.Join(texts, " ")
}

// Type is how the help text calls a value.
func (p *Policies) Type() string { return "[PATH:]key=value,..." }

// Apply lays the settings over the policies of the tree's children, at every depth, and of the members
// of its pools, whose path is the pool's with "/*": those of the file, over them those of the environment, and over
// them those of the command line. Of each, first come those for every service, then those for its
// path, each in the order in which they were given, and each only the keys it names. A heartbeat for every
// service passes over groups and pools, which have none. A path that the tree doesn't have, and a policy
// that is not a legal one, is an error like those of Parse.
func (p *Policies) Apply(tree *supervise.Group) error {
	for _, fault := range p.apply(tree) {
		return usageError(fmt.Errorf("--policy %q%w", fault.setting, fault.err))
	}
	return nil
}

// settingFault is what is wrong with a setting. err begins with the path at which that shows, if any, and a colon.
type settingFault struct {
	setting setting
	err     error
}

func (p *Policies) apply(tree *supervise.Group) (faults []settingFault) {
	targets := targets{}
	targets.collect(tree.Name, tree.Children)
	byPath := make(map[string][]setting, len(targets))
	var forAll []setting
	for _, s := range p.settings {
		path := tree.Name + "/" + strings.TrimPrefix(s.path, tree.Name+"/")
		switch {
		case s.path == "":
			forAll = append(forAll, s)
		case targets[path].policy == nil:
			faults = append(faults, settingFault{s, fmt.Errorf(": %w", targets.unknown(s.path, tree.Name))})
		default:
			byPath[path] = append(byPath[path], s)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(targets)) {
		for layer := range layers {
			faults = append(faults, targets[path].lay(path, of(layer, forAll), of(layer, byPath[path]))...)
		}
	}
	return faults
}

func of(layer layer, settings []setting) (those []setting) {
	for _, s := range settings {
		if s.layer == layer {
			those = append(those, s)
		}
	}
	return those
}

// target is a policy that settings can be laid over.
type target struct {
	policy *supervise.Policy
	branch bool // of a group or a pool itself
}

func (t target) lay(path string, forAll, own []setting) []settingFault {
	before := t.policy.Heartbeat
	faults := t.set(path, forAll)
	if t.branch {
		t.policy.Heartbeat = before
	}
	return append(faults, t.set(path, own)...)
}

func (t target) set(path string, settings []setting) (faults []settingFault) {
	for _, s := range settings {
		if err := t.policy.UnmarshalText([]byte(s.text)); err != nil {
			faults = append(faults, settingFault{s, fmt.Errorf(" for %s: %w", path, err)})
		}
	}
	return faults
}

// targets are the policies of a tree, by path.
type targets map[string]target

func (t targets) collect(path string, children []supervise.Child) {
	for i := range children {
		child := &children[i]
		at := path + "/" + child.Name
		switch service := child.Service.(type) {
		case *supervise.Group:
			t[at] = target{&child.Policy, true}
			t.collect(at, service.Children)
		case *supervise.Pool:
			t[at] = target{&child.Policy, true}
			t[at+"/*"] = target{&service.Policy, false}
		default:
			t[at] = target{&child.Policy, false}
		}
	}
}

// unknown says what there is instead.
func (t targets) unknown(path, root string) error {
	known := slices.Sorted(maps.Keys(t))
	for i := range known {
		known[i] = strings.TrimPrefix(known[i], root+"/")
	}
	hint := ""
	if near := spelling.Nearest(strings.TrimPrefix(path, root+"/"), known); near != "" {
		hint = fmt.Sprintf("did you mean %s? ", near)
	}
	return fmt.Errorf("no service %q; %sthere are %s", path, hint, strings.Join(known, ", "))
}
