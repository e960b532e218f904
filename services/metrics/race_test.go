//go:build race

package metrics_test

const racing = true // the race detector is on
