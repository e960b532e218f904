// Package tracing makes spans of OpenTelemetry for a tree: one for each request, for each try of a job, and for each
// run of a service, to which the others are linked. It knows the API of OpenTelemetry only. Where the spans go is up to
// the provider, such as that of module tend.example/tend/otlp, which sends them by OTLP.
//
//	traced := &tracing.Tracing{Provider: provider}
//	web.Handler = traced.Handler(mux)
//	job.Do = traced.Do("sweep", sweep)
//	traced.Wrap(tree) // before tree.Serve
//
// A run is no parent of what happens in it: it may last for months, and a trace has to come to an end. It is exported
// when it ends, so until then a link leads nowhere.
package tracing

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"tend.example/tend/internal/reply"
	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

// Tracing makes spans. Set its fields before the first use and leave them alone.
type Tracing struct {
	// Provider is where they go. nil: nowhere; otel.GetTracerProvider is the global one of OpenTelemetry.
	Provider trace.TracerProvider

	// Propagator finds the span of the client in the header of a request. nil: that of the W3C, traceparent.
	Propagator propagation.TextMapPropagator

	once    sync.Once
	writers reply.Writers
	tracer  trace.Tracer
	headers propagation.TextMapPropagator
}

// scope is who made a span, as OpenTelemetry shows it.
const scope = "tend.example/tend/services/tracing"

// Attributes besides those that OpenTelemetry has names for.
const (
	serviceKey   = attribute.Key("tend.service") // the path
	jobKey       = attribute.Key("tend.job")
	jobRunKey    = attribute.Key("tend.job.run") // its ID
	attemptKey   = attribute.Key("tend.job.attempt")
	triggeredKey = attribute.Key("tend.job.triggered") // by hand
)

// setUp applies the defaults.
func (t *Tracing) setUp() {
	t.once.Do(func() {
		provider := t.Provider
		if provider == nil {
			provider = noop.NewTracerProvider()
		}
		t.tracer, t.headers = provider.Tracer(scope), t.Propagator
		if t.headers == nil {
			t.headers = propagation.TraceContext{}
		}
	})
}

type runKey struct{} // of the SpanContext of a service's run

// Run is the span of the service's run that ctx belongs to, for a link of your own. It is not valid where there is none.
func Run(ctx context.Context) trace.SpanContext {
	run, _ := ctx.Value(runKey{}).(trace.SpanContext)
	return run
}

// linked links a span to the run that ctx belongs to.
func linked(ctx context.Context) trace.SpanStartOption {
	if run := Run(ctx); run.IsValid() {
		return trace.WithLinks(trace.Link{SpanContext: run})
	}
	return trace.WithLinks()
}

// Do is a Do for a services.Job, with a span for each call, that is for each try of a run. It is the root of a trace.
func (t *Tracing) Do(name string, do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) (err error) {
		options := []trace.SpanStartOption{
			trace.WithNewRoot(), linked(ctx), trace.WithAttributes(serviceKey.String(supervise.Path(ctx)), jobKey.String(name)),
		}
		if run, ok := services.CurrentRun(ctx); ok {
			options = append(options, trace.WithAttributes(jobRunKey.Int(run.ID), attemptKey.Int(run.Attempts), triggeredKey.Bool(run.Triggered)))
		}
		t.setUp()
		ctx, span := t.tracer.Start(ctx, "job "+name, options...)
		returned := false
		defer func() { end(span, returned, err) }()
		err = do(ctx)
		returned = true
		return err
	}
}

// end ends a span with what came of it. A panic is left to go on its way, with the stack that it has.
func end(span trace.Span, returned bool, err error) {
	switch {
	case !returned:
		span.SetStatus(codes.Error, "panicked")
	case err != nil && !errors.Is(err, supervise.ErrDone):
		span.RecordError(err)
		span.SetStatus(codes.Error, fmt.Sprint(err))
	}
	span.End()
}
