package main

import (
	"context"
	"strings"
	"time"

	"tend.example/tend/supervise"
)

// poolCrowd is a Pool, which is the only child of a Group.
type poolCrowd struct {
	pool      *supervise.Pool
	group     *supervise.Group
	stopServe func()
}

func newPoolCrowd() crowd { return openPool(supervise.Policy{}) }

func openPool(p supervise.Policy) *poolCrowd {
	pool := &supervise.Pool{Policy: p}
	g := &supervise.Group{Name: "bench", Children: []supervise.Child{{Name: "pool", Service: pool}}}
	c := &poolCrowd{pool, g, serve(g)}
	for g.Status().State != supervise.Running { // before that it takes no members
		time.Sleep(50 * time.Microsecond)
	}
	return c
}

func (c *poolCrowd) add(m *member) (remove func()) {
	name := strings.TrimPrefix(m.String(), crowdPath)
	c.mustAdd(name, m)
	return func() {
		if err := c.pool.Remove(context.Background(), name); err != nil {
			panic(err)
		}
	}
}

func (c *poolCrowd) mustAdd(name string, s supervise.Service) {
	if err := c.pool.Add(name, s); err != nil {
		panic(err)
	}
}

func (c *poolCrowd) stop() { c.stopServe() }

// inPool keeps services as the members of a Pool.
func inPool(services []service) (stop func()) {
	c := openPool(atOnce)
	for _, s := range services {
		c.mustAdd(s.String(), s)
	}
	return c.stop
}
