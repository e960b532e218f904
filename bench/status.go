package main

import (
	"sync"
	"sync/atomic"
	"time"
)

// undelayed is how much slower a restart may be while somebody asks for the status of its pool. One
// that waits for a walk over all members, or for the time slice of who asks, is slower by hundreds;
// one sample differs from the next by a third.
const undelayed = 1.5

// status is whether a Status of a large pool delays a restart in it, and how long it takes. Beside that
// of another pool it shows what the lock costs alone: a core and garbage for the collector a loop costs
// in both.
func status(s settings) []experiment {
	var p statusPools
	what := " of a member of " + count(s.crowd) + ", Status in a loop"
	const other, none = "other pool's Status", "no Status"
	return []experiment{{
		rows: []row{
			{name: "restart latency p50" + what, unit: seconds, beside: other},
			{name: "restart latency p99" + what, unit: seconds, beside: other},
			{name: "one Status of " + count(s.crowd), unit: seconds, beside: other},
			{name: "restart latency p50" + what, unit: seconds, beside: none, bound: atMost(undelayed)},
			{name: "restart latency p99" + what, unit: seconds, beside: none, bound: atMost(undelayed)},
		},
		open: func() func() {
			p = openStatusPools(s)
			return p.close
		},
		tend: func() []float64 {
			asked := s.asked(p.own, p.one)
			return append(asked, asked[:2]...)
		},
		suture: func() []float64 {
			return append(s.asked(p.other, p.one), p.one.latencies(s.solo)...)
		},
	}}
}

// statusPools are two of the same size, and a member of the first that fails.
type statusPools struct {
	own, other *poolCrowd
	one        *soloist
}

func openStatusPools(s settings) statusPools {
	p := statusPools{s.filledPool(), s.filledPool(), newSoloist()}
	p.own.mustAdd(p.one.String(), p.one)
	return p
}

func (p *statusPools) close() {
	p.own.stop()
	p.other.stop()
}

// asked takes latencies while the status of c is asked for in a loop.
func (s settings) asked(c *poolCrowd, one *soloist) []float64 {
	var over atomic.Bool
	var asking sync.WaitGroup
	calls := 0
	began := time.Now()
	asking.Go(func() {
		for !over.Load() {
			c.group.Status()
			calls++
		}
	})
	values := one.latencies(s.solo)
	over.Store(true)
	asking.Wait()
	return append(values, time.Since(began).Seconds()/float64(calls))
}

// filledPool has members that wait, and that all have begun to.
func (s settings) filledPool() *poolCrowd {
	c := openPool(atOnce)
	var entered, returned sync.WaitGroup
	entered.Add(s.crowd)
	returned.Add(s.crowd)
	for i := range s.crowd {
		m := &member{named: memberName(i), entered: &entered, returned: &returned}
		c.mustAdd(m.String(), m)
	}
	entered.Wait()
	return c
}
