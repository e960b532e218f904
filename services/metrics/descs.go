package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// descs are the metrics that are read when somebody asks.
type descs struct {
	state, ready, runs, restarts, failures, backoff, goroutines *prometheus.Desc

	poolMembers, poolFailures, eventsDropped *prometheus.Desc

	httpConns, httpLeftover, httpRequests, httpCut, httpPanics, httpAcceptFailures *prometheus.Desc

	jobRuns, jobMissed, jobMadeUp, jobUnderWay, jobPaused, jobNext, jobLastSuccess *prometheus.Desc
}

func newDescs() *descs {
	desc := func(name, help string, more ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, append([]string{"service"}, more...), nil)
	}
	return &descs{
		state:      desc("tend_service_state", "1 for the state that the service is in, 0 for all others.", "state"),
		ready:      desc("tend_service_ready", "1 while the service is running, 0 otherwise."),
		runs:       desc("tend_service_runs_total", "Runs that have begun."),
		restarts:   desc("tend_service_restarts_total", "Runs that the policy or a strategy began. Counts from 0 again after a reset by an operator."),
		failures:   desc("tend_service_failures_total", "Runs that failed, or did not stop cleanly, by kind: error, panic, hung, timeout, stuck.", "kind"),
		backoff:    desc("tend_service_backoff_seconds_total", "Time spent waiting for the next run after a failure."),
		goroutines: desc("tend_service_goroutines", "Goroutines of the service, by their pprof label; those of no service have an empty one. Missing while the process has too many to count."),

		poolMembers:   desc("tend_pool_members", "Members of the pool, by state.", "state"),
		poolFailures:  desc("tend_pool_member_failures_total", "Runs of members of the pool that failed, by kind, as for a service.", "kind"),
		eventsDropped: prometheus.NewDesc("tend_events_dropped_total", "Events that came too fast to be observed. What counts events (failures, backoff, durations) lacks them.", nil, nil),

		httpConns:          desc("tend_http_connections", "Open connections, by state: new, active, idle, hijacked.", "state"),
		httpLeftover:       desc("tend_http_connections_leftover", "Open connections that are finished beside a later run."),
		httpRequests:       desc("tend_http_requests_in_flight", "Requests that a handler is at."),
		httpCut:            desc("tend_http_requests_cut_total", "Requests cut off without a complete answer, because the time for stopping was over."),
		httpPanics:         desc("tend_http_handler_panics_total", "Handlers that panicked."),
		httpAcceptFailures: desc("tend_http_accept_failures_total", "Failures to accept a connection, such as no file descriptor left."),

		jobRuns:        desc("tend_job_runs_total", "Runs of the job that have ended, by outcome: succeeded, failed, timed_out, cancelled, panicked.", "outcome"),
		jobMissed:      desc("tend_job_missed_times_total", "Times of the schedule that passed without a run of their own."),
		jobMadeUp:      desc("tend_job_made_up_runs_total", "Runs for times that were missed."),
		jobUnderWay:    desc("tend_job_runs_in_progress", "Runs under way; of many jobs in one service, jobs with one."),
		jobPaused:      desc("tend_job_paused", "1 while the job is paused; of many jobs in one service, how many are."),
		jobNext:        desc("tend_job_next_run_timestamp_seconds", "When the next run is due. Missing when none is."),
		jobLastSuccess: desc("tend_job_last_success_timestamp_seconds", "When a run last succeeded. Missing before the first."),
	}
}

// all is all of them.
func (d *descs) all() []*prometheus.Desc {
	return []*prometheus.Desc{
		d.state, d.ready, d.runs, d.restarts, d.failures, d.backoff, d.goroutines,
		d.poolMembers, d.poolFailures, d.eventsDropped,
		d.httpConns, d.httpLeftover, d.httpRequests, d.httpCut, d.httpPanics, d.httpAcceptFailures,
		d.jobRuns, d.jobMissed, d.jobMadeUp, d.jobUnderWay, d.jobPaused, d.jobNext, d.jobLastSuccess,
	}
}

// vecs are the metrics that are kept.
type vecs struct {
	runTook, stopTook, jobTook, jobLate, requestTook *prometheus.HistogramVec
	requests                                         *prometheus.CounterVec
}

func newVecs(buckets []float64) *vecs {
	histogram := func(name, help string, more ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: name, Help: help, Buckets: buckets,
			// At most 5 % off, in at most 100 buckets of memory each; beyond these they get coarser.
			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100, NativeHistogramMinResetDuration: time.Hour,
		}, append([]string{"service"}, more...))
	}
	return &vecs{
		runTook:     histogram("tend_service_run_duration_seconds", "How long runs took, from their beginning to their end."),
		stopTook:    histogram("tend_service_stop_duration_seconds", "How long runs took to end once they were told to stop."),
		jobTook:     histogram("tend_job_run_duration_seconds", "How long runs of the job took, retries included."),
		jobLate:     histogram("tend_job_run_lateness_seconds", "How long after their time runs of the schedule began, jitter included."),
		requestTook: histogram("tend_http_request_duration_seconds", "How long handlers took to answer, by route.", "route"),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tend_http_requests_total", Help: "Requests answered, by route and status.",
		}, []string{"service", "route", "code"}),
	}
}

// collectors are all of them.
func (v *vecs) collectors() []prometheus.Collector {
	return []prometheus.Collector{v.runTook, v.stopTook, v.jobTook, v.jobLate, v.requestTook, v.requests}
}
