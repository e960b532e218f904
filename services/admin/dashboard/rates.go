package dashboard

import (
	"fmt"
	"math"
	"sync"
	"time"
)

// What is remembered of how busy HTTP services are.
const (
	sampleEvery = 2 * time.Second // at most so often
	mostSamples = 120             // of each
	mostRated   = 500             // services
	rateWindow  = 10 * time.Second
	staleAfter  = 5 * time.Minute // since somebody has looked
)

// rates remembers what services have counted, each time that somebody looks: what they do a second is the difference.
// While nobody looks nothing is done.
type rates struct {
	mu      sync.Mutex
	samples map[string][]sample // by path, the oldest first
}

type sample struct {
	at      time.Time
	served  int
	latency []latency
}

// look takes a sample.
func (r *rates) look(n *node, now time.Time) []sample {
	d := &n.Detail
	if !d.isHTTP() {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.samples == nil {
		r.samples = map[string][]sample{}
	}
	list, present := r.samples[n.Path], sample{now, *d.Served, d.Latency}
	if len(list) > 0 {
		last := list[len(list)-1]
		switch {
		case now.Sub(last.at) > staleAfter, present.served < last.served: // or it is another service by now
			list = nil
		case now.Sub(last.at) < sampleEvery:
			return append(list[:len(list):len(list)], present)
		}
	} else if len(r.samples) >= mostRated {
		r.forget(now)
	}
	if len(list) == mostSamples {
		list = append([]sample(nil), list[1:]...)
	}
	list = append(list, present)
	r.samples[n.Path] = list
	return list[:len(list):len(list)]
}

// forget makes room. The caller holds mu.
func (r *rates) forget(now time.Time) {
	for path, list := range r.samples {
		if len(r.samples) >= mostRated/2 || now.Sub(list[len(list)-1].at) > staleAfter {
			delete(r.samples, path)
		}
	}
}

// traffic is how busy a service is now.
type traffic struct {
	Known  bool // there are two samples
	Rate   float64
	P50    time.Duration
	P90    time.Duration
	P99    time.Duration
	Recent int // requests that those are of
}

// trafficOf is what has happened in the last seconds.
func trafficOf(samples []sample) traffic {
	if len(samples) < 2 {
		return traffic{}
	}
	last := samples[len(samples)-1]
	before := samples[0]
	for _, s := range samples[:len(samples)-1] {
		if last.at.Sub(s.at) >= rateWindow {
			before = s
		}
	}
	passed := last.at.Sub(before.at).Seconds()
	if passed <= 0 {
		return traffic{}
	}
	recent := subtract(last.latency, before.latency)
	return traffic{
		Known: true, Rate: float64(last.served-before.served) / passed, Recent: last.served - before.served,
		P50: quantile(recent, 0.5), P90: quantile(recent, 0.9), P99: quantile(recent, 0.99),
	}
}

// of is the rate of a service in words, or "".
func (r *rates) of(n *node, now time.Time) string {
	if !n.Detail.isHTTP() {
		return ""
	}
	t := trafficOf(r.look(n, now))
	switch {
	case !t.Known:
		return number(*n.Detail.Served) + " requests"
	case t.Recent == 0:
		return "0 req/s"
	default:
		return rate(t.Rate) + " req/s, p99 " + took(t.P99)
	}
}

func rate(perSecond float64) string {
	switch {
	case perSecond == 0:
		return "0"
	case perSecond >= 99.95:
		return number(int(math.Round(perSecond)))
	case perSecond >= 9.995:
		return fmt.Sprintf("%.0f", perSecond)
	default:
		return fmt.Sprintf("%.1f", perSecond)
	}
}

// subtract is what has been added to buckets since.
func subtract(now, before []latency) []latency {
	old := map[time.Duration]int{}
	for _, b := range before {
		old[b.Below] = b.Count
	}
	var added []latency
	for _, b := range now {
		if n := b.Count - old[b.Below]; n > 0 {
			added = append(added, latency{b.Below, n})
		}
	}
	return added
}

// quantile is what a part of all took at most, as near as the buckets tell: the middle of one.
func quantile(buckets []latency, part float64) time.Duration {
	total := 0
	for _, b := range buckets {
		total += b.Count
	}
	if total == 0 {
		return 0
	}
	rank, seen := int(math.Ceil(part*float64(total))), 0
	for _, b := range buckets {
		seen += b.Count
		if seen >= rank && b.Below > 0 {
			return b.Below * 9 / 10
		}
	}
	return 100 * time.Second // the last one has no end
}
