package reload

import "github.com/prometheus/client_golang/prometheus"

// Describe describes tend_reloads_total.
func (l *Loop) Describe(to chan<- *prometheus.Desc) { to <- reloadsDesc() }

// Collect tells how many reloads were applied and how many refused.
func (l *Loop) Collect(to chan<- prometheus.Metric) {
	s := l.Stats()
	to <- prometheus.MustNewConstMetric(reloadsDesc(), prometheus.CounterValue, float64(s.Reloads), "applied")
	to <- prometheus.MustNewConstMetric(reloadsDesc(), prometheus.CounterValue, float64(s.Refused), "refused")
}

func reloadsDesc() *prometheus.Desc {
	return prometheus.NewDesc("tend_reloads_total", "Reloads of the configuration, by what became of them.", []string{"outcome"}, nil)
}
