//go:build race

package services_test

const racing = true // the race detector is on
