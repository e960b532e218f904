package tracing

import (
	"context"
	"errors"
	"fmt"
	"io"

	"go.opentelemetry.io/otel/trace"

	"tend.example/tend/supervise"
)

// Wrap gives every run of every service of the tree a span, those of groups below included. A group itself has none, nor
// has a pool: its members are wrapped by Service, if they are to have one. Call it once, before the tree is served.
func (t *Tracing) Wrap(tree *supervise.Group) {
	for i := range tree.Children {
		child := &tree.Children[i]
		if group, ok := child.Service.(*supervise.Group); ok {
			t.Wrap(group)
			continue
		}
		child.Service = t.Service(child.Service)
	}
}

// Service is s with a span for each of its runs. It is closed, notifies, has a Detail and a String as s does, and
// Unwrap gives s. A group or a pool is returned as it is: inside of another service it would be none.
func (t *Tracing) Service(s supervise.Service) supervise.Service {
	switch s.(type) {
	case *supervise.Group, *supervise.Pool:
		return s
	}
	wrapper := &service{t, s}
	closes, isCloser := s.(io.Closer)
	_, notifies := s.(interface{ NotifiesReady() })
	switch {
	case isCloser && notifies:
		return notifyingCloser{notifier{wrapper}, closes}
	case isCloser:
		return closer{wrapper, closes}
	case notifies:
		return notifier{wrapper}
	default:
		return wrapper
	}
}

type service struct {
	tracing *Tracing
	inside  supervise.Service
}

type closer struct {
	*service
	io.Closer
}

type notifier struct{ *service }

type notifyingCloser struct {
	notifier
	io.Closer
}

// NotifiesReady says that the service inside calls supervise.Ready.
func (notifier) NotifiesReady() {}

// Unwrap is the service inside, for who looks for its methods.
func (s *service) Unwrap() supervise.Service { return s.inside }

// String is that of the service inside; without it a supervisor above could print its fields.
func (s *service) String() string {
	if inside, ok := s.inside.(fmt.Stringer); ok {
		return inside.String()
	}
	return fmt.Sprintf("%T", s.inside)
}

// Detail is that of the service inside, if it has any.
func (s *service) Detail() any {
	if inside, ok := s.inside.(interface{ Detail() any }); ok {
		return inside.Detail()
	}
	return nil
}

// Serve is a run with a span. It is not the span of ctx, or all that happens in the run would be part of it.
func (s *service) Serve(ctx context.Context) (err error) {
	path := supervise.Path(ctx)
	s.tracing.setUp()
	_, span := s.tracing.tracer.Start(ctx, "run "+path, trace.WithNewRoot(), trace.WithAttributes(serviceKey.String(path)))
	returned := false
	defer func() {
		failure := err
		if stops(ctx, err) {
			failure = nil
		}
		end(span, returned, failure)
	}()
	err = s.inside.Serve(context.WithValue(ctx, runKey{}, span.SpanContext()))
	returned = true
	return err
}

// stops tells whether err is a clean answer of a run that was told to stop.
func stops(ctx context.Context, err error) bool {
	return ctx.Err() != nil && (errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx)))
}
