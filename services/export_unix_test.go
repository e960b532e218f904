//go:build unix

package services

import (
	"strings"

	"golang.org/x/sys/unix"
)

// Received is what a process has that was started with p.
func Received(p *Passing) (*Sockets, error) {
	env := map[string]string{}
	for _, entry := range p.Env {
		key, value, _ := strings.Cut(entry, "=")
		env[key] = value
	}
	all, err := listed(env)
	if err != nil {
		return nil, err
	}
	s := &Sockets{}
	for i, g := range all {
		fd, err := unix.FcntlInt(p.Files[i], unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return nil, err
		}
		if g.listener, err = inherit(fd); err != nil {
			return nil, err
		}
		s.given = append(s.given, g)
	}
	return s, nil
}
