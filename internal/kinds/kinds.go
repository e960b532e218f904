// Package kinds makes the services that a configuration asks for: HTTP servers, programs, jobs, and groups of them. When
// it is asked again, for another configuration, it makes only those anew that are asked for otherwise: the others are the
// very values that run already, and so supervise.Group.Update leaves them alone.
package kinds

import (
	"log/slog"
	"net/http"
	"reflect"
	"time"

	"tend.example/tend/internal/config"
	"tend.example/tend/internal/tendfile"
	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

// Maker remembers what it has made. It is for one goroutine at a time.
type Maker struct {
	// Log is that of all services. Required.
	Log *slog.Logger

	// OnRequest is told of every request that a route has answered. nil: nobody is.
	OnRequest func(r *http.Request, status int, took time.Duration)

	// OnRun makes what a job at that path is to tell of its runs out of what it would tell anyway. It is asked for jobs
	// that come later, not for those of the first batch. nil: nothing is made.
	OnRun func(service string, next func(services.JobRun)) func(services.JobRun)

	made   map[string]made // by path
	begun  bool
	dialer dialer
}

// made is a service, and what it was made from.
type made struct {
	settings any
	service  supervise.Service
}

// Batch is what a Maker makes of one configuration. Nothing comes of it before Keep.
type Batch struct {
	maker   *Maker
	made    map[string]made
	changed []change
}

// change is what Keep gives to an HTTP server.
type change struct {
	path string
	web  *web
	next *settings
}

// Changed are the paths of HTTP servers that stay, but have other settings from their next run on.
func (b *Batch) Changed() (paths []string) {
	for _, c := range b.changed {
		paths = append(paths, c.path)
	}
	return paths
}

// Batch begins one.
func (m *Maker) Batch() *Batch { return &Batch{maker: m, made: map[string]made{}} }

// Keep makes a batch the one that the next is compared with, and gives those that have changed their new settings. They
// count from their next run on.
func (b *Batch) Keep() {
	b.maker.made, b.maker.begun = b.made, true
	for _, c := range b.changed {
		c.web.next.Store(c.next)
	}
}

// Service is the one that was made for the path before, if the settings are deeply equal; else a fresh one.
func (b *Batch) Service(path string, settings any, fresh func() supervise.Service) supervise.Service {
	before, ok := b.maker.made[path]
	if !ok || !reflect.DeepEqual(before.settings, settings) {
		before = made{settings, fresh()}
	}
	b.made[path] = before
	return before.service
}

// Children are the services of a list, with the policies that they begin with. path is that of what they are in.
func (b *Batch) Children(path string, services []tendfile.Service) []supervise.Child {
	children := make([]supervise.Child, len(services))
	for i, s := range services {
		at := path + "/" + s.Name
		children[i] = supervise.Child{
			Name: s.Name, Service: b.child(at, s), Policy: config.BasePolicy(s),
			WaitReady: s.WaitReady, Significant: s.Significant,
		}
	}
	return children
}

func (b *Batch) child(path string, s tendfile.Service) supervise.Service {
	log := b.maker.Log
	switch {
	case s.Group != nil:
		return &supervise.Group{
			Children: b.Children(path, s.Group.Services), Strategy: strategies()[s.Group.Strategy],
			Concurrent: s.Group.Concurrent, StopTimeout: s.Group.StopTimeout,
		}
	case s.HTTP != nil:
		return b.http(path, s.HTTP)
	case s.Command != nil:
		return b.Service(path, s.Command, func() supervise.Service { return newCommand(s.Command, log) })
	case s.Job != nil:
		return b.Service(path, s.Job, func() supervise.Service { return b.maker.newJob(path, s.Job) })
	default:
		return b.Service(path, s.Tick, func() supervise.Service { return newTick(s.Tick, log) })
	}
}

func strategies() map[string]supervise.Strategy {
	return map[string]supervise.Strategy{
		"one-for-one": supervise.OneForOne, "one-for-all": supervise.OneForAll, "rest-for-one": supervise.RestForOne,
	}
}

func (b *Batch) http(path string, h *tendfile.HTTP) supervise.Service {
	return b.web(path, h.Addr, h, nil, func() *settings { return newSettings(path, h, b.maker) })
}

// Web is an HTTP server of the caller's making. It stays when its address does, and gets another handler when its key is
// not deeply equal to the one before.
func (b *Batch) Web(path, addr string, key any, prepare func(*services.HTTP), handler func() http.Handler) supervise.Service {
	return b.web(path, addr, key, prepare, func() *settings { return &settings{handler: handler()} })
}

// web is a server that stays when another is asked for at the same address, as what listens there must not be closed.
func (b *Batch) web(path, addr string, key any, prepare func(*services.HTTP), next func() *settings) supervise.Service {
	before := b.maker.made[path]
	if w, ok := before.service.(*web); ok && w.Addr == addr {
		if !reflect.DeepEqual(before.settings, key) {
			b.changed = append(b.changed, change{path, w, next()})
		}
		b.made[path] = made{key, w}
		return w
	}
	w := newWeb(addr, b.maker, next())
	if prepare != nil {
		prepare(w.HTTP)
	}
	b.made[path] = made{key, w}
	return w
}
