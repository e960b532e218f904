//go:build !unix

package handover

import (
	"errors"

	"tend.example/tend/services"
)

// program is nothing here: this system passes no sockets on.
type program struct{ path string }

func thisProgram() (program, error) { return program{}, nil }

type heir struct {
	pid  int
	link *link
}

func (program) start(*services.Passing) (*heir, error) { return nil, errors.ErrUnsupported }

func (*heir) kill(bool) error { return nil }

func (*heir) release() {}

func inheritLink() (*link, error) { return nil, nil }
