// Package drill makes the services of a tree fail on request, so that their policies can be tried
// out live.
package drill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"

	"tend.example/tend/supervise"
)

// mode is a way to fail.
type mode string

const (
	failed   mode = "error"  // Serve returns an error
	panicked mode = "panic"  // it panics
	exited   mode = "goexit" // it calls runtime.Goexit
	hung     mode = "hang"   // it does not return, whatever happens to its ctx
	fatal    mode = "fatal"  // it returns an error that ends the tree
)

func parseMode(s string) (mode, error) {
	switch m := mode(s); m {
	case failed, panicked, exited, hung, fatal:
		return m, nil
	default:
		return "", fmt.Errorf("drill mode %q: want error, panic, goexit, hang or fatal", s)
	}
}

// errDrill is what a drilled service fails with, and why its ctx is done.
var errDrill = errors.New("drill: failed as asked")

// fail is called as the last thing of a run, on its goroutine.
func (m mode) fail() error {
	switch m {
	case panicked:
		panic(errDrill)
	case exited:
		runtime.Goexit()
	case hung:
		select {} // its goroutine is lost until the process ends; that is the drill
	case fatal:
		return supervise.Fatal(errDrill)
	case failed:
	}
	return errDrill
}

// service is a service that can be made to fail. It runs the one inside on its own goroutine, and
// needs none besides.
type service struct {
	inside supervise.Service
	run    atomic.Pointer[run] // under way; nil: none
}

// closer is one whose service inside is to be closed.
type closer struct {
	*service
	io.Closer
}

type run struct {
	cancel context.CancelCauseFunc
	mode   atomic.Pointer[mode] // asked for, or tooLate; nil: none
}

// tooLate takes the place of a mode when a run has ended.
var tooLate mode

// String is that of the service inside; without it a supervisor above could print its fields.
func (s *service) String() string {
	if inside, ok := s.inside.(fmt.Stringer); ok {
		return inside.String()
	}
	return fmt.Sprintf("%T", s.inside)
}

// Detail is that of the service inside, if it has any.
func (s *service) Detail() any {
	if inside, ok := s.inside.(interface{ Detail() any }); ok {
		return inside.Detail()
	}
	return nil
}

// Unwrap is the service inside, for who looks for its methods.
func (s *service) Unwrap() supervise.Service { return s.inside }

// Serve runs the service inside. When a drill is asked for, it tells that service to stop, waits
// until it has, and then fails.
func (s *service) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r := &run{cancel: cancel}
	s.run.Store(r)
	defer s.run.Store(nil)

	err := s.inside.Serve(ctx)
	if asked := r.mode.Swap(&tooLate); asked != nil {
		return asked.fail()
	}
	return err
}

// drill asks for a failure of the run under way, and does not wait for it.
func (s *service) drill(m mode) error {
	r := s.run.Load()
	if r == nil || !r.mode.CompareAndSwap(nil, &m) {
		return supervise.ErrNotServing
	}
	r.cancel(errDrill)
	return nil
}

// Set holds the services of one tree that can be made to fail. The zero Set is empty.
type Set struct {
	mu       sync.Mutex
	root     string
	services map[string]*service // by path
}

// Wrap makes every service of the tree one that can be drilled, those of groups below included; a
// group itself, and a pool, stays as it is. Call it before the tree is served, and with another tree before that takes
// its place by Update: a service that stood at the same path before has the same wrapper.
func (s *Set) Wrap(tree *supervise.Group) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.root = tree.Name
	before := s.services
	s.services = map[string]*service{}
	s.wrap(tree.Name, tree.Children, before)
}

func (s *Set) wrap(path string, children []supervise.Child, before map[string]*service) {
	for i := range children {
		child := &children[i]
		at := path + "/" + child.Name
		switch service := child.Service.(type) {
		case *supervise.Group:
			s.wrap(at, service.Children, before)
			continue
		case *supervise.Pool: // inside a wrapper it would be none
			continue
		}
		if _, ok := child.Service.(interface{ NotifiesReady() }); ok {
			child.WaitReady = true // the wrapper hides the method
		}
		wrapper := before[at]
		if wrapper == nil || !same(wrapper.inside, child.Service) {
			wrapper = &service{inside: child.Service}
		}
		s.services[at] = wrapper
		child.Service = wrapper
		if c, ok := wrapper.inside.(io.Closer); ok {
			child.Service = closer{wrapper, c}
		}
	}
}

// Fail makes the service at path, with or without the root's name, fail in one of the modes error,
// panic, goexit, hang (deaf to its context until the process ends) and fatal. The service first
// ends its run as if told to stop, with all the time it wants. Fail does not wait for that.
//
// Errors: supervise.ErrNoChild, supervise.ErrNotServing (no run is under way, or one that is
// already drilled), and another for an unknown mode.
func (s *Set) Fail(path, asked string) error {
	m, err := parseMode(asked)
	if err != nil {
		return err
	}
	target := s.find(path)
	if target == nil {
		return fmt.Errorf("drill %s: %w", path, supervise.ErrNoChild)
	}
	if err := target.drill(m); err != nil {
		return fmt.Errorf("drill %s: %w", path, err)
	}
	return nil
}

func (s *Set) find(path string) *service {
	s.mu.Lock()
	defer s.mu.Unlock()
	if target := s.services[path]; target != nil {
		return target
	}
	return s.services[s.root+"/"+path]
}

// same tells whether two services are one value, as supervise.Group.Update does.
func same(a, b supervise.Service) bool {
	return reflect.TypeOf(a) == reflect.TypeOf(b) && reflect.ValueOf(a).Comparable() && a == b
}
