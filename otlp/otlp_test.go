package otlp_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"tend.example/tend/otlp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// receiver is a collector, which keeps what it is sent.
func receiver(t *testing.T, status int) (url string, received chan *collector.ExportTraceServiceRequest) {
	t.Helper()
	received = make(chan *collector.ExportTraceServiceRequest, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		request := &collector.ExportTraceServiceRequest{}
		if err == nil {
			err = proto.Unmarshal(body, request)
		}
		if err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", r.URL, err)
		}
		received <- request
		w.Header().Set("Content-Type", "application/x-protobuf")
		w.WriteHeader(status)
	}))
	t.Cleanup(server.Close)
	return server.URL, received
}

func TestSpansAreSentWithWhoTheyAreOf(t *testing.T) {
	url, received := receiver(t, http.StatusOK)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
	provider, err := otlp.Setup(t.Context(), "shop", "1.0", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	_, span := provider.Tracer("test").Start(t.Context(), "hello")
	span.End()
	if err := provider.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	spans := (<-received).GetResourceSpans()[0]
	who := map[string]string{}
	for _, a := range spans.GetResource().GetAttributes() {
		who[a.GetKey()] = a.GetValue().GetStringValue()
	}
	if who["service.name"] != "shop" || who["service.version"] != "1.0" || who["deployment.environment.name"] != "test" {
		t.Errorf("resource: got %v, want name, version and what the environment says", who)
	}
	if got := spans.GetScopeSpans()[0].GetSpans()[0].GetName(); got != "hello" {
		t.Errorf("span: got %q, want hello", got)
	}
}

func TestEnvironmentHasTheLastWordOnTheName(t *testing.T) {
	url, received := receiver(t, http.StatusOK)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
	t.Setenv("OTEL_SERVICE_NAME", "other")
	provider, err := otlp.Setup(t.Context(), "shop", "1.0", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	_, span := provider.Tracer("test").Start(t.Context(), "hello")
	span.End()
	if err := provider.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	for _, a := range (<-received).GetResourceSpans()[0].GetResource().GetAttributes() {
		if a.GetKey() == "service.name" && a.GetValue().GetStringValue() != "other" {
			t.Errorf("service.name: got %v, want other", a.GetValue())
		}
	}
}

func TestSpansThatCannotBeSentAreLogged(t *testing.T) {
	url, received := receiver(t, http.StatusBadRequest)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
	var log bytes.Buffer
	provider, err := otlp.Setup(t.Context(), "shop", "1.0", slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	_, span := provider.Tracer("test").Start(context.Background(), "hello")
	span.End()
	if err := provider.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	<-received
	if got := log.String(); !strings.Contains(got, `msg="spans are lost" spans=1 err=`) {
		t.Errorf("log: got %q, want a line about one span", got)
	}
}

func TestEndpointThatIsNoURLIsAnError(t *testing.T) {
	for _, name := range []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"} {
		for _, endpoint := range []string{"://", "collector:4318", "ftp://collector"} {
			t.Run(name+"="+endpoint, func(t *testing.T) {
				t.Setenv(name, endpoint)
				if _, err := otlp.Setup(t.Context(), "shop", "1.0", slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), name) {
					t.Errorf("got %v, want an error that names the variable", err)
				}
			})
		}
	}
}
