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
	{"members", members},
	{"churn", churn},
	{"scale", scale},
	{"status", status},
}

// experiment is a sample that is taken of two sides in turns. It gives one value for each row.
type experiment struct {
	rows         []row
	tend, suture func() []float64
	open         func() (done func()) // what all samples share; may be nil
}

func (e *experiment) run(rounds int) []row {
	if e.open != nil {
		defer e.open()()
	}
	for range rounds {
		for i, v := range settled(e.tend) {
			e.rows[i].tend = append(e.rows[i].tend, v)
		}
		for i, v := range settled(e.suture) {
			e.rows[i].suture = append(e.rows[i].suture, v)
		}
	}
	return e.rows
}

// settled takes a sample that does not pay for the garbage of the one before it.
func settled(sample func() []float64) []float64 {
	runtime.GC()
	runtime.GC()
	return sample()
}
