package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

func TestRequestAndRunsAreSent(t *testing.T) {
	got := make(chan string, 100)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		request := &collector.ExportTraceServiceRequest{}
		if err := proto.Unmarshal(body, request); err != nil {
			t.Error(err)
		}
		for _, resource := range request.GetResourceSpans() {
			for _, scope := range resource.GetScopeSpans() {
				for _, span := range scope.GetSpans() {
					got <- span.GetName()
				}
			}
		}
	}))
	defer server.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	ctx, cancel := context.WithCancel(t.Context())
	log := &listening{at: make(chan string, 1)}
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, slog.New(log), "127.0.0.1:0") }()
	answer, err := http.Get("http://" + <-log.at + "/users/7")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	close(got)
	names := map[string]int{}
	for name := range got {
		names[name]++
	}
	for _, want := range []string{"GET /users/{id}", "run shop/web", "run shop/sweep"} {
		if names[want] != 1 {
			t.Errorf("spans: got %v, want one %s", names, want)
		}
	}
}

// listening waits for the line that says where the service listens.
type listening struct{ at chan string }

func (*listening) Enabled(context.Context, slog.Level) bool { return true }
func (l *listening) WithAttrs([]slog.Attr) slog.Handler     { return l }
func (l *listening) WithGroup(string) slog.Handler          { return l }
func (l *listening) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "listening" {
		r.Attrs(func(a slog.Attr) bool {
			if a.Key == "addr" {
				l.at <- a.Value.String()
			}
			return true
		})
	}
	return nil
}
