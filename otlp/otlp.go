// Package otlp sends the spans of a program by OTLP, for package tracing and for spans of your own. It is in a module of
// its own, because the SDK of OpenTelemetry adds ten megabytes to a program that may have no use for it.
//
// See the program in folder example.
package otlp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
)

// Setup makes a provider that sends spans in batches, by OTLP over HTTP. What is not said here is set by the environment
// variables of OpenTelemetry:
//
//	OTEL_EXPORTER_OTLP_ENDPOINT  where to; http://localhost:4318 if it is empty
//	OTEL_EXPORTER_OTLP_HEADERS   such as authorization=Bearer%20...
//	OTEL_TRACES_SAMPLER          which traces; parentbased_always_on if it is empty
//	OTEL_RESOURCE_ATTRIBUTES     such as deployment.environment.name=production
//	OTEL_SERVICE_NAME            in the place of name
//
// Setup sends nothing yet, and a collector that is away is no error: spans that cannot be sent are logged and lost.
//
// When the tree has returned, the last spans are still here. Call the provider's Shutdown, with a context that is
// not done: that of the program is by then.
func Setup(ctx context.Context, name, version string, log *slog.Logger) (*trace.TracerProvider, error) {
	if err := checkEndpoints(); err != nil {
		return nil, fmt.Errorf("set up OTLP: %w", err)
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("set up OTLP: %w", err)
	}
	who, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", name), attribute.String("service.version", version)),
		resource.WithTelemetrySDK(), resource.WithHost(), resource.WithProcessPID(),
		resource.WithFromEnv(), // the last one counts
	)
	if err != nil && !errors.Is(err, resource.ErrPartialResource) {
		return nil, errors.Join(fmt.Errorf("set up OTLP: %w", err), exporter.Shutdown(ctx))
	}
	return trace.NewTracerProvider(trace.WithResource(who), trace.WithBatcher(told{exporter, log})), nil
}

// checkEndpoints refuses what the SDK would put localhost in the place of.
func checkEndpoints() error {
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"} {
		value := os.Getenv(name)
		if value == "" {
			continue
		}
		if u, err := url.Parse(value); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return fmt.Errorf("%s=%q: want http://HOST:PORT or https://HOST:PORT", name, value)
		}
	}
	return nil
}

// told logs what the SDK would tell to a global handler of errors.
type told struct {
	trace.SpanExporter
	log *slog.Logger
}

// ExportSpans is trace.SpanExporter's.
func (t told) ExportSpans(ctx context.Context, spans []trace.ReadOnlySpan) error {
	if err := t.SpanExporter.ExportSpans(ctx, spans); err != nil {
		t.log.LogAttrs(ctx, slog.LevelWarn, "spans are lost", slog.Int("spans", len(spans)), slog.Any("err", err))
	}
	return nil
}
