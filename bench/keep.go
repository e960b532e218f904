package main

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/thejerf/suture/v4"
	"tend.example/tend/supervise"
)

// service is what both sides keep. suture's Service and tend's are the same method; the name is what
// tend's children are called, and what suture asks for: without one it would print all the fields,
// which is slower and not the point here.
type service interface {
	supervise.Service
	fmt.Stringer
}

// named is embedded by services.
type named string

func (n named) String() string { return string(n) }

// memberName is as long for every member.
func memberName(i int) named { return named(fmt.Sprintf("member-%06d", i)) }

var errFailed = errors.New("failed")

// atOnce restarts without a delay, as suture does.
var atOnce = supervise.Policy{MinBackoff: -1}

// keep lets one side keep services of a fixed number. stop ends them and waits for Serve.
type keep func(services []service) (stop func())

// inGroup keeps them as the children of a Group.
func inGroup(services []service) (stop func()) { return keepGroup(services, nil) }

// inGroupWatched is inGroup with an observer that does nothing. Without one tend reports to nobody,
// and suture, which has no such setting, to a hook that does nothing.
func inGroupWatched(services []service) (stop func()) {
	return keepGroup(services, func(supervise.Event) {})
}

func keepGroup(services []service, observe func(supervise.Event)) (stop func()) {
	return serve(newGroup(services, observe))
}

func newGroup(services []service, observe func(supervise.Event)) *supervise.Group {
	g := &supervise.Group{Name: "bench", OnEvent: observe}
	g.Children = make([]supervise.Child, len(services))
	for i, s := range services {
		g.Children[i] = supervise.Child{Name: s.String(), Service: s, Policy: atOnce}
	}
	return g
}

// inSuture keeps them in one flat suture.Supervisor.
func inSuture(services []service) (stop func()) { return serve(newSuture(services)) }

func newSuture(services []service) *suture.Supervisor {
	s := suture.New("bench", suture.Spec{
		EventHook:        func(suture.Event) {},
		FailureThreshold: math.Inf(1),
	})
	for _, one := range services {
		s.Add(one)
	}
	return s
}

// serve serves in the background. A benchmark of what does not serve is worth nothing, so that ends
// the program.
func serve(s supervise.Service) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		err := s.Serve(ctx)
		if ctx.Err() == nil {
			panic(fmt.Sprintf("%T ended: %v", s, err))
		}
		ended <- err
	}()
	return func() {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			panic(fmt.Sprintf("%T did not stop cleanly: %v", s, err))
		}
	}
}
