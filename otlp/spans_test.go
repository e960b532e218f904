package otlp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	api "go.opentelemetry.io/otel/trace"

	"tend.example/tend/services"
	"tend.example/tend/services/tracing"
	"tend.example/tend/supervise"
)

// recorded is a Tracing whose spans can be looked at.
func recorded() (*tracing.Tracing, *tracetest.SpanRecorder) {
	recorder := tracetest.NewSpanRecorder()
	return &tracing.Tracing{Provider: trace.NewTracerProvider(trace.WithSpanProcessor(recorder))}, recorder
}

// attributes are those of a span, and its status if it has one, as text.
func attributes(span trace.ReadOnlySpan) map[string]string {
	got := map[string]string{}
	for _, a := range span.Attributes() {
		got[string(a.Key)] = a.Value.String()
	}
	if s := span.Status(); s.Code != codes.Unset {
		got["status"] = s.Code.String() + " " + s.Description
	}
	return got
}

func idle(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

func routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "user") })
	mux.HandleFunc("/bad", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic("oh dear") })
	return mux
}

func TestSpanOfARequest(t *testing.T) {
	for _, c := range []struct {
		request, name string
		want          map[string]string
	}{
		{"GET /users/7?token=secret", "GET /users/{id}", map[string]string{
			"http.request.method": "GET", "http.route": "/users/{id}", "http.response.status_code": "200",
		}},
		{"POST /bad", "POST /bad", map[string]string{
			"http.request.method": "POST", "http.route": "/bad", "http.response.status_code": "502", "status": "Error ",
		}},
		{"GET /panic", "GET /panic", map[string]string{
			"http.request.method": "GET", "http.route": "/panic", "http.response.status_code": "500", "status": "Error panicked",
		}},
		{"GET /no/such", "GET", map[string]string{
			"http.request.method": "GET", "http.response.status_code": "404",
		}},
		{"MADE-UP /no/such", "HTTP", map[string]string{
			"http.request.method": "_OTHER", "http.response.status_code": "404",
		}},
	} {
		traced, recorder := recorded()
		var method, target string
		if _, err := fmt.Sscan(c.request, &method, &target); err != nil {
			t.Fatal(err)
		}
		func() {
			defer func() { _ = recover() }() // as a server does
			traced.Handler(routes()).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, target, http.NoBody))
		}()
		spans := recorder.Ended()
		if len(spans) != 1 {
			t.Fatalf("%s: %d spans, want 1", c.request, len(spans))
		}
		c.want["tend.service"], c.want["url.scheme"], c.want["network.protocol.version"] = "", "http", "1.1"
		if diff := cmp.Diff(c.want, attributes(spans[0])); diff != "" {
			t.Errorf("%s: attributes (-want +got):\n%s", c.request, diff)
		}
		if got := spans[0]; got.Name() != c.name || got.SpanKind() != api.SpanKindServer {
			t.Errorf("%s: got %q of kind %s, want %q of a server", c.request, got.Name(), got.SpanKind(), c.name)
		}
	}
}

func TestSpanOfARequestIsBelowThatOfTheClient(t *testing.T) {
	traced, recorder := recorded()
	r := httptest.NewRequest(http.MethodGet, "/users/7", http.NoBody)
	r.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	var inside api.SpanContext
	traced.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		inside = api.SpanContextFromContext(r.Context())
	})).ServeHTTP(httptest.NewRecorder(), r)
	span := recorder.Ended()[0]
	if got := span.SpanContext().TraceID().String(); got != "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("trace: got %s, want that of the client", got)
	}
	if got := span.Parent().SpanID().String(); got != "b7ad6b7169203331" {
		t.Errorf("parent: got %s, want the span of the client", got)
	}
	if !inside.Equal(span.SpanContext()) {
		t.Errorf("the handler has the span %v, want %v", inside.SpanID(), span.SpanContext().SpanID())
	}
}

func TestRunsOfServicesHaveSpans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		traced, recorder := recorded()
		runs := 0
		flaky := func(ctx context.Context) error {
			switch runs++; runs {
			case 1:
				return errors.New("boom")
			case 2:
				panic("boom")
			}
			<-ctx.Done()
			return fmt.Errorf("told: %w", ctx.Err())
		}
		tree := &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "g", Service: &supervise.Group{Children: []supervise.Child{
				{Name: "flaky", Service: supervise.Func(flaky), Policy: supervise.Policy{MinBackoff: -1}},
			}}},
			{Name: "done", Service: supervise.Func(func(context.Context) error { return supervise.ErrDone })},
		}}
		traced.Wrap(tree)
		stop := serve(t, tree)
		stop()
		var got []string
		for _, span := range recorder.Ended() {
			got = append(got, fmt.Sprint(span.Name(), " ", attributes(span)["status"]))
			if attributes(span)["tend.service"] != span.Name()[len("run "):] || span.Parent().IsValid() {
				t.Errorf("%s: got service %q and parent %v, want its path and none", span.Name(), attributes(span)["tend.service"], span.Parent())
			}
		}
		slices.Sort(got)
		want := []string{"run tend/done ", "run tend/g/flaky ", "run tend/g/flaky Error boom", "run tend/g/flaky Error panicked"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("spans (-want +got):\n%s", diff)
		}
	})
}

// serve serves a tree in a bubble, and gives what stops it.
func serve(t *testing.T, tree *supervise.Group) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- tree.Serve(ctx) }()
	synctest.Wait()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	}
}

func TestEachTryOfAJobHasASpanThatLinksToTheRunOfItsService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		traced, recorder := recorded()
		tries := 0
		job := &services.Job{Schedule: services.Every(time.Minute), Retries: 1, Log: slog.New(slog.DiscardHandler), OnError: services.Log}
		job.Do = traced.Do("sweep", func(ctx context.Context) error {
			if tries++; tries == 1 {
				return errors.New("boom")
			}
			return nil
		})
		tree := &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "job", Service: job}}}
		traced.Wrap(tree)
		stop := serve(t, tree)
		time.Sleep(90 * time.Second)
		stop()
		spans := recorder.Ended()
		if len(spans) != 3 {
			t.Fatalf("%d spans, want two tries and the run", len(spans))
		}
		run := spans[2].SpanContext()
		for i, want := range []map[string]string{
			{"tend.job.attempt": "1", "status": "Error boom"},
			{"tend.job.attempt": "2"},
		} {
			want["tend.service"], want["tend.job"], want["tend.job.run"], want["tend.job.triggered"] = "tend/job", "sweep", "1", "false"
			if diff := cmp.Diff(want, attributes(spans[i])); diff != "" {
				t.Errorf("try %d (-want +got):\n%s", i+1, diff)
			}
			links := spans[i].Links()
			if spans[i].Name() != "job sweep" || len(links) != 1 || !links[0].SpanContext.Equal(run) || spans[i].SpanContext().TraceID() == run.TraceID() {
				t.Errorf("try %d: got %q with links %v, want a trace of its own with a link to %v", i+1, spans[i].Name(), links, run.SpanID())
			}
		}
	})
}

func TestRequestLinksToTheRunOfItsService(t *testing.T) {
	traced, recorder := recorded()
	web := &services.HTTP{Addr: "127.0.0.1:0", Handler: traced.Handler(routes()), Log: slog.New(slog.DiscardHandler)}
	ready := make(chan struct{})
	tree := &supervise.Group{Name: "tend", Children: []supervise.Child{
		{Name: "web", Service: web},
		{Name: "last", Service: supervise.Func(func(ctx context.Context) error { close(ready); return idle(ctx) })},
	}}
	traced.Wrap(tree)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- tree.Serve(ctx) }()
	<-ready
	answer, err := http.Get("http://" + web.BoundAddr().String() + "/users/7")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	byName := map[string]trace.ReadOnlySpan{}
	for _, span := range recorder.Ended() {
		byName[span.Name()] = span
	}
	request, run := byName["GET /users/{id}"], byName["run tend/web"]
	if request == nil || run == nil || len(byName) != 3 {
		t.Fatalf("got the spans %v, want a request and two runs", byName)
	}
	links := request.Links()
	if len(links) != 1 || !links[0].SpanContext.Equal(run.SpanContext()) || attributes(request)["tend.service"] != "tend/web" {
		t.Errorf("request: got links %v and %v, want one to the run", links, attributes(request))
	}
	if request.Parent().IsValid() || request.SpanContext().TraceID() == run.SpanContext().TraceID() {
		t.Errorf("request: got the parent %v, want a trace of its own", request.Parent())
	}
}
