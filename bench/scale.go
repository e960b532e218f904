package main

import (
	"sync"
	"time"

	"tend.example/tend/supervise"
)

// linear is by how much the time a child may grow from the smallest group to the largest. It would
// be 1 if caches had no end and the collector cost nothing; anything quadratic is far beyond 2.
const linear = 2

// scale is what it takes to start and to stop a child of a group, of few and of many.
func scale(s settings) []experiment {
	var all []experiment
	for _, n := range s.scale {
		all = append(all, besideSuture(n))
	}
	return append(all, growth(s.scale[0], s.scale[len(s.scale)-1]))
}

func besideSuture(n int) experiment {
	of := " a child of a Group of " + count(n)
	return experiment{
		rows: []row{
			{name: "starting" + of, unit: seconds},
			{name: "stopping" + of, unit: seconds},
		},
		tend:   func() []float64 { return scaleSample(groupOf, n) },
		suture: func() []float64 { return scaleSample(sutureOf, n) },
	}
}

// growth compares tend with itself: in suture's column stands the small group.
func growth(small, large int) experiment {
	what := " a child of a Group of " + count(large) + " beside one of " + count(small)
	beside := "of " + count(small)
	return experiment{
		rows: []row{
			{name: "starting" + what, unit: seconds, beside: beside, bound: atMost(linear)},
			{name: "stopping" + what, unit: seconds, beside: beside, bound: atMost(linear)},
		},
		tend:   func() []float64 { return scaleSample(groupOf, large) },
		suture: func() []float64 { return scaleSample(groupOf, small) },
	}
}

func groupOf(services []service) supervise.Service  { return newGroup(services, nil) }
func sutureOf(services []service) supervise.Service { return newSuture(services) }

// scaleSample is the time to start and to stop a child; of few, the median of several times.
func scaleSample(build func([]service) supervise.Service, n int) []float64 {
	var starts, stops []float64
	for range max(1, 10_000/n) {
		start, stop := startAndStop(build, n)
		starts = append(starts, start/float64(n))
		stops = append(stops, stop/float64(n))
	}
	return []float64{median(starts), median(stops)}
}

// startAndStop has the tree ready before it looks at the clock.
func startAndStop(build func([]service) supervise.Service, n int) (start, stop float64) {
	var entered, returned sync.WaitGroup
	entered.Add(n)
	returned.Add(n)
	services := make([]service, n)
	for i := range services {
		services[i] = &member{named: memberName(i), entered: &entered, returned: &returned}
	}
	tree := build(services)
	began := time.Now()
	stopServe := serve(tree)
	entered.Wait()
	start = time.Since(began).Seconds()
	began = time.Now()
	stopServe()
	returned.Wait()
	return start, time.Since(began).Seconds()
}
