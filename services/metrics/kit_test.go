package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"tend.example/tend/services/metrics"
	"tend.example/tend/supervise"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func idle(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

func fails(context.Context) error { return errors.New("boom") }

// measured is a tree that is measured and served.
type measured struct {
	*metrics.Tree
	t        *testing.T
	registry *prometheus.Registry
	cancel   func()
	ended    chan error
}

// serve serves a tree, and waits until it is at rest, in a bubble.
func serve(t *testing.T, tree *supervise.Group) *measured {
	t.Helper()
	m := begin(t, tree)
	synctest.Wait()
	return m
}

func begin(t *testing.T, tree *supervise.Group) *measured {
	t.Helper()
	m := &measured{Tree: &metrics.Tree{Group: tree}, t: t, registry: prometheus.NewRegistry(), ended: make(chan error, 1)}
	tree.OnEvent = m.Observe
	if err := m.Register(m.registry); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	m.cancel = cancel
	go func() { m.ended <- tree.Serve(ctx) }() // stop waits for it
	return m
}

func (m *measured) stop() error {
	m.cancel()
	return <-m.ended
}

// values are all series as text, `name{label="value",...}`; a histogram has a sum and a count.
func (m *measured) values() map[string]float64 { return gather(m.t, m.registry) }

func gather(t *testing.T, from prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		for _, series := range family.GetMetric() {
			var labels []string
			for _, label := range series.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", label.GetName(), label.GetValue()))
			}
			name, shown := family.GetName(), ""
			if len(labels) > 0 {
				shown = "{" + strings.Join(labels, ",") + "}"
			}
			if h := series.GetHistogram(); h != nil {
				values[name+"_sum"+shown], values[name+"_count"+shown] = h.GetSampleSum(), float64(h.GetSampleCount())
			} else {
				values[name+shown] = series.GetGauge().GetValue() + series.GetCounter().GetValue()
			}
		}
	}
	return values
}

// want compares the series that begin with one of the prefixes, but for those that are 0 where want has none.
func (m *measured) want(want map[string]float64, prefixes ...string) {
	m.t.Helper()
	got := m.values()
	maps.DeleteFunc(got, func(name string, value float64) bool {
		_, wanted := want[name]
		begins := func(prefix string) bool { return strings.HasPrefix(name, prefix) }
		return !slices.ContainsFunc(prefixes, begins) || value == 0 && !wanted
	})
	if diff := cmp.Diff(want, got); diff != "" {
		m.t.Errorf("series (-want +got):\n%s", diff)
	}
}

// has tells whether there is a series about a service.
func (m *measured) has(service string) bool {
	for name := range m.values() {
		if strings.Contains(name, fmt.Sprintf("service=%q", service)) {
			return true
		}
	}
	return false
}
