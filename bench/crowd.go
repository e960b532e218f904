package main

import (
	"context"
	"sync"

	"github.com/thejerf/suture/v4"
)

// crowd is a supervisor that serves already and takes members one by one.
type crowd interface {
	// add returns a function that removes the member and waits until it has returned. The crowd
	// itself keeps nothing for that: it would be counted as memory of the supervisor.
	add(m *member) (remove func())
	stop() // and wait for Serve
}

// member waits to be stopped. Its path is what events or reports call it, and both sides keep the
// same members, so that only what the supervisor adds can differ.
type member struct {
	named    // the path, where it stands in a crowd
	entered  *sync.WaitGroup
	returned *sync.WaitGroup // of all
	gone     chan struct{}   // of this one; nil when nobody will ask
}

// crowdPath is where members stand in tend's tree; in suture they are called the same.
const crowdPath = "bench/pool/"

func (m *member) Serve(ctx context.Context) error {
	m.entered.Done()
	<-ctx.Done()
	m.returned.Done()
	if m.gone != nil {
		close(m.gone)
	}
	return nil
}

// sutureCrowd is one flat suture.Supervisor.
type sutureCrowd struct {
	supervisor *suture.Supervisor
	stopServe  func()
}

func newSutureCrowd() crowd {
	s := newSuture(nil)
	ctx, cancel := context.WithCancel(context.Background())
	ended := s.ServeBackground(ctx)
	return &sutureCrowd{s, func() {
		cancel()
		<-ended //nolint:errcheck // it says that it was told to
	}}
}

// add's remove does without RemoveAndWait, which leaks when it times out; the member says by itself
// that it is gone.
func (c *sutureCrowd) add(m *member) (remove func()) {
	token := c.supervisor.Add(m)
	return func() {
		if err := c.supervisor.Remove(token); err != nil {
			panic(err)
		}
		<-m.gone
	}
}

func (c *sutureCrowd) stop() { c.stopServe() }
