package config

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"tend.example/tend/internal/spelling"
	"tend.example/tend/internal/tendfile"
)

// command notes the ports, before anything is passed on to one.
func (r *resolver) command(path string, s *tendfile.Service) {
	c := s.Command
	if c == nil {
		return
	}
	r.commands[path] = c
	if c.Port == 0 {
		return
	}
	if other, taken := r.ports[c.Port]; taken {
		r.fault(path, ".command.port", "port %d is that of %s", c.Port, other)
	}
	r.ports[c.Port] = path
}

func (r *resolver) fill(path string, s *tendfile.Service) {
	switch {
	case s.HTTP != nil:
		r.http(path, s.HTTP)
	case s.Command != nil:
		r.dirOf(path, &s.Command.Program)
		c := s.Command
		if c.Port > 0 && c.ReadyLine == "" && c.ReadyAddr == "" && c.ReadyURL == "" && !c.ReadyNotify {
			c.ReadyAddr = net.JoinHostPort("127.0.0.1", strconv.Itoa(c.Port))
		}
	case s.Job != nil:
		r.dirOf(path, &s.Job.Program)
		r.absolute(&s.Job.StateFile)
	}
}

// dirOf makes where a program of the file runs the folder of that, or one below it. Others run where tend does.
func (r *resolver) dirOf(path string, p *tendfile.Program) {
	if r.at[path] == "" {
		return
	}
	if p.Dir == "" {
		p.Dir = r.dir
	}
	r.absolute(&p.Dir)
}

func (r *resolver) absolute(path *string) {
	if *path != "" && !filepath.IsAbs(*path) {
		*path = filepath.Join(r.dir, *path)
	}
}

func (r *resolver) http(path string, h *tendfile.HTTP) {
	if h.Addr == "" {
		h.Addr = r.HTTPAddr
	} else if unix, ok := strings.CutPrefix(h.Addr, "unix:"); ok {
		r.absolute(&unix)
		h.Addr = "unix:" + unix
	}
	if h.DrainDelay == nil {
		delay := r.DrainDelay
		h.DrainDelay = &delay
	} else if r.ShutdownTimeout > 0 && *h.DrainDelay >= r.ShutdownTimeout {
		r.fault(path, ".http.drain-delay", "drain-delay: %s leaves nothing of shutdown-timeout, %s", *h.DrainDelay, r.ShutdownTimeout)
	}
	r.absolute(&h.CertFile)
	r.absolute(&h.KeyFile)
	for _, pattern := range slices.Sorted(maps.Keys(h.Routes)) {
		route := h.Routes[pattern]
		r.absolute(&route.Static)
		if route.Proxy != "" && !strings.Contains(route.Proxy, "://") {
			target, err := r.target(route.Proxy)
			if err != nil {
				r.fault(path, ".http.routes."+pattern+".proxy", "proxy: %v", err)
			}
			route.Proxy = target
		}
		h.Routes[pattern] = route
	}
}

// target is the URL of a command.
func (r *resolver) target(path string) (string, error) {
	path = strings.TrimPrefix(path, Root+"/")
	c, ok := r.commands[path]
	switch {
	case ok && c.Port > 0:
		return "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(c.Port)), nil
	case ok:
		return "", fmt.Errorf("%s has no port", path)
	}
	known := slices.Sorted(maps.Keys(r.commands))
	text := fmt.Sprintf("no command %q", path)
	if near := spelling.Nearest(path, known); near != "" {
		text += fmt.Sprintf("; did you mean %s?", near)
	} else if len(known) > 0 {
		text += "; there are " + strings.Join(known, ", ")
	}
	return "", errors.New(text)
}

// addresses finds those that two services would listen on.
func (r *resolver) addresses() {
	seen := map[string]string{}
	if !slices.Contains(r.Without, "admin") {
		seen[r.AdminAddr] = "admin"
	}
	r.each(r.Services, "", func(path string, s *tendfile.Service) {
		if s.HTTP == nil || strings.HasSuffix(s.HTTP.Addr, ":0") {
			return
		}
		other, taken := seen[s.HTTP.Addr]
		seen[s.HTTP.Addr] = path
		switch {
		case !taken:
		case r.at[path] != "":
			r.fault(path, ".http.addr", "addr: %s is that of %s", s.HTTP.Addr, other)
		default:
			r.faults.blame(r.origins["http-addr"], "http-addr", fmt.Errorf("%s is that of %s", s.HTTP.Addr, other))
		}
	})
}
