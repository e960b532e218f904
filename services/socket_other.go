//go:build !linux

package services

import (
	"errors"
	"net"
	"syscall"
)

// bar is for systems on which nothing makes the kernel ignore newcomers.
func bar(net.Listener) error { return errors.ErrUnsupported }

func unbar(net.Listener) error { return errors.ErrUnsupported }

func waiting(net.Listener) int { return 0 }

// private does nothing: a unix socket here gets its mode right after its name.
func private(_, _ string, _ syscall.RawConn) error { return nil }
