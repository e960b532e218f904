package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tend.example/tend/internal/spelling"
	"tend.example/tend/supervise"
)

// Policies is what the flag --policy collects: settings for every service, and settings for one. It
// is a pflag.Value.
type Policies struct {
	settings []setting
}

// setting is one use of the flag.
type setting struct {
	path string // "": every service
	text string // key=value,... ; has been parsed once
}

func (s setting) String() string {
	if s.path == "" {
		return s.text
	}
	return s.path + ":" + s.text
}

// Set reads [PATH:]key=value,... and adds it to what was set before.
func (p *Policies) Set(text string) error {
	var s setting
	s.text = text
	if i := strings.LastIndexByte(text, ':'); i >= 0 { // a name may hold a colon, a setting does not
		s.path, s.text = text[:i], text[i+1:]
		if s.path == "" {
			return errors.New("no path before the colon")
		}
	}
	if strings.TrimSpace(s.text) == "" { // a legal policy, but nothing that anybody means to say
		return errors.New("no key=value")
	}
	if _, err := supervise.ParsePolicy(s.text); err != nil {
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
// of its pools, whose path is the pool's with "/*": first those for every service, then those for its
// path, each in the order of the command line, and each only the keys it names. A heartbeat for every
// service passes over groups and pools, which have none. A path that the tree doesn't have, and a policy
// that is not a legal one, is an error like those of Parse.
func (p *Policies) Apply(tree *supervise.Group) error {
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
			return usageError(fmt.Errorf("--policy %q: %w", s, targets.unknown(s.path, tree.Name)))
		default:
			byPath[path] = append(byPath[path], s)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(targets)) {
		if err := targets[path].lay(path, forAll, byPath[path]); err != nil {
			return usageError(err)
		}
	}
	return nil
}

// target is a policy that settings can be laid over.
type target struct {
	policy *supervise.Policy
	branch bool // of a group or a pool itself
}

func (t target) lay(path string, forAll, own []setting) error {
	before := t.policy.Heartbeat
	if err := t.set(path, forAll); err != nil {
		return err
	}
	if t.branch {
		t.policy.Heartbeat = before
	}
	return t.set(path, own)
}

func (t target) set(path string, settings []setting) error {
	for _, s := range settings {
		if err := t.policy.UnmarshalText([]byte(s.text)); err != nil {
			return fmt.Errorf("--policy %q for %s: %w", s, path, err)
		}
	}
	return nil
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
