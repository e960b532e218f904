package metrics_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"

	"tend.example/tend/services"
	"tend.example/tend/services/metrics"
	"tend.example/tend/supervise"
)

// listening has the Detail of an HTTP service, without the sockets that a bubble cannot have.
type listening struct {
	supervise.Func
	http *services.HTTP
}

func (l listening) Detail() any { return l.http.Detail() }

// everything is what can be gathered of a tree in which everything has happened.
func everything(t *testing.T) (families []*dto.MetricFamily) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "conns", Service: &supervise.Pool{}},
			{Name: "web", Service: listening{idle, &services.HTTP{}}},
			{Name: "job", Service: &services.Job{Schedule: services.Every(time.Minute), Do: func(context.Context) error { return nil }}},
		}})
		m.OnRequest(httptest.NewRequest(http.MethodGet, "/", http.NoBody), http.StatusOK, time.Millisecond)
		time.Sleep(time.Minute)
		synctest.Wait()
		var err error
		if families, err = m.registry.Gather(); err != nil {
			t.Error(err)
		}
		m.stop()
	})
	return families
}

func TestNamesAreByTheConventionsOfPrometheus(t *testing.T) {
	problems, err := promlint.NewWithMetricFamilies(everything(t)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// rows are what the docs have to say of what can be gathered.
func rows(families []*dto.MetricFamily) (rows []string) {
	for _, family := range families {
		var labels []string
		for _, label := range family.GetMetric()[0].GetLabel() {
			labels = append(labels, "`"+label.GetName()+"`")
		}
		kind := strings.ToLower(family.GetType().String())
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s | %s |", family.GetName(), kind, strings.Join(labels, " "), family.GetHelp()))
	}
	return rows
}

func TestEveryMetricHasItsRowInTheDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	want := rows(everything(t))
	for _, row := range want {
		if !slices.Contains(lines, row) {
			t.Errorf("docs/metrics.md lacks this row:\n%s", row)
		}
	}
	for _, line := range lines {
		if strings.HasPrefix(line, "| `tend_") && !slices.Contains(want, line) {
			t.Errorf("docs/metrics.md has a row of no metric:\n%s", line)
		}
	}
}

// What everything gathers is all that there is.
func TestEverythingIsDescribedAndGathered(t *testing.T) {
	gathered := map[string]bool{}
	for _, family := range everything(t) {
		gathered[family.GetName()] = true
	}
	ch := make(chan *prometheus.Desc, 100)
	(&metrics.Tree{}).Describe(ch)
	close(ch)
	described := 0
	for desc := range ch {
		described++
		_, name, _ := strings.Cut(desc.String(), `fqName: "`)
		name, _, _ = strings.Cut(name, `"`)
		if !gathered[name] {
			t.Errorf("%s is described and not gathered", name)
		}
	}
	if described != len(gathered) {
		t.Errorf("%d metrics are described, %d gathered", described, len(gathered))
	}
}

func TestRuntimeMayBeRegisteredAlready(t *testing.T) {
	registry := prometheus.NewRegistry()
	for range 2 {
		if err := metrics.RegisterRuntime(registry); err != nil {
			t.Error(err)
		}
	}
	got := gather(t, registry)
	for _, name := range []string{"go_goroutines", "process_start_time_seconds"} {
		if got[name] == 0 {
			t.Errorf("%s: missing", name)
		}
	}
}

func TestHistogramsAreNativeForWhoTakesThem(t *testing.T) {
	for _, c := range []struct {
		accept  string
		buckets []float64
		want    []string
		not     string
	}{
		{"text/plain", nil, []string{"tend_http_request_duration_seconds_count{", `le="+Inf"`}, `le="0.1"`},
		{"text/plain", []float64{0.1, 1}, []string{`le="0.1"`, `le="1"`, `le="+Inf"`}, `le="10"`},
	} {
		m := &metrics.Tree{Buckets: c.buckets}
		registry := prometheus.NewRegistry()
		if err := m.Register(registry); err != nil {
			t.Fatal(err)
		}
		m.OnRequest(httptest.NewRequest(http.MethodGet, "/", http.NoBody), http.StatusOK, 50*time.Millisecond)
		r := httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody)
		r.Header.Set("Accept", c.accept)
		w := httptest.NewRecorder()
		metrics.Handler(registry, slog.New(slog.DiscardHandler)).ServeHTTP(w, r)
		body, _ := io.ReadAll(w.Body)
		for _, text := range c.want {
			if !strings.Contains(string(body), text) {
				t.Errorf("buckets %v: want %s in\n%s", c.buckets, text, body)
			}
		}
		if strings.Contains(string(body), c.not) {
			t.Errorf("buckets %v: want no %s in\n%s", c.buckets, c.not, body)
		}
	}
	m := &metrics.Tree{}
	m.OnRequest(httptest.NewRequest(http.MethodGet, "/", http.NoBody), http.StatusOK, 50*time.Millisecond)
	registry := prometheus.NewRegistry()
	if err := m.Register(registry); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "tend_http_request_duration_seconds" {
			continue
		}
		h := family.GetMetric()[0].GetHistogram()
		if h.GetSchema() < 3 || len(h.GetPositiveSpan()) != 1 || len(h.GetBucket()) != 0 {
			t.Errorf("got %v, want a native histogram alone", h)
		}
	}
}
