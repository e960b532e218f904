package main

import (
	"context"
	"time"
)

// idle is the pause before a failure, in which goroutines, threads and cores come to rest.
const idle = 200 * time.Microsecond

// latency is how long a child that fails alone is down: from the end of Serve until it is called
// again.
func latency(s settings) []experiment {
	return []experiment{
		soloLatency("Group", s, inGroup),
		soloLatency("Pool", s, inPool),
	}
}

func soloLatency(where string, s settings, tend keep) experiment {
	what := " of one child failing alone, " + where
	return experiment{
		rows: []row{
			{name: "restart latency p50" + what, unit: seconds, bound: atMost(1)},
			{name: "restart latency p99" + what, unit: seconds, bound: atMost(1)},
		},
		tend:   func() []float64 { return s.soloSample(tend) },
		suture: func() []float64 { return s.soloSample(inSuture) },
	}
}

func (s settings) soloSample(how keep) []float64 {
	one := newSoloist()
	stop := how([]service{one})
	defer stop()
	return one.latencies(s.solo)
}

// soloist fails whenever it is told to, and measures how long it was down.
type soloist struct {
	named
	fail   chan struct{}
	back   chan time.Duration
	failed time.Time // zero before the first run
}

func newSoloist() *soloist {
	return &soloist{named: "soloist", fail: make(chan struct{}), back: make(chan time.Duration, 1)}
}

func (s *soloist) Serve(ctx context.Context) error {
	entered := time.Now()
	if !s.failed.IsZero() {
		s.back <- entered.Sub(s.failed)
	}
	select {
	case <-s.fail:
	case <-ctx.Done():
		return nil
	}
	s.failed = time.Now()
	return errFailed
}

// latencies lets it fail n times, after a tenth of that unseen: p50 and p99.
func (s *soloist) latencies(n int) []float64 {
	all := make([]time.Duration, 0, n)
	for k := -n / 10; k < n; k++ {
		time.Sleep(idle)
		s.fail <- struct{}{}
		if d := <-s.back; k >= 0 {
			all = append(all, d)
		}
	}
	values := toSeconds(all)
	return []float64{quantile(values, 0.5), quantile(values, 0.99)}
}
