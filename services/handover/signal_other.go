//go:build !unix

package handover

import "os"

// Notify does nothing: this system has no signal for it.
func Notify(chan<- os.Signal) {}
