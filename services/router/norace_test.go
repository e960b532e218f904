//go:build !race

package router_test

const racing = false
