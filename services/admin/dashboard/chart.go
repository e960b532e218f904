package dashboard

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Sizes of charts, in pixels of their own: they are as wide as the page lets them.
const (
	chartWidth  = 600
	chartHeight = 120
	chartTop    = 6
)

// jobPart is what the page of a job has besides.
type jobPart struct {
	Detail  detail
	Times   []time.Time // when it will run
	Bars    []bar
	Ticks   []tick
	Typical time.Duration // the median of those that did well
	Now     time.Time
}

// bar is a run in a chart.
type bar struct {
	X, Y, Width, Height int
	Run                 jobRun
}

// tick is a line of a scale.
type tick struct {
	Y    int
	Text string
}

func (s *site) jobPart(n *node, now time.Time) *jobPart {
	if !n.Detail.isJob() {
		return nil
	}
	p := &jobPart{Detail: n.Detail, Now: now}
	p.chart()
	if j, ok := n.job(); ok {
		p.Times = times(j, now)
	}
	return p
}

// times asks a schedule, which is foreign.
func times(j job, now time.Time) (list []time.Time) {
	defer func() {
		if recover() != nil {
			list = nil
		}
	}()
	return j.Times(now, mostTimes)
}

// chart draws how long the runs took, the latest at the right.
func (p *jobPart) chart() {
	list := slices.Clone(p.Detail.Last)
	slices.Reverse(list)
	var longest time.Duration
	var well []time.Duration
	for i := range list {
		longest = max(longest, list[i].Took())
		if list[i].Well() {
			well = append(well, list[i].Took())
		}
	}
	if len(well) > 0 {
		slices.Sort(well)
		p.Typical = well[len(well)/2]
	}
	if longest <= 0 {
		longest = 1
	}
	slots := max(len(list), 25)
	width := chartWidth / slots
	for i := range list {
		height := max(2, int(float64(chartHeight-chartTop)*float64(list[i].Took())/float64(longest)))
		x := chartWidth - (len(list)-i)*width
		p.Bars = append(p.Bars, bar{X: x, Y: chartHeight - height, Width: max(1, width-2), Height: height, Run: list[i]})
	}
	p.Ticks = []tick{{chartTop, took(longest)}, {(chartHeight + chartTop) / 2, took(longest / 2)}}
}

// httpPart is what the page of an HTTP service has besides.
type httpPart struct {
	Detail  detail
	Traffic traffic
	Rate    string
	Rates   curve
	Slow    curve
	Buckets []bucket
	Axis    []mark
	All     traffic // since the service was made: only its quantiles
	Since   time.Time
	Now     time.Time
}

// curve is a line of a chart.
type curve struct {
	Line  string // points
	Area  string
	Most  string
	Known bool
}

// bucket is a bar of the histogram.
type bucket struct {
	X, Y, Width, Height int
	From, To            string
	Count               int
}

// mark is a word below a chart.
type mark struct {
	X    int
	Text string
}

func (s *site) httpPart(n *node, now time.Time) *httpPart {
	if !n.Detail.isHTTP() {
		return nil
	}
	samples := s.rates.look(n, now)
	p := &httpPart{Detail: n.Detail, Traffic: trafficOf(samples), Now: now}
	if len(samples) > 0 {
		p.Since = samples[0].at
	}
	p.Rate = rate(p.Traffic.Rate)
	l := n.Detail.Latency
	p.All = traffic{P50: quantile(l, 0.5), P90: quantile(l, 0.9), P99: quantile(l, 0.99)}
	p.curves(samples)
	p.histogram(l)
	return p
}

// curves draw what happened between each two samples. While nobody looked, only the whole of it is known: it is level there.
func (p *httpPart) curves(samples []sample) {
	var rates, slow []float64
	var at []time.Time
	point := func(t time.Time, rate float64, worst time.Duration) {
		at, rates, slow = append(at, t), append(rates, rate), append(slow, float64(worst))
	}
	for i := 1; i < len(samples); i++ {
		from, to := &samples[i-1], &samples[i]
		passed := to.at.Sub(from.at)
		if passed < sampleEvery/4 { // the last one, which is no full step
			continue
		}
		rate, worst := float64(to.served-from.served)/passed.Seconds(), quantile(subtract(to.latency, from.latency), 0.99)
		if len(at) == 0 || passed > rateWindow {
			point(from.at, rate, worst)
		}
		point(to.at, rate, worst)
	}
	p.Rates = newCurve(at, rates, func(f float64) string { return rate(f) + " req/s" })
	p.Slow = newCurve(at, slow, func(f float64) string {
		if f == 0 {
			return "none"
		}
		return took(time.Duration(f))
	})
}

func newCurve(at []time.Time, values []float64, text func(float64) string) curve {
	if len(values) < 2 {
		return curve{}
	}
	most := slices.Max(values)
	c := curve{Known: true, Most: text(most)}
	if most <= 0 {
		most = 1
	}
	first, all := at[0], at[len(at)-1].Sub(at[0])
	var line strings.Builder
	for i, value := range values {
		x := chartWidth * float64(at[i].Sub(first)) / float64(all)
		y := chartHeight - (chartHeight-chartTop)*value/most
		fmt.Fprintf(&line, "%.1f,%.1f ", x, y)
	}
	c.Line = strings.TrimSpace(line.String())
	c.Area = fmt.Sprintf("0,%d %s %d,%d", chartHeight, c.Line, chartWidth, chartHeight)
	return c
}

// histogram draws how the latencies are spread. Its scale is that of the buckets, so each is as wide.
func (p *httpPart) histogram(buckets []latency) {
	if len(buckets) == 0 {
		return
	}
	most := 0
	for _, b := range buckets {
		most = max(most, b.Count)
	}
	first, last := order(buckets[0].Below), order(buckets[len(buckets)-1].Below)
	slots := max(last-first+1, 24)
	width := chartWidth / slots
	begin := (slots - (last - first + 1)) / 2 * width
	for _, b := range buckets {
		i := order(b.Below)
		height := max(2, (chartHeight-chartTop)*b.Count/most)
		x := begin + (i-first)*width
		p.Buckets = append(p.Buckets, bucket{
			X: x, Y: chartHeight - height, Width: max(1, width-2), Height: height,
			From: took(end(i - 1)), To: took(b.Below), Count: b.Count,
		})
	}
	for i := first; i <= last; i++ {
		if (i-first)%max(1, (last-first+1)/4) == 0 {
			p.Axis = append(p.Axis, mark{begin + (i-first)*width, took(end(i - 1))})
		}
	}
}

// order is which bucket, of four to each power of two, ends there.
func order(below time.Duration) int {
	if below == 0 {
		return 99
	}
	for i := range 99 {
		if end(i) >= below {
			return i
		}
	}
	return 99
}

// end is where a bucket ends.
func end(i int) time.Duration {
	if i < 0 {
		return 0
	}
	return time.Duration(4+i%4) << (i / 4) * time.Microsecond
}
