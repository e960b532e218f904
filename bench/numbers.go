package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
)

// quantile is the q-th part (0..1) of values, which it sorts: the least value that at least q of
// all are not above.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	slices.Sort(values)
	k := int(math.Ceil(q*float64(len(values)))) - 1
	return values[min(max(k, 0), len(values)-1)]
}

// median leaves values as they are, because samples stand in pairs.
func median(values []float64) float64 { return quantile(slices.Clone(values), 0.5) }

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// unit writes a value for the table.
type unit func(float64) string

func perSecond(v float64) string { return number(v) + "/s" }

func seconds(v float64) string {
	switch {
	case v < 1e-6:
		return number(v*1e9) + " ns"
	case v < 1e-3:
		return number(v*1e6) + " µs"
	case v < 1:
		return number(v*1e3) + " ms"
	default:
		return number(v) + " s"
	}
}

func percent(v float64) string { return number(v*100) + " %" }

func bytes(v float64) string { return number(v) + " B" }

// number has three digits that count, and commas where there are more before the point.
func number(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v), math.IsInf(v, 0): // one side had none
		return "–"
	case a >= 1000:
		return thousands(int64(math.Round(v)))
	case a >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case a >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case a >= 1, v == 0:
		return strconv.FormatFloat(v, 'f', 2, 64)
	default:
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
}

func thousands(v int64) string {
	if v < 1000 {
		return strconv.FormatInt(v, 10)
	}
	return fmt.Sprintf("%s,%03d", thousands(v/1000), v%1000)
}

func toSeconds(all []time.Duration) []float64 {
	out := make([]float64, len(all))
	for i, d := range all {
		out[i] = d.Seconds()
	}
	return out
}

func count(n int) string { return thousands(int64(n)) }
