//go:build race

package supervise_test

const racing = true // the race detector is on
