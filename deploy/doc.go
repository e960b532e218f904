// Package deploy has what operators of tend take with them: alert rules for Prometheus and a dashboard for Grafana. It
// is a module of its own, because its tests evaluate every expression with the engine of Prometheus.
package deploy
