package deploy_test

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
)

// scenario is what is to fire an alert, and what looks similar and must not. Both are series of a sample a minute, in the
// language of Prometheus' own tests, without the labels that all have.
type scenario struct {
	fires, quiet       []string
	firesToo, quietToo []string // another time; nil: there is no other
}

// growing is a counter that stands still for an hour and then grows.
func growing(by string) string { return "0x60 " + by }

var scenarios = map[string]scenario{
	"TendServiceStuck": {
		fires:    []string{`tend_service_failures_total{kind="stuck"} ` + growing("1x200")},
		quiet:    []string{`tend_service_failures_total{kind="stuck"} 3x300`, `tend_service_state{state="stuck"} 0x300`},
		firesToo: []string{`tend_service_state{state="stuck"} 0x60 1x200`},
	},
	"TendServiceFailed": {
		fires: []string{`tend_service_state{state="failed"} 0x60 1x200`},
		quiet: []string{`tend_service_state{state="failed"} 0x300`, `tend_service_state{state="done"} 1x300`},
	},
	"TendServiceNotReady": {
		fires: []string{`tend_service_state{state="backoff"} 0x60 1+0x200`, `tend_service_state{state="starting"} 0x300`},
		quiet: []string{`tend_service_state{state="running"} 1x300`, `tend_service_state{state="stopped"} 1x300`, `tend_service_state{state="backoff"} 0x300`},
	},
	"TendServiceRestarts": {
		fires: []string{`tend_service_restarts_total ` + growing("1+1x200")},
		quiet: []string{`tend_service_restarts_total 0x60 0+0.2x200`},
	},
	"TendServicePanics": {
		fires: []string{`tend_service_failures_total{kind="panic"} ` + growing("1x200")},
		quiet: []string{`tend_service_failures_total{kind="error"} 0+1x300`, `tend_service_failures_total{kind="panic"} 7x300`},
	},
	"TendServiceHung": {
		fires: []string{`tend_service_failures_total{kind="hung"} ` + growing("1x200")},
		quiet: []string{`tend_service_failures_total{kind="hung"} 0x300`},
	},
	"TendServiceStartTimeouts": {
		fires: []string{`tend_service_failures_total{kind="timeout"} ` + growing("1x200")},
		quiet: []string{`tend_service_failures_total{kind="timeout"} 0x300`},
	},
	"TendServiceInBackoff": {
		fires: []string{`tend_service_backoff_seconds_total ` + growing("50+50x200")},
		quiet: []string{`tend_service_backoff_seconds_total 0+10x300`},
	},
	"TendServiceStopsSlowly": {
		fires: []string{`tend_service_stop_duration_seconds {{schema:0 sum:0 count:0}}x60 {{schema:0 sum:95 count:10 offset:4 buckets:[10]}}x200`},
		quiet: []string{`tend_service_stop_duration_seconds {{schema:0 sum:0 count:0}}x60 {{schema:0 sum:5 count:10 offset:-1 buckets:[10]}}x200`},
	},
	"TendGoroutinesGrow": {
		fires:    []string{`tend_service_goroutines 100x60 150+50x200`},
		quiet:    []string{`tend_service_goroutines 100000+20x300`},
		quietToo: []string{`tend_service_goroutines 1x60 500x200`},
	},
	"TendEventsDropped": {
		fires: []string{`tend_events_dropped_total ` + growing("17x200")},
		quiet: []string{`tend_events_dropped_total 17x300`},
	},
	"TendPoolUnhealthy": {
		fires: []string{`tend_pool_members{state="running"} 100x60 40x200`, `tend_pool_members{state="backoff"} 0x60 60x200`},
		quiet: []string{`tend_pool_members{state="running"} 0x60 60x200`, `tend_pool_members{state="backoff"} 0x60 40x200`},
	},
	"TendPoolPanics": {
		fires: []string{`tend_pool_member_failures_total{kind="panic"} ` + growing("1x200")},
		quiet: []string{`tend_pool_member_failures_total{kind="error"} 0+1x300`, `tend_pool_member_failures_total{kind="panic"} 3x300`},
	},
	"TendHTTPErrors": {
		fires: []string{`tend_http_requests_total{route="/",code="200"} 0+90x300`, `tend_http_requests_total{route="/",code="503"} ` + growing("10+10x200")},
		quiet: []string{`tend_http_requests_total{route="/",code="200"} 0+99x300`, `tend_http_requests_total{route="/",code="404"} 0+99x300`, `tend_http_requests_total{route="/",code="503"} 0+1x300`},
	},
	"TendHTTPSlow": {
		fires: []string{`tend_http_request_duration_seconds{route="/"} {{schema:0 sum:0 count:0}}x60 {{schema:0 sum:30 count:10 offset:2 buckets:[10]}}+{{schema:0 sum:30 count:10 offset:2 buckets:[10]}}x200`},
		quiet: []string{`tend_http_request_duration_seconds{route="/"} {{schema:0 sum:0 count:0}}x60 {{schema:0 sum:1 count:10 offset:-3 buckets:[10]}}+{{schema:0 sum:1 count:10 offset:-3 buckets:[10]}}x200`},
	},
	"TendHTTPRequestsCut": {
		fires: []string{`tend_http_requests_cut_total ` + growing("3x200")},
		quiet: []string{`tend_http_requests_cut_total 3x300`},
	},
	"TendHTTPHandlerPanics": {
		fires: []string{`tend_http_handler_panics_total ` + growing("1x200")},
		quiet: []string{`tend_http_handler_panics_total 1x300`},
	},
	"TendHTTPCannotAccept": {
		fires: []string{`tend_http_accept_failures_total ` + growing("1+1x200")},
		quiet: []string{`tend_http_accept_failures_total 1x300`},
	},
	"TendHTTPLeftoverConnections": {
		fires: []string{`tend_http_connections_leftover 0x60 1x200`},
		quiet: []string{`tend_http_connections_leftover 0x300`},
	},
	"TendJobFails": {
		fires:    []string{`tend_job_runs_total{outcome="failed"} ` + growing("1+1x200"), `tend_job_runs_total{outcome="succeeded"} 5x300`},
		quiet:    []string{`tend_job_runs_total{outcome="failed"} 0+1x300`, `tend_job_runs_total{outcome="succeeded"} 0+1x300`},
		quietToo: []string{`tend_job_runs_total{outcome="failed"} 3x300`, `tend_job_runs_total{outcome="succeeded"} 0x300`},
	},
	"TendJobOverdue": {
		fires: []string{`tend_job_next_run_timestamp_seconds 3600x300`},
		quiet: []string{`tend_job_next_run_timestamp_seconds -200+60x300`},
	},
	"TendJobMissed": {
		fires: []string{`tend_job_missed_times_total ` + growing("1x200")},
		quiet: []string{`tend_job_missed_times_total 1x300`},
	},
	"TendJobLate": {
		fires: []string{`tend_job_run_lateness_seconds {{schema:0 sum:0 count:0}}x60 {{schema:0 sum:990 count:10 offset:7 buckets:[10]}}x200`},
		quiet: []string{`tend_job_run_lateness_seconds {{schema:0 sum:0 count:0}}x60 {{schema:0 sum:1 count:10 offset:-3 buckets:[10]}}x200`},
	},
}

func TestEveryAlertFiresWhenItShallAndOnlyThen(t *testing.T) {
	rules := alerts(t)
	for _, name := range slices.Sorted(maps.Keys(scenarios)) {
		if !slices.ContainsFunc(rules, func(r rulefmt.Rule) bool { return r.Alert == name }) {
			t.Errorf("%s: there is no such alert", name)
		}
	}
	for _, rule := range rules {
		s, ok := scenarios[rule.Alert]
		if !ok {
			t.Errorf("%s: no scenario fires it", rule.Alert)
			continue
		}
		for _, series := range [][]string{s.fires, s.firesToo} {
			if steps := firing(t, rule, series); series != nil && !slices.Contains(steps, true) {
				t.Errorf("%s does not fire with %q", rule.Alert, series)
			} else if steps[0] {
				t.Errorf("%s fires from the beginning with %q", rule.Alert, series)
			}
		}
		for _, series := range [][]string{s.quiet, s.quietToo} {
			if steps := firing(t, rule, series); slices.Contains(steps, true) {
				t.Errorf("%s fires at minute %d, though it shall not, with %q", rule.Alert, slices.Index(steps, true), series)
			}
		}
	}
}

// firing tells for each minute of four hours whether a rule fires.
func firing(t *testing.T, rule rulefmt.Rule, series []string) (steps []bool) {
	t.Helper()
	storage := promqltest.LoadedStorage(t, "load 1m\n\t"+strings.Join(labelled(series), "\n\t")+"\n")
	defer storage.Close()
	engine := promqltest.NewTestEngine(t, false, 5*time.Minute, 1_000_000)
	const minutes = 240
	end := time.Unix(0, 0).Add(minutes * time.Minute)
	query, err := engine.NewRangeQuery(t.Context(), storage, nil, rule.Expr, time.Unix(0, 0), end, time.Minute)
	if err != nil {
		t.Fatalf("%s: %v", rule.Alert, err)
	}
	defer query.Close()
	result := query.Exec(t.Context())
	matrix, err := result.Matrix()
	if err != nil {
		t.Fatalf("%s: %v", rule.Alert, err)
	}
	if len(result.Warnings) > 0 {
		t.Errorf("%s: %v", rule.Alert, result.Warnings)
	}
	steps = make([]bool, minutes+1)
	for _, s := range matrix {
		checkLabels(t, rule, s)
		pending := 0 // minutes for which it has been true without a break
		last := int64(-1)
		for _, point := range s.Floats {
			minute := point.T / time.Minute.Milliseconds()
			if minute != last+1 {
				pending = 0
			}
			last = minute
			if pending++; time.Duration(pending-1)*time.Minute >= time.Duration(rule.For) {
				steps[minute] = true
			}
		}
	}
	return steps
}

// checkLabels wants who is told to learn which service it is about, and where.
func checkLabels(t *testing.T, rule rulefmt.Rule, s promql.Series) {
	t.Helper()
	wanted := map[string]string{"service": "tend/a", "instance": "host:1", "job": "tend"}
	if strings.Contains(rule.Expr, ofProcess) {
		delete(wanted, "service")
	}
	for name, want := range wanted {
		if got := s.Metric.Get(name); got != want {
			t.Errorf("%s: %s: got %q, want %q", rule.Alert, name, got, want)
		}
	}
}

// ofProcess is the one metric that is of no service.
const ofProcess = "tend_events_dropped_total"

// labelled puts the labels of every target into series.
func labelled(series []string) []string {
	out := make([]string, len(series))
	for i, s := range series {
		name, values, _ := strings.Cut(s, " ")
		name, labels, _ := strings.Cut(strings.TrimSuffix(name, "}"), "{")
		if labels != "" {
			labels = "," + labels
		}
		service := `service="tend/a",`
		if name == ofProcess {
			service = ""
		}
		out[i] = fmt.Sprintf(`%s{%sinstance="host:1",job="tend"%s} %s`, name, service, labels, values)
	}
	return out
}

// alerts are the rules of the file, which is checked as Prometheus does it, templates included.
func alerts(t *testing.T) (rules []rulefmt.Rule) {
	t.Helper()
	groups, errs := rulefmt.ParseFile("alerts/tend.yaml", false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	for _, err := range errs {
		t.Error(err)
	}
	if groups == nil {
		t.FailNow()
	}
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			if rule.Labels["severity"] == "" || rule.Annotations["summary"] == "" {
				t.Errorf("%s: want a severity and a summary", rule.Alert)
			}
			rules = append(rules, rule)
		}
	}
	return rules
}
