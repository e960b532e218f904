package tendfile

import "maps"

// Clone is a list of services that can be changed without changing the other.
func Clone(services []Service) []Service {
	clone := make([]Service, len(services))
	for i, s := range services {
		if s.HTTP != nil {
			h := *s.HTTP
			h.Routes = maps.Clone(h.Routes)
			s.HTTP = &h
		}
		if s.Command != nil {
			c := *s.Command
			s.Command = &c
		}
		if s.Job != nil {
			j := *s.Job
			s.Job = &j
		}
		if s.Group != nil {
			g := *s.Group
			g.Services = Clone(g.Services)
			s.Group = &g
		}
		clone[i] = s
	}
	return clone
}
