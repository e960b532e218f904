package main

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// restarts is how often children that fail at once are run in a second, and how evenly.
func restarts(s settings) []experiment {
	return []experiment{
		restartRate("1 failing child", s, inGroup, 1),
		fairRate("Group", s, inGroup),
		fairRate("Pool", s, inPool),
		watchedRate(s),
	}
}

func restartRate(what string, s settings, tend keep, n int) experiment {
	return experiment{
		rows: []row{
			{name: "restarts, " + what, unit: perSecond, bound: atLeast(1)},
			{name: "garbage of a restart, " + what, unit: bytes},
		},
		tend:   func() []float64 { return s.rate(tend, n, fail)[:2] },
		suture: func() []float64 { return s.rate(inSuture, n, fail)[:2] },
	}
}

// watchedRate is for information: no bound speaks of observers.
func watchedRate(s settings) experiment {
	e := restartRate("1 failing child, OnEvent set", s, inGroupWatched, 1)
	e.rows[0].bound = bound{}
	return e
}

// starved is a child that gets less than this part of its share, the mean of all. The median would
// not show it: where a few children take nearly everything, it is as small as the least.
const starved = 0.1

func fairRate(where string, s settings, tend keep) experiment {
	what := count(s.many) + " failing children, " + where
	e := restartRate(what, s, tend, s.many)
	e.tend = func() []float64 { return s.rate(tend, s.many, fail) }
	e.suture = func() []float64 { return s.rate(inSuture, s.many, fail) }
	fair := "of one of " + what
	e.rows = append(e.rows,
		row{name: "least " + fair, unit: perSecond},
		row{name: "median " + fair, unit: perSecond},
		row{name: "most " + fair, unit: perSecond},
		row{name: "least/mean " + fair, unit: number, bound: bound{of: ofTend, least: starved}},
	)
	return e
}

// failing is a service whose every run ends at once. Its counter has a cache line of its own.
type failing struct {
	named
	runs atomic.Int64
	end  func() error
	ward *ward
	_    [24]byte
}

// ward makes all of them well again, so that both sides are stopped when all children are at work.
type ward struct {
	begun sync.WaitGroup // each has been run
	heal  atomic.Bool
	well  sync.WaitGroup
}

func (f *failing) Serve(ctx context.Context) error {
	if f.runs.Add(1) == 1 {
		f.ward.begun.Done()
	}
	if f.ward.heal.Load() {
		f.ward.well.Done()
		<-ctx.Done()
		return nil
	}
	return f.end()
}

func fail() error { return errFailed }

// rate lets n children fail for a while: runs per second of all of them; bytes allocated for each;
// runs per second of the least, the median and the most of one; and least/mean.
func (s settings) rate(how keep, n int, end func() error) []float64 {
	var ward ward
	ward.begun.Add(n)
	ward.well.Add(n)
	children := make([]failing, n)
	services := make([]service, n)
	for i := range children {
		c := &children[i]
		c.named, c.end, c.ward = memberName(i), end, &ward
		services[i] = c
	}
	stop := how(services)
	ward.begun.Wait()
	rates, garbage := s.watch(children)
	ward.heal.Store(true)
	ward.well.Wait()
	stop()

	sum := 0.0
	for _, r := range rates {
		sum += r
	}
	least, middle, most := quantile(rates, 0), quantile(rates, 0.5), quantile(rates, 1)
	return []float64{sum, garbage, least, middle, most, least / (sum / float64(n))}
}

// watch is the runs per second of each child, and the bytes allocated for a run.
func (s settings) watch(children []failing) (rates []float64, garbage float64) {
	time.Sleep(s.warm)
	rates = make([]float64, len(children))
	before := make([]int64, len(children))
	var start, end runtime.MemStats
	runtime.ReadMemStats(&start)
	began := time.Now()
	for i := range children {
		before[i] = children[i].runs.Load()
	}
	time.Sleep(s.sample)
	span := time.Since(began).Seconds()
	sum := int64(0)
	for i := range children {
		runs := children[i].runs.Load() - before[i]
		rates[i] = float64(runs) / span
		sum += runs
	}
	runtime.ReadMemStats(&end)
	return rates, float64(end.TotalAlloc-start.TotalAlloc) / float64(sum)
}
