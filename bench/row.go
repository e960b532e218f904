package main

import (
	"fmt"
	"slices"
	"strconv"
)

// row is a line of the table: the samples of both sides, in pairs.
type row struct {
	name   string
	unit   unit
	bound  bound
	beside string // what stands in suture's column instead of suture
	tend   []float64
	suture []float64
	ratio  []float64
}

// pair is a sample of each side. The ratio is that of both, or the median of many that went into them.
type pair struct{ tend, suture, ratio float64 }

func pairOf(tend, suture float64) pair { return pair{tend, suture, tend / suture} }

func (r *row) add(p pair) {
	r.tend = append(r.tend, p.tend)
	r.suture = append(r.suture, p.suture)
	r.ratio = append(r.ratio, p.ratio)
}

// bound is what is demanded of a row; the zero value demands nothing.
type bound struct {
	of    subject
	least float64
	most  float64 // 0: no upper bound, but for ofMore
}

type subject int

const (
	ofNothing subject = iota
	ofRatio           // the median of tend/suture
	ofTend            // the median of tend's own values
	ofMore            // the median of tend-suture
)

func atLeast(r float64) bound    { return bound{of: ofRatio, least: r} }
func atMost(r float64) bound     { return bound{of: ofRatio, most: r} }
func atMostMore(n float64) bound { return bound{of: ofMore, most: n} }

func (b bound) String() string {
	switch b.of {
	case ofRatio:
		return b.limit()
	case ofTend:
		return "tend " + b.limit()
	case ofMore:
		return "≤ " + strconv.FormatFloat(b.most, 'f', -1, 64) + " more"
	default:
		return ""
	}
}

func (b bound) limit() string {
	if b.most > 0 {
		return "≤ " + number(b.most)
	}
	return "≥ " + number(b.least)
}

// more is by how much tend's is more, of each pair.
func (r *row) more() []float64 {
	out := make([]float64, len(r.tend))
	for i := range out {
		out[i] = r.tend[i] - r.suture[i]
	}
	return out
}

// holds says whether the bound is kept. What can't be compared (0/0) keeps none.
func (r *row) holds() bool {
	switch r.bound.of {
	case ofMore:
		return median(r.more()) <= r.bound.most
	case ofRatio:
		return r.bound.keeps(median(r.ratio))
	case ofTend:
		return r.bound.keeps(median(r.tend))
	default:
		return true
	}
}

func (b bound) keeps(v float64) bool { return v >= b.least && (b.most == 0 || v <= b.most) }

// ratioText is by how much it is more where the bound is of that.
func (r *row) ratioText() string {
	all, write := r.ratio, number
	if r.bound.of == ofMore {
		all, write = r.more(), func(v float64) string { return fmt.Sprintf("%+.2f", v) }
	}
	return fmt.Sprintf("%s (%s..%s)", write(median(all)), write(slices.Min(all)), write(slices.Max(all)))
}
