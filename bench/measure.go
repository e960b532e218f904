package main

import "runtime"

// measure is what -run chooses by name.
type measure struct {
	name        string
	experiments func(settings) []experiment
}

// measures come in this order: what leaves hundreds of thousands of dead goroutines for the runtime
// to remember comes last, or after it every measure in this process would pay for them.
var measures = []measure{
	{"restarts", restarts},
	{"latency", latency},
	{"burst", burst},
	{"panics", panics},
	{"http", web},
	{"admin", adminSide},
	{"jobs", jobs},
	{"members", members},
	{"churn", churn},
	{"scale", scale},
	{"status", status},
}

// experiment is a sample that is taken of two sides in turns. It gives one value for each row.
type experiment struct {
	rows         []row
	tend, suture func() []float64
	both         func() []pair        // in place of them, if it takes turns by itself
	open         func() (done func()) // what all samples share; may be nil
}

func (e *experiment) run(rounds int) []row {
	if e.open != nil {
		defer e.open()()
	}
	both := e.both
	if both == nil {
		both = e.oneOfEach
	}
	for range rounds {
		for i, p := range both() {
			e.rows[i].add(p)
		}
	}
	return e.rows
}

func (e *experiment) oneOfEach() (pairs []pair) {
	tend, suture := settled(e.tend), settled(e.suture)
	for i := range tend {
		pairs = append(pairs, pairOf(tend[i], suture[i]))
	}
	return pairs
}

// settled takes a sample that does not pay for the garbage of the one before it.
func settled(sample func() []float64) []float64 {
	runtime.GC()
	runtime.GC()
	return sample()
}
