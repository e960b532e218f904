//go:build race

package router_test

const racing = true // the race detector is on
