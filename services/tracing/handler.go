package tracing

import (
	"context"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"tend.example/tend/internal/reply"
	"tend.example/tend/supervise"
)

// The names that OpenTelemetry has for them (semantic conventions of HTTP, stable).
const (
	methodKey   = attribute.Key("http.request.method")
	routeKey    = attribute.Key("http.route")
	statusKey   = attribute.Key("http.response.status_code")
	schemeKey   = attribute.Key("url.scheme")
	protocolKey = attribute.Key("network.protocol.version")
)

// Handler makes a span for each request that next answers, as a child of the client's, named after the route: it has to
// be around the http.ServeMux, or the engine of package router. Path and query of the client are not in it, as they may
// have secrets in them. A status of 5xx and a panic are errors.
//
// The handler is given a copy of the request, with the span in its context. The Pattern of that is passed back, so
// whoever is around this handler sees it, too.
func (t *Tracing) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, span := t.startRequest(r)
		inner := r.WithContext(ctx)
		seen, panicked := t.writers.Watch(w), true
		defer func() { // also when the handler panics
			r.Pattern = inner.Pattern
			if r.MultipartForm == nil {
				r.MultipartForm = inner.MultipartForm // whose files net/http removes
			}
			endRequest(span, inner, seen, panicked)
		}()
		next.ServeHTTP(seen, inner)
		panicked = false
	})
}

func (t *Tracing) startRequest(r *http.Request) (context.Context, trace.Span) {
	t.setUp()
	method, scheme := methodOf(r), "http"
	if r.TLS != nil {
		scheme = "https"
	}
	ctx := t.headers.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	return t.tracer.Start(ctx, nameOf(method, ""), trace.WithSpanKind(trace.SpanKindServer), linked(ctx), trace.WithAttributes(
		methodKey.String(method), schemeKey.String(scheme), serviceKey.String(supervise.Path(ctx)),
		protocolKey.String(strings.TrimSuffix(strings.TrimPrefix(r.Proto, "HTTP/"), ".0")),
	))
}

// other is the method of a client that makes one up.
const other = "_OTHER"

func methodOf(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return r.Method
	default:
		return other
	}
}

// nameOf is the name of a span, as OpenTelemetry wants it.
func nameOf(method, route string) string {
	if method == other {
		method = "HTTP"
	}
	return strings.TrimSpace(method + " " + route)
}

func endRequest(span trace.Span, r *http.Request, seen *reply.Writer, panicked bool) {
	defer span.End()
	if !span.IsRecording() {
		return
	}
	if route := routeOf(r.Pattern); route != "" {
		span.SetName(nameOf(methodOf(r), route))
		span.SetAttributes(routeKey.String(route))
	}
	status := seen.Status(r.Context(), panicked)
	span.SetAttributes(statusKey.Int(status))
	switch {
	case panicked:
		span.SetStatus(codes.Error, "panicked")
	case status >= http.StatusInternalServerError:
		span.SetStatus(codes.Error, "")
	}
}

// routeOf is a pattern without its method; "" when it stands for no route.
func routeOf(pattern string) string {
	if method, rest, ok := strings.Cut(pattern, " "); ok && !strings.Contains(method, "/") {
		pattern = strings.TrimLeft(rest, " \t")
	}
	if !strings.Contains(pattern, "/") { // "none" of package router
		return ""
	}
	return pattern
}
