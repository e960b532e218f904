//go:build race

package handover_test

const racing = true // the race detector is on
