package main

import (
	"runtime"
	"sync"
	"time"

	"tend.example/tend/supervise"
)

// scale is what it takes to start and to stop a child of a group, of few and of many. From the smallest to
// the largest the time a child may grow no more than it does in suture: caches that end and a collector
// that has more to look at make it grow in both by two to four. What is quadratic grows by a hundred.
func scale(s settings) []experiment {
	e := experiment{
		tend:   func() []float64 { return s.scaleSample(groupOf) },
		suture: func() []float64 { return s.scaleSample(sutureOf) },
	}
	for _, n := range s.scale {
		of := " a child of a Group of " + count(n)
		e.rows = append(e.rows,
			row{name: "starting" + of, unit: seconds},
			row{name: "stopping" + of, unit: seconds},
		)
	}
	growth := " a child: of " + count(s.scale[len(s.scale)-1]) + " / of " + count(s.scale[0])
	e.rows = append(e.rows,
		row{name: "starting" + growth, unit: number, bound: atMost(1)},
		row{name: "stopping" + growth, unit: number, bound: atMost(1)},
	)
	return []experiment{e}
}

func groupOf(services []service) supervise.Service  { return newGroup(services, nil) }
func sutureOf(services []service) supervise.Service { return newSuture(services) }

// scaleSample is the time to start and to stop a child, for each size, and the growth of both.
func (s settings) scaleSample(build func([]service) supervise.Service) []float64 {
	var values []float64
	for _, n := range s.scale {
		runtime.GC()
		start, stop := perChild(build, n)
		values = append(values, start, stop)
	}
	last := len(values) - 1
	return append(values, values[last-1]/values[0], values[last]/values[1])
}

// perChild takes, of few children, the median of several times.
func perChild(build func([]service) supervise.Service, n int) (start, stop float64) {
	var starts, stops []float64
	for range max(1, 20_000/n) {
		start, stop := startAndStop(build, n)
		starts = append(starts, start/float64(n))
		stops = append(stops, stop/float64(n))
	}
	return median(starts), median(stops)
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
