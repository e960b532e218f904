package main

import (
	"fmt"
	"runtime"
	"time"
)

// jobs is what it costs to do something a second, very many times over: processor time, and how late
// each run begins.
//
// A job does next to nothing, and the same on every side: it notes how late it is. All are added first, and
// each sample is taken in a process of its own, after a while of running and a collection. All sides have the
// same times, of a grid that no lateness moves:
//
//   - together: jobs that were all added in the same instant, and so are due in the same instant;
//   - spread: each at a time of its own, evenly over the second.
//
// robfig/cron sorts all its jobs whenever one is due, which is what its processor time is spent on when they are spread. A
// raw ticker is due a second after it was made, so those that are due together are due within the milliseconds in which a
// loop makes all of them: that is in their favour, and so is the grid, which is each ticker's own.
//
// In a round all have one turn; which begins is another in each round.
func jobs(s settings) []experiment {
	var all []experiment
	for i, n := range s.jobs {
		for _, when := range jobTimes {
			all = append(all, jobCost(s, i, count(n)+" jobs, "+when.name, when.name))
		}
	}
	return all
}

// jobTimes are how the times of the jobs lie in a second: how far the i-th of n is from its beginning.
var jobTimes = []struct {
	name  string
	phase func(i, n int, period time.Duration) time.Duration
}{
	{"together", func(int, int, time.Duration) time.Duration { return 0 }},
	{"spread", func(i, n int, period time.Duration) time.Duration {
		return period * time.Duration(i) / time.Duration(n)
	}},
}

// jobSides are who keeps the jobs. All others stand beside the first.
var jobSides = []struct {
	name string
	keep func(*lateness) // begins it, and goes on until the process ends
}{
	{"services.Jobs", keepJobs},
	{"raw tickers", keepTickers},
	{"robfig/cron", keepRobfig},
	{"gocron", keepGocron},
}

// jobCost is the cost of one number of jobs.
func jobCost(s settings, i int, what, when string) experiment {
	var rows []row
	for _, side := range jobSides[1:] {
		rows = append(rows, jobRows(what, side.name)...)
	}
	round := 0
	return experiment{rows: rows, both: func() (pairs []pair) {
		sides := make([][]float64, len(jobSides))
		for _, k := range order(len(jobSides), round) {
			sides[k] = inAlone(jobSample(jobSides[k].name, when, i), s)
		}
		round++
		for _, side := range sides[1:] {
			for v := range side {
				pairs = append(pairs, pairOf(sides[0][v], side[v]))
			}
		}
		return pairs
	}}
}

// jobRows are the rows of jobsSample beside a side.
func jobRows(what, side string) []row {
	rows := []row{
		{name: "processor time, " + what, unit: percent},
		{name: "lateness p50, " + what, unit: seconds},
		{name: "lateness p99, " + what, unit: seconds},
		{name: "lateness, most, " + what, unit: seconds},
		{name: "runs of those due, " + what, unit: percent},
	}
	switch side {
	case "robfig/cron":
		rows[0].bound = atMost(0.5)
	case "raw tickers":
		rows[2].bound = atMost(0.5)
	}
	for i := range rows {
		rows[i].beside = side
	}
	return rows
}

func jobSample(side, when string, i int) string { return fmt.Sprintf("jobs/%s/%s/%d", side, when, i) }

// addJobSamples has every side in a process of its own.
func addJobSamples(alone map[string]func(settings) []float64) {
	for _, side := range jobSides {
		for _, when := range jobTimes {
			for i := range tiny.jobs {
				alone[jobSample(side.name, when.name, i)] = func(s settings) []float64 {
					return s.jobsSample(s.jobs[i], when.phase, side.keep)
				}
			}
		}
	}
}

// jobsSample is the processor time, of one core, and the lateness, of the runs that were due in the time of
// the sample, and how many of those there were.
func (s settings) jobsSample(n int, phase func(i, n int, period time.Duration) time.Duration, keep func(*lateness)) []float64 {
	l := newLateness(n, s.jobWarm, s.jobFor, s.period)
	for i := range n {
		l.jobs[i].phase = phase(i, n, s.period)
	}
	keep(l)
	begin := l.start.Add(s.jobWarm)
	time.Sleep(time.Until(begin) - s.period/2) // what is collected after this is paid for
	runtime.GC()
	runtime.GC()
	time.Sleep(time.Until(begin))
	before, began := processorTime(), time.Now()
	time.Sleep(time.Until(begin.Add(s.jobFor)))
	used, took := processorTime()-before, time.Since(began)
	var late []float64
	for len(late) == 0 {
		time.Sleep(s.period) // for the late ones
		late = l.all()
	}
	return []float64{
		used / took.Seconds(), quantile(late, 0.5), quantile(late, 0.99), quantile(late, 1),
		float64(len(late)) / float64(n*int(l.count)),
	}
}
