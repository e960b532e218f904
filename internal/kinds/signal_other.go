//go:build !unix

package kinds

import "syscall"

// signalOf is 0, which stands for the default: there are no signals here.
func signalOf(string) syscall.Signal { return 0 }
