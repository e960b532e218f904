package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"tend.example/tend/internal/tendfile"
	"tend.example/tend/supervise"
)

// Show is the settings that are in force, in the form of a file, with where each came from behind it. Secrets are masked:
// see tendfile.Writer. Addresses, folders and targets of proxies are filled in, and each policy is whole.
func (s *Settings) Show() string {
	var w tendfile.Writer
	if s.File == "" {
		w.WriteString("# no file\n")
	} else {
		fmt.Fprintf(&w, "# %q\n", s.File)
	}
	flags := s.flagsNow()
	for _, key := range Keys() {
		if key.Name == "without" { // what is left out is not in the list below, so it could not be left out again
			w.WriteString("# ")
		}
		w.Line(key.Name, settingText(key, flags[key.Name]), s.origins[key.Name].String())
	}
	s.showServices(&w)
	s.showPolicies(&w)
	return w.String()
}

// flagsNow are flags whose values are those of s.
func (s *Settings) flagsNow() map[string]string {
	now := s.Config
	into := pflag.NewFlagSet("", pflag.ContinueOnError)
	now.Bind(into) // which sets the defaults
	now = s.Config
	texts := map[string]string{}
	into.VisitAll(func(f *pflag.Flag) { texts[f.Name] = f.Value.String() })
	return texts
}

// Each tells of every setting, service and policy: its key, the value that is in force, and where it came from. Secrets are
// masked.
func (s *Settings) Each(do func(key, value, from string)) {
	flags := s.flagsNow()
	for _, key := range Keys() {
		do(key.Name, tendfile.MaskURL(flags[key.Name]), s.origins[key.Name].String())
	}
	s.eachService(s.Services, "", func(path string, service tendfile.Service) {
		value := tendfile.Inline(service)
		if service.Tick != nil {
			value = "every timer-every"
		}
		do("services."+path, value, s.serviceOrigin(path))
	})
	s.EachPolicy(func(path string, p supervise.Policy) { do("policies."+path, policyText(p), s.policyOrigin(path)) })
}

func (s *Settings) eachService(services []tendfile.Service, above string, do func(path string, service tendfile.Service)) {
	for _, service := range services {
		do(above+service.Name, service)
		if service.Group != nil {
			s.eachService(service.Group.Services, above+service.Name+"/", do)
		}
	}
}

func settingText(key tendfile.Key, text string) string {
	switch key.Type {
	case "bool", "number", "duration":
		return text
	case "list":
		text = strings.Trim(text, "[]")
		if text == "" {
			return "[]"
		}
		return tendfile.List(strings.Split(text, ","))
	default:
		if key.Name == "log-level" {
			text = strings.ToLower(text)
		}
		return tendfile.Quote(tendfile.MaskURL(text))
	}
}

func (s *Settings) showServices(w *tendfile.Writer) {
	listed := slices.Clone(s.Services)
	listed = slices.DeleteFunc(listed, func(service tendfile.Service) bool { return service.Tick != nil })
	if len(listed) < len(s.Services) {
		w.WriteString("# timer, which no file can say, every timer-every  # default\n")
	}
	if len(listed) == 0 {
		w.WriteString("services: []\n")
		return
	}
	w.WriteString("services:\n")
	w.Services(listed, s.serviceOrigin)
}

// serviceOrigin tells what made a service.
func (s *Settings) serviceOrigin(path string) string {
	if key := s.paths[path]; key != "" {
		return s.file.At[key+"="].String()
	}
	for _, p := range s.Programs {
		if p.Name == path && strings.HasPrefix(p.Flag, "--") {
			return "flag"
		} else if p.Name == path {
			return p.Flag
		}
	}
	return "default"
}

func (s *Settings) showPolicies(w *tendfile.Writer) {
	w.WriteString("policies:\n")
	s.EachPolicy(func(path string, p supervise.Policy) {
		key := path
		if key == "default" {
			key = Root + "/default"
		}
		w.WriteString("  ")
		if i := slices.IndexFunc(s.Services, func(s tendfile.Service) bool { return s.Tick != nil && s.Name == path }); i >= 0 {
			w.WriteString("# ") // which is none of services above, either
		}
		w.Line(tendfile.Quote(key), tendfile.Quote(policyText(p)), s.policyOrigin(path))
	})
}

// policyText is never empty, which no file could say.
func policyText(p supervise.Policy) string {
	if text := p.String(); text != "" {
		return text
	}
	return "restart=always"
}

// EachPolicy tells of the policy of every service, with its path without the root's name.
func (s *Settings) EachPolicy(do func(path string, p supervise.Policy)) {
	if s.tree != nil {
		eachPolicy(s.tree.Children, "", do)
	}
}

func eachPolicy(children []supervise.Child, above string, do func(path string, p supervise.Policy)) {
	for _, c := range children {
		do(above+c.Name, c.Policy)
		if g, ok := c.Service.(*supervise.Group); ok {
			eachPolicy(g.Children, above+c.Name+"/", do)
		}
	}
}

// policyOrigin names all that had a say.
func (s *Settings) policyOrigin(path string) string {
	var from []string
	for _, setting := range s.Policies.settings {
		if setting.path != "" && strings.TrimPrefix(setting.path, Root+"/") != path {
			continue
		}
		if origin := setting.origin(); !slices.Contains(from, origin) {
			from = append(from, origin)
		}
	}
	if from == nil {
		return "default"
	}
	return strings.Join(from, ", ")
}
