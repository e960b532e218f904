package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

// Describe is prometheus.Collector's.
func (t *Tree) Describe(to chan<- *prometheus.Desc) {
	t.setUp()
	for _, desc := range t.descs.all() {
		to <- desc
	}
	for _, c := range t.vecs.collectors() {
		c.Describe(to)
	}
}

// Collect is prometheus.Collector's.
func (t *Tree) Collect(to chan<- prometheus.Metric) {
	t.setUp()
	if t.Group != nil {
		root := t.Group.Status()
		t.forget(root)
		s := scrape{Tree: t, descs: t.descs, to: to, now: time.Now()}
		s.counted, s.counts = t.goroutines()
		s.tree(&root)
		s.rest()
	}
	for _, c := range t.vecs.collectors() {
		c.Collect(to)
	}
}

// scrape is one answer to somebody who asks.
type scrape struct {
	*Tree
	*descs
	to      chan<- prometheus.Metric
	now     time.Time
	counted map[string]int // goroutines that are not shown yet
	counts  bool           // there are such counts
}

func (s *scrape) gauge(desc *prometheus.Desc, value float64, labels ...string) {
	s.to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
}

func (s *scrape) counter(desc *prometheus.Desc, value float64, labels ...string) {
	s.to <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, value, labels...)
}

func (s *scrape) time(desc *prometheus.Desc, at time.Time, labels ...string) {
	if !at.IsZero() {
		s.gauge(desc, float64(at.UnixNano())/1e9, labels...)
	}
}

// tree shows a service and all below it.
func (s *scrape) tree(st *supervise.Status) {
	s.service(st)
	switch detail := st.Detail.(type) {
	case services.HTTPDetail:
		s.http(st.Path, &detail.HTTPStats)
	case services.JobDetail:
		s.job(st.Path, &detail)
	case services.JobsDetail:
		s.jobs(st.Path, &detail)
	}
	if (*s.pools.Load())[st.Path] {
		s.pool(st)
		return
	}
	for i := range st.Children {
		s.tree(&st.Children[i])
	}
}

func (s *scrape) service(st *supervise.Status) {
	for state := supervise.Idle; state <= supervise.Stuck; state++ {
		s.gauge(s.state, truth(st.State == state), st.Path, state.String())
	}
	s.gauge(s.ready, truth(st.State == supervise.Running), st.Path)
	s.counter(s.runs, float64(st.Run), st.Path)
	s.counter(s.restarts, float64(st.Restarts), st.Path)
	failed, waited := s.told(st.Path)
	for kind, name := range kinds {
		s.counter(s.failures, float64(failed[kind]), st.Path, name)
	}
	s.counter(s.backoff, waited.Seconds(), st.Path)
	if s.counts {
		s.gauge(s.descs.goroutines, float64(s.counted[st.Path]), st.Path)
		delete(s.counted, st.Path)
	}
}

// told is what events have told of a service.
func (s *scrape) told(service string) (failures, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.paths[service]
	if p == nil {
		return failures{}, 0
	}
	return p.failures, p.backoff(s.now)
}

func (s *scrape) pool(st *supervise.Status) {
	for state := supervise.Idle; state <= supervise.Stuck; state++ {
		s.gauge(s.poolMembers, float64(st.Counts[state]), st.Path, state.String())
	}
	s.mu.Lock()
	failed := failures{}
	if f := s.members[st.Path]; f != nil {
		failed = *f
	}
	s.mu.Unlock()
	for kind, name := range kinds {
		s.counter(s.poolFailures, float64(failed[kind]), st.Path, name)
	}
}

func (s *scrape) http(service string, st *services.HTTPStats) {
	s.gauge(s.httpConns, float64(max(0, st.Conns-st.Active-st.Idle-st.Hijacked)), service, "new")
	s.gauge(s.httpConns, float64(st.Active), service, "active")
	s.gauge(s.httpConns, float64(st.Idle), service, "idle")
	s.gauge(s.httpConns, float64(st.Hijacked), service, "hijacked")
	s.gauge(s.httpLeftover, float64(st.Leftover), service)
	s.gauge(s.httpRequests, float64(st.Requests), service)
	s.counter(s.httpCut, float64(st.Cut), service)
	s.counter(s.httpPanics, float64(st.Panics), service)
	s.counter(s.httpAcceptFailures, float64(st.AcceptFaults), service)
}

func (s *scrape) job(service string, d *services.JobDetail) {
	s.jobCounts(service, &d.Counts, len(d.UnderWay), d.Next)
	s.gauge(s.jobPaused, truth(d.Paused), service)
}

func (s *scrape) jobs(service string, d *services.JobsDetail) {
	s.jobCounts(service, &d.Counts, d.UnderWay, d.Next)
	s.gauge(s.jobPaused, float64(d.Paused), service)
}

func (s *scrape) jobCounts(service string, c *services.JobCounts, underWay int, next time.Time) {
	s.counter(s.jobRuns, float64(c.Succeeded), service, "succeeded")
	s.counter(s.jobRuns, float64(c.Failed), service, "failed")
	s.counter(s.jobRuns, float64(c.TimedOut), service, "timed_out")
	s.counter(s.jobRuns, float64(c.Cancelled), service, "cancelled")
	s.counter(s.jobRuns, float64(c.Panicked), service, "panicked")
	s.counter(s.jobMissed, float64(c.Missed), service)
	s.counter(s.jobMadeUp, float64(c.MadeUp), service)
	s.gauge(s.jobUnderWay, float64(underWay), service)
	s.time(s.jobNext, next, service)
	if last := s.Tree.job(service).lastSuccess.Load(); last != 0 {
		s.time(s.jobLastSuccess, time.Unix(0, last), service)
	}
}

// rest is what belongs to no service of the tree.
func (s *scrape) rest() {
	s.mu.Lock()
	dropped := s.dropped
	s.mu.Unlock()
	s.counter(s.eventsDropped, float64(dropped))
	if !s.counts {
		return
	}
	others := 0
	for _, n := range s.counted { // a service that is gone may have left some
		others += n
	}
	s.gauge(s.descs.goroutines, float64(others), "")
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
