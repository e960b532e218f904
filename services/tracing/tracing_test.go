package tracing_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"tend.example/tend/services/tracing"
	"tend.example/tend/supervise"
)

// What spans there are is tested in module otlp, which has the SDK.

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type (
	plain  struct{ supervise.Func }
	closes struct{ plain }
	says   struct{ plain }
	both   struct {
		plain
		closed *int
	}
)

func (plain) String() string { return "plain" }
func (plain) Detail() any    { return "detail" }
func (closes) Close() error  { return nil }
func (says) NotifiesReady()  {}
func (both) NotifiesReady()  {}
func (b both) Close() error  { *b.closed++; return nil }
func idle(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

func TestWrapperIsWhatTheServiceInsideIs(t *testing.T) {
	traced := &tracing.Tracing{}
	for name, c := range map[string]struct {
		service          supervise.Service
		closer, notifier bool
	}{
		"plain":  {plain{idle}, false, false},
		"closes": {closes{plain{idle}}, true, false},
		"says":   {says{plain{idle}}, false, true},
		"both":   {both{plain: plain{idle}}, true, true},
	} {
		got := traced.Service(c.service)
		_, closer := got.(io.Closer)
		_, notifier := got.(interface{ NotifiesReady() })
		if closer != c.closer || notifier != c.notifier {
			t.Errorf("%s: closer %t, notifier %t, want %t and %t", name, closer, notifier, c.closer, c.notifier)
		}
		if text := got.(interface{ String() string }).String(); text != "plain" {
			t.Errorf("%s: String: got %q, want that of the service", name, text)
		}
		if detail := got.(interface{ Detail() any }).Detail(); detail != "detail" {
			t.Errorf("%s: Detail: got %q, want that of the service", name, detail)
		}
		if _, ok := got.(interface{ Unwrap() supervise.Service }); !ok {
			t.Errorf("%s: there is no way to the service", name)
		}
	}
	for _, s := range []supervise.Service{&supervise.Group{}, &supervise.Pool{}} {
		if got := traced.Service(s); got != s {
			t.Errorf("%T: got %T, want it as it is", s, got)
		}
	}
}

func TestTreeThatIsWrappedDoesWhatItDidBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := 0
		ready := both{plain{func(ctx context.Context) error {
			supervise.Ready(ctx)
			return idle(ctx)
		}}, &closed}
		pool := &supervise.Pool{}
		tree := &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "g", Service: &supervise.Group{Children: []supervise.Child{{Name: "a", Service: ready}}}},
			{Name: "pool", Service: pool},
		}}
		(&tracing.Tracing{}).Wrap(tree) // without a provider
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- tree.Serve(ctx) }()
		synctest.Wait()
		if got := tree.Status(); got.State != supervise.Running || got.Children[0].Children[0].Detail != "detail" || got.Children[1].Counts == nil {
			t.Errorf("got %+v, want all of it running, with a detail and a pool", got)
		}
		cancel()
		if err := <-ended; err != nil || closed != 1 {
			t.Errorf("Serve: %v, closed %d times, want once", err, closed)
		}
	})
}

func TestWithoutProviderThereAreNoSpans(t *testing.T) {
	traced := &tracing.Tracing{}
	boom := errors.New("boom")
	do := traced.Do("job", func(ctx context.Context) error {
		if run := tracing.Run(ctx); run.IsValid() {
			t.Errorf("Run: got %v outside of a run", run)
		}
		return boom
	})
	if err := do(t.Context()); err != boom { //nolint:errorlint // the very one
		t.Errorf("Do: got %v, want the error of the job", err)
	}
	r := httptest.NewRequest(http.MethodGet, "/users/7", http.NoBody)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.PathValue("id")) })
	w := httptest.NewRecorder()
	traced.Handler(mux).ServeHTTP(w, r)
	if w.Body.String() != "7" || r.Pattern != "GET /users/{id}" {
		t.Errorf("got %q of the route %q, want 7 of GET /users/{id}", w.Body, r.Pattern)
	}
}

func BenchmarkHandlerWithoutProvider(b *testing.B) {
	h := (&tracing.Tracing{}).Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	r, w := httptest.NewRequest(http.MethodGet, "/", http.NoBody), httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(w, r)
	}
}
