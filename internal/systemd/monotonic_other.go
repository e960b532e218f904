//go:build !unix

package systemd

// monotonic is of no use to anybody here.
func monotonic() string { return "0" }
