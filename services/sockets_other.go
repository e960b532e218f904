//go:build !unix

package services

import (
	"errors"
	"net"
)

// InheritSockets is empty: this system knows no protocol for it.
func InheritSockets() (*Sockets, error) { return &Sockets{}, nil }

func duplicate(net.Listener) (uintptr, error) { return 0, errors.ErrUnsupported }

func closeFD(uintptr) {}
