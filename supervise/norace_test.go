//go:build !race

package supervise_test

const racing = false
