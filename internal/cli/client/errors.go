package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
)

// errNoAnswer is the cause of the end of a request that took too long.
var errNoAnswer = fmt.Errorf("no answer within %s", patience)

// errNoTree is about an answer that means nothing.
var errNoTree = errors.New("it has no tree")

// UnreachableError says that nobody answers at an address.
type UnreachableError struct {
	Addr string
	Err  error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("no daemon answers at %s: %v", e.Addr, e.Err)
}

// Unwrap returns Err.
func (e *UnreachableError) Unwrap() error { return e.Err }

// ForeignError says that somebody answers at an address, but not as a daemon does.
type ForeignError struct {
	Addr string
	Err  error
}

func (e *ForeignError) Error() string {
	return fmt.Sprintf("what answers at %s is no tend: %v", e.Addr, e.Err)
}

// Unwrap returns Err.
func (e *ForeignError) Unwrap() error { return e.Err }

// Problem is what the daemon answers when it does not do as it is asked, as RFC 9457 has it.
type Problem struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
}

func (p *Problem) Error() string {
	if p.Detail != "" {
		return p.Detail
	}
	return strings.ToLower(http.StatusText(p.Status))
}

// IsProblem tells whether err is a Problem of one of these statuses.
func IsProblem(err error, statuses ...int) bool {
	var p *Problem
	if !errors.As(err, &p) {
		return false
	}
	for _, status := range statuses {
		if p.Status == status {
			return true
		}
	}
	return false
}

// problem reads what an answer has to say for itself.
func (c *Client) problem(resp *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	media, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	var p Problem
	if err != nil || media != "application/problem+json" || json.Unmarshal(text, &p) != nil {
		return &ForeignError{c.name, fmt.Errorf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode))}
	}
	p.Status = resp.StatusCode
	return &p
}

// unreachable takes from what a connection died of what a user can do something about.
func (c *Client) unreachable(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, errNoAnswer) {
		return cause // whoever asked does not want the answer any more
	}
	var number syscall.Errno
	var outer *url.Error
	var op *net.OpError
	switch {
	case errors.Is(context.Cause(ctx), errNoAnswer):
		err = errNoAnswer
	case errors.As(err, &number):
		err = number // errors.Is finds os.ErrPermission in it
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = fmt.Errorf("no connection within %s", dialTimeout)
	case errors.As(err, &op):
		err = op.Err
	case errors.As(err, &outer):
		err = outer.Err
	}
	return &UnreachableError{c.name, err}
}
