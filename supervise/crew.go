package supervise

import (
	"context"
	"sync"
)

// crew is the goroutines of a pool's members. A group has suture hold those of its children; for a
// member suture's record of a service, a third of a kilobyte, would cost more than ours, and each
// start and end would queue for its loop, which gives nothing back: a keeper leaves only when its
// member is at rest, or when Goexit takes its goroutine.
type crew struct {
	running sync.WaitGroup
}

// start gets a keeper its goroutine.
func (c *crew) start(k *keeper) {
	c.running.Add(1)
	go c.serve(k, k.launched) // wait waits for it, or abandon says why not
}

// wait waits for all goroutines but those that were abandoned.
func (c *crew) wait() { c.running.Wait() }

// abandon is told of a keeper that is stuck. The caller holds the group's lock.
func (c *crew) abandon(k *keeper) {
	k.abandoned = k.launched
	c.running.Done()
}

// serve is the goroutine of a launch.
func (c *crew) serve(k *keeper, launch int32) {
	left := false
	defer func() {
		switch {
		case k.isAbandoned(launch):
		case left:
			c.running.Done()
		default: // by Goexit: what comes next needs another goroutine
			go c.serve(k, launch) // in place of this one, for wait
		}
	}()
	_ = k.Serve(context.Background()) // always that it has left
	left = true
}
