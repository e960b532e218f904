//go:build !race

package handover_test

const racing = false
