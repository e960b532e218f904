package main

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// burst is how long children are down that all fail at the same moment.
//
// suture has two answers: hundreds of microseconds when its loop and the children run on different
// cores, and two when one core does everything in turn. Where other work takes a core its p50 is
// either, by chance; p99 and the mean tell the same story in both.
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
			{name: "restart latency, mean" + what, unit: seconds},
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

// burstSample has a first burst that does not count. A quantile is that of one burst, of which the sample
// gives the median: of all bursts together p99 would be that of the one in forty in which the machine took
// the processor away. The mean is of all.
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
		strike(gates[k].shut)
	}
	gates[s.bursts+1].came.Wait()
	stop()

	p50, p99, means := make([]float64, s.bursts), make([]float64, s.bursts), make([]float64, s.bursts)
	for k := range s.bursts {
		all := make([]time.Duration, s.many)
		for i := range children {
			all[i] = children[i].downs[k+1]
		}
		values := toSeconds(all)
		p50[k], p99[k], means[k] = quantile(values, 0.5), quantile(values, 0.99), mean(values)
	}
	return []float64{median(p50), median(p99), mean(means)}
}

// strike closes the gate before which all wait. It collects first: the garbage of a burst is paid for
// where restarts are counted by the second, and a collection that falls into one burst of eight would
// be the only thing to be seen at p99. And every core is awake when it happens: with one core, the
// next child would not fail before the one before it is up again, and that is no burst.
func strike(shut chan struct{}) {
	runtime.GC()
	time.Sleep(10 * idle) // let the last of them come to rest
	others := int64(runtime.GOMAXPROCS(0) - 1)
	var awake, over atomic.Int64
	for range others {
		go func() {
			awake.Add(1)
			for over.Load() == 0 { //nolint:revive // keeps a core busy on purpose
			}
		}()
	}
	for awake.Load() < others {
		runtime.Gosched()
	}
	close(shut)
	over.Store(1)
}
