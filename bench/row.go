package main

import (
	"fmt"
	"slices"
)

// row is a line of the table: the samples of both sides, in pairs.
type row struct {
	name   string
	unit   unit
	bound  bound
	beside string // what stands in suture's column instead of suture
	tend   []float64
	suture []float64
}

// bound is what is demanded of a row; the zero value demands nothing.
type bound struct {
	of    subject
	least float64
	most  float64 // 0: no upper bound
}

type subject int

const (
	ofNothing subject = iota
	ofRatio           // the median of tend/suture
	ofTend            // the median of tend's own values
)

func atLeast(r float64) bound { return bound{of: ofRatio, least: r} }
func atMost(r float64) bound  { return bound{of: ofRatio, most: r} }

func (b bound) String() string {
	switch {
	case b.of == ofNothing:
		return ""
	case b.of == ofTend:
		return "tend " + b.limit()
	default:
		return b.limit()
	}
}

func (b bound) limit() string {
	if b.most > 0 {
		return "≤ " + number(b.most)
	}
	return "≥ " + number(b.least)
}

// ratios are those of each pair, in order of size.
func (r *row) ratios() []float64 {
	out := make([]float64, len(r.tend))
	for i := range out {
		out[i] = r.tend[i] / r.suture[i]
	}
	slices.Sort(out)
	return out
}

// holds says whether the bound is kept. What can't be compared (0/0) keeps none.
func (r *row) holds() bool {
	var v float64
	switch r.bound.of {
	case ofNothing:
		return true
	case ofRatio:
		v = median(r.ratios())
	case ofTend:
		v = median(r.tend)
	}
	return v >= r.bound.least && (r.bound.most == 0 || v <= r.bound.most)
}

func (r *row) ratioText() string {
	all := r.ratios()
	return fmt.Sprintf("%s (%s..%s)", number(median(all)), number(all[0]), number(all[len(all)-1]))
}
