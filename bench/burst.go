package main

import (
	"context"
	"sync"
	"time"
)

// burst is how long children are down that all fail at the same moment.
func burst(s settings) []experiment {
	return []experiment{
		burstLatency("Group", s, inGroup),
		burstLatency("Pool", s, inPool),
	}
}

func burstLatency(where string, s settings, tend keep) experiment {
	what := " in a burst of " + count(s.many) + ", " + where
	return experiment{
		rows: []row{
			{name: "restart latency p50" + what, unit: seconds, bound: atMost(0.1)},
			{name: "restart latency p99" + what, unit: seconds, bound: atMost(0.1)},
		},
		tend:   func() []float64 { return s.burstSample(tend) },
		suture: func() []float64 { return s.burstSample(inSuture) },
	}
}

// gate is a burst: it is closed for all that wait in it, when all have come.
type gate struct {
	shut chan struct{}
	came sync.WaitGroup
}

// struck fails when the gate of its present run is closed, and measures how long it was down.
type struck struct {
	named
	gates  []gate // one a run
	run    int
	failed time.Time
	downs  []time.Duration // one a burst
}

func (s *struck) Serve(ctx context.Context) error {
	entered := time.Now()
	if s.run > 0 {
		s.downs = append(s.downs, entered.Sub(s.failed))
	}
	g := &s.gates[s.run]
	s.run++
	g.came.Done()
	select {
	case <-g.shut:
	case <-ctx.Done():
		return nil
	}
	s.failed = time.Now()
	return errFailed
}

// burstSample has a first burst that does not count.
func (s settings) burstSample(how keep) []float64 {
	gates := make([]gate, s.bursts+2)
	for k := range gates {
		gates[k].shut = make(chan struct{})
		gates[k].came.Add(s.many)
	}
	children := make([]struck, s.many)
	services := make([]service, s.many)
	for i := range children {
		children[i] = struck{named: memberName(i), gates: gates, downs: make([]time.Duration, 0, len(gates))}
		services[i] = &children[i]
	}
	stop := how(services)
	for k := range s.bursts + 1 {
		gates[k].came.Wait()
		time.Sleep(10 * idle) // let the last of them come to rest
		close(gates[k].shut)
	}
	gates[s.bursts+1].came.Wait()
	stop()

	var all []time.Duration
	for i := range children {
		all = append(all, children[i].downs[1:]...)
	}
	values := toSeconds(all)
	return []float64{quantile(values, 0.5), quantile(values, 0.99)}
}
