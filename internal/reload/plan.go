// Package reload gives a tree that serves another configuration: what has changed is applied, and nothing else is touched.
package reload

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"tend.example/tend/internal/config"
	"tend.example/tend/internal/tendfile"
	"tend.example/tend/supervise"
)

// Change is one thing that a reload does.
type Change struct {
	Action string `json:"action"` // see the constants
	Path   string `json:"path"`   // of the service, without the root's name; for Set and Later the key
	What   string `json:"what,omitzero"`
}

// The actions.
const (
	Start   = "start"
	Stop    = "stop"
	Restart = "restart"
	Policy  = "policy"  // another one, in place
	Reorder = "reorder" // the services of a group stop in another order from now on; "" is the top
	Set     = "set"     // a setting, in place
	Later   = "later"   // a setting that counts when tend is started anew
)

// String is a line.
func (c Change) String() string {
	text := c.Action + " " + c.Path
	if c.Action == Reorder && c.Path == "" {
		text = Reorder + " " + config.Root
	}
	if c.What != "" {
		text += ": " + c.What
	}
	return text
}

// item is a service at a path.
type item struct {
	service tendfile.Service
	policy  supervise.Policy
}

// items are all services below a list, and order their names in it.
type items struct {
	by     map[string]item
	paths  []string            // each before those below it
	orders map[string][]string // by the path of the group
}

func itemsOf(s *config.Settings) *items {
	all := &items{by: map[string]item{}, orders: map[string][]string{}}
	policies := map[string]supervise.Policy{}
	s.EachPolicy(func(path string, p supervise.Policy) { policies[path] = p })
	if !slices.Contains(s.Without, "admin") {
		all.add("", []tendfile.Service{{Name: "admin", HTTP: &tendfile.HTTP{Addr: s.AdminAddr}}}, policies)
	}
	all.add("", s.Services, policies)
	return all
}

func (all *items) add(above string, services []tendfile.Service, policies map[string]supervise.Policy) {
	for _, s := range services {
		path := above + s.Name
		all.by[path] = item{s, policies[path]}
		all.paths = append(all.paths, path)
		all.orders[above] = append(all.orders[above], s.Name)
		if s.Group != nil {
			all.add(path+"/", s.Group.Services, policies)
		}
	}
}

// plan is what leads from one configuration to another.
func plan(before, after *config.Settings) []Change {
	changes := []Change{} // which JSON has as [] and not as null
	old, now := itemsOf(before), itemsOf(after)
	for _, path := range slices.Backward(old.paths) {
		if _, stays := now.by[path]; !stays {
			changes = append(changes, Change{Action: Stop, Path: path})
		}
	}
	for _, path := range now.paths {
		changes = append(changes, changesOf(path, old, now)...)
		if path == "admin" && old.by[path].service.HTTP != nil && !reflect.DeepEqual(before.Admin, after.Admin) {
			changes = append(changes, Change{Restart, path, "who may use it"})
		}
	}
	for _, group := range groupsOf(now) {
		if reordered(old.orders[group], now.orders[group]) {
			changes = append(changes, Change{Action: Reorder, Path: strings.TrimSuffix(group, "/")})
		}
	}
	return append(changes, settings(before, after)...)
}

func groupsOf(all *items) (groups []string) {
	for group := range all.orders {
		groups = append(groups, group)
	}
	slices.Sort(groups)
	return groups
}

func changesOf(path string, old, now *items) (changes []Change) {
	was, there := old.by[path]
	is := now.by[path]
	if !there {
		return []Change{{Action: Start, Path: path, What: kind(is.service)}}
	}
	keys := tendfile.Diff(was.service, is.service)
	keys = slices.DeleteFunc(keys, func(key string) bool {
		return key == "name" || key == "policy" || key == "wait-ready" || key == "significant"
	})
	switch {
	case slices.Equal(keys, []string{"group.stop-timeout"}):
		changes = append(changes, Change{Set, path, keys[0]})
	case len(keys) > 0:
		changes = append(changes, Change{Restart, path, strings.Join(keys, ", ")})
	}
	if was.policy != is.policy {
		changes = append(changes, Change{Policy, path, fmt.Sprintf("%s -> %s", policyText(was.policy), policyText(is.policy))})
	}
	if was.service.WaitReady != is.service.WaitReady || was.service.Significant != is.service.Significant {
		changes = append(changes, Change{Set, path, "wait-ready, significant"})
	}
	return changes
}

func policyText(p supervise.Policy) string {
	if text := p.String(); text != "" {
		return text
	}
	return "restart=always"
}

func kind(s tendfile.Service) string {
	switch {
	case s.HTTP != nil:
		return "http " + s.HTTP.Addr
	case s.Command != nil:
		return "command " + s.Command.Run[0]
	case s.Job != nil:
		return "job " + s.Job.Run[0]
	case s.Group != nil:
		return "group"
	default:
		return "timer"
	}
}

// reordered tells whether those that are in both lists stand in another order.
func reordered(old, now []string) bool {
	both := func(list, other []string) (common []string) {
		for _, name := range list {
			if slices.Contains(other, name) {
				common = append(common, name)
			}
		}
		return common
	}
	return !slices.Equal(both(old, now), both(now, old))
}

// settings are those of the top that are no services' own.
func settings(before, after *config.Settings) (changes []Change) {
	a, b := before.Config, after.Config
	for _, s := range []struct {
		key      string
		old, now any
		action   string
	}{
		{"log-level", a.LogLevel, b.LogLevel, Set},
		{"log-format", a.LogFormat, b.LogFormat, Later},
		{"shutdown-timeout", a.ShutdownTimeout, b.ShutdownTimeout, Set},
		{"crash-log", a.CrashLog, b.CrashLog, Later},
		{"upgrade-timeout", a.UpgradeTimeout, b.UpgradeTimeout, Set},
		{"watch", a.Watch, b.Watch, Later},
		{"drill", a.Drill, b.Drill, Later},
	} {
		if !reflect.DeepEqual(s.old, s.now) {
			changes = append(changes, Change{s.action, s.key, strings.ToLower(fmt.Sprintf("%v -> %v", s.old, s.now))})
		}
	}
	return changes
}
