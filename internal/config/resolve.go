package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tend.example/tend/internal/spelling"
	"tend.example/tend/internal/tendfile"
	"tend.example/tend/supervise"
)

// Root is the name of the tree.
const Root = "tend"

// drainTimeout is what an HTTP service has to finish what is in flight, besides the time in which it still accepts.
const drainTimeout = 10 * time.Second

// BasePolicy is how a service is kept where nobody says otherwise.
func BasePolicy(s tendfile.Service) supervise.Policy {
	if s.HTTP != nil {
		return supervise.Policy{StopTimeout: drainTimeout + *s.HTTP.DrainDelay}
	}
	return supervise.Policy{}
}

// resolver makes the list of services out of what was read.
type resolver struct {
	*Settings
	faults   *faults
	schedule func(schedule, zone string) error
	dir      string                       // that of the file
	at       map[string]string            // by path: the key path in the file; "": it is not of the file
	ports    map[int]string               // of commands, by port: the path
	commands map[string]*tendfile.Command // by path
}

// resolve fills in Services, and finds what is wrong with them as a whole.
func (s *Settings) resolve(l Loader, f *faults) {
	r := &resolver{Settings: s, faults: f, schedule: l.Schedule, at: s.paths, ports: map[int]string{}, commands: map[string]*tendfile.Command{}}
	if s.File != "" {
		r.dir = filepath.Dir(s.File)
		if abs, err := filepath.Abs(r.dir); err == nil {
			r.dir = abs
		}
	}
	s.Services = r.ownServices()
	if s.file.HasServices {
		s.Services = tendfile.Clone(s.file.Services)
		r.locate(s.Services, "", "services")
	}
	r.names(s.Services, "")
	r.programs()
	r.without()
	s.Services = slices.DeleteFunc(s.Services, func(service tendfile.Service) bool { return service.Name == "" })
	r.each(s.Services, "", r.command)
	r.each(s.Services, "", r.fill)
	r.addresses()
	if !l.Bare { // or Policies.Apply finds out
		r.policies()
	}
}

// ownServices are those that run when no file says what else does.
func (r *resolver) ownServices() []tendfile.Service {
	return []tendfile.Service{
		{Name: "hello", HTTP: &tendfile.HTTP{Routes: map[string]tendfile.Route{"/hello": {Hello: true}}}},
		{Name: "timer", Tick: &tendfile.Tick{Every: r.TimerEvery}},
	}
}

// locate remembers where in the file each service stands.
func (r *resolver) locate(services []tendfile.Service, above, key string) {
	for i, s := range services {
		at := fmt.Sprintf("%s[%d]", key, i)
		if path := above + s.Name; r.at[path] == "" {
			r.at[path] = at
		}
		if s.Group != nil {
			r.locate(s.Group.Services, above+s.Name+"/", at+".group.services")
		}
	}
}

// each calls do for every service, with its path without the root's name.
func (r *resolver) each(services []tendfile.Service, above string, do func(path string, s *tendfile.Service)) {
	for i := range services {
		s := &services[i]
		do(above+s.Name, s)
		if s.Group != nil {
			r.each(s.Group.Services, above+s.Name+"/", do)
		}
	}
}

// place is where a key of a service stands, or the service itself.
func (r *resolver) place(path, key string) tendfile.Place {
	for _, suffix := range []string{key + "=", key, ".name=", "="} {
		if at, ok := r.file.At[r.at[path]+suffix]; ok {
			return at
		}
	}
	return tendfile.Place{File: r.File}
}

// fault tells of a fault of a service, by the key of it, such as ".http.addr".
func (r *resolver) fault(path, key, format string, args ...any) {
	r.faults.rest.Add(r.place(path, key), "%s: %s", path, fmt.Sprintf(format, args...))
}

// names finds names that are there twice, below a list of the file.
func (r *resolver) names(services []tendfile.Service, key string) {
	if key == "" {
		key = "services"
	}
	seen := map[string]bool{}
	for i, s := range services {
		at := fmt.Sprintf("%s[%d]", key, i)
		place := r.file.At[at+".name="]
		switch {
		case place.Line == 0 || s.Name == "": // which was said, or is ours
		case key == "services" && s.Name == "admin":
			r.faults.rest.Add(place, "services: the name admin is taken")
		case seen[s.Name]:
			r.faults.rest.Add(place, "services: the name %q is there twice", s.Name)
		}
		seen[s.Name] = true
		if s.Group != nil {
			r.names(s.Group.Services, at+".group.services")
		}
	}
}

// --- what the command line adds and leaves out -----------------------------------------------------------

func (r *resolver) known() []string {
	known := []string{"admin"}
	for _, s := range r.Services {
		if s.Name != "" { // which is a fault of its own
			known = append(known, s.Name)
		}
	}
	return known
}

// programs adds those of the command line and the environment.
func (r *resolver) programs() {
	for _, p := range r.Programs {
		err := r.program(p)
		switch {
		case err == nil:
		case !strings.HasPrefix(p.Flag, "--"):
			r.faults.rest.Add(tendfile.Place{File: p.Flag}, "%s: %v", p.Name, err)
		case r.faults.usage == nil:
			r.faults.usage = fmt.Errorf("%s: %w", p.Flag, err)
		}
	}
}

func (r *resolver) program(p Program) error {
	if slices.Contains(r.known(), p.Name) {
		return fmt.Errorf("%q is taken", p.Name)
	}
	r.at[p.Name] = ""
	if p.Schedule == "" {
		r.Services = append(r.Services, tendfile.Service{Name: p.Name, Command: &tendfile.Command{Program: tendfile.Program{Run: p.Args}}})
		return nil
	}
	zone := p.Zone.String()
	if p.Zone == time.Local {
		zone = ""
	}
	if r.schedule != nil {
		if err := r.schedule(p.Schedule, zone); err != nil {
			return err
		}
	}
	r.Services = append(r.Services, tendfile.Service{Name: p.Name, Job: &tendfile.Job{
		Schedule: p.Schedule, Zone: zone, Program: tendfile.Program{Run: p.Args},
	}})
	return nil
}

// without takes out what is left out.
func (r *resolver) without() {
	blame := func(format string, args ...any) {
		r.faults.blame(r.origins["without"], "without", fmt.Errorf(format, args...))
	}
	known := r.known()
	for i, name := range r.Without {
		switch {
		case !slices.Contains(known, name):
			hint := ""
			if near := spelling.Nearest(name, known); near != "" {
				hint = fmt.Sprintf("did you mean %s? ", near)
			}
			blame("no service %q; %sthere are %s", name, hint, strings.Join(known, ", "))
		case slices.Contains(r.Without[:i], name):
			blame("%s is named twice", name)
		}
	}
	if len(r.Without) == len(known) {
		blame("nothing is left to run")
	}
	r.Services = slices.DeleteFunc(r.Services, func(s tendfile.Service) bool { return slices.Contains(r.Without, s.Name) })
}
