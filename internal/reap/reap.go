// Package reap frees what is left of the processes that others have orphaned, where they become children of this
// one: as process 1 of a container, which has no other init.
package reap

import "errors"

// ErrThread is the answer when the calling goroutine does not have the main thread for itself.
var ErrThread = errors.New("reap: not on the main thread")
