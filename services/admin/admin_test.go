package admin_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"
	"go.uber.org/goleak"

	"tend.example/tend/services/admin"
	"tend.example/tend/supervise"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	goleak.VerifyTestMain(m)
}

// ask sends a request straight to the handler.
func ask(h http.Handler, method, target string, header ...string) (status int, body string) {
	req := httptest.NewRequest(method, target, http.NoBody)
	req.Host = "localhost"
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w.Code, strings.TrimSpace(w.Body.String())
}

func check(t *testing.T, h http.Handler, method, target string, status int, body string) {
	t.Helper()
	if gotStatus, gotBody := ask(h, method, target); gotStatus != status || gotBody != body {
		t.Errorf("%s %s: got %d %s, want %d %s", method, target, gotStatus, gotBody, status, body)
	}
}

func idle(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// slow takes a second to be ready and a second to stop.
func slow(ctx context.Context) error {
	select {
	case <-time.After(time.Second):
		supervise.Ready(ctx)
	case <-ctx.Done():
	}
	<-ctx.Done()
	time.Sleep(time.Second)
	return nil
}

func fails(context.Context) error { return errBoom }
func done(context.Context) error  { return supervise.ErrDone }

// serve serves children in a bubble, and returns the view of them and what stops them.
func serve(t *testing.T, children ...supervise.Child) (h http.Handler, tree *supervise.Group, stop func() (ended <-chan error)) {
	t.Helper()
	tree = &supervise.Group{Name: "tend", Children: children}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- tree.Serve(ctx) }()
	synctest.Wait()
	return admin.View{Tree: tree}.Handler(), tree, func() <-chan error { cancel(); return ended }
}

func TestReadyOnlyWhileEverythingRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _, stop := serve(t,
			supervise.Child{Name: "a", Service: supervise.Func(idle)},
			supervise.Child{Name: "group", WaitReady: true, Service: &supervise.Group{Children: []supervise.Child{
				{Name: "b", Service: supervise.Func(slow), WaitReady: true},
			}}},
			supervise.Child{Name: "c", Service: supervise.Func(idle)},
		)
		check(t, h, "GET", "/livez", 200, `{"alive":true}`)
		check(t, h, "GET", "/readyz", 503, `[{"path":"tend","state":"starting"},{"path":"tend/group","state":"starting"},`+
			`{"path":"tend/group/b","state":"starting"},{"path":"tend/c","state":"idle"}]`)
		time.Sleep(time.Second)
		synctest.Wait()
		check(t, h, "GET", "/readyz", 200, `{"ready":true}`)
		ended := stop()
		synctest.Wait()
		check(t, h, "GET", "/readyz", 503, `[{"path":"tend","state":"stopping"},{"path":"tend/group","state":"stopping"},`+
			`{"path":"tend/group/b","state":"stopping"}]`)
		<-ended
		check(t, h, "GET", "/readyz", 503, `[{"path":"tend","state":"stopped"}]`)
		check(t, h, "GET", "/livez", 200, `{"alive":true}`)
	})
}

func TestReadyDoesNotCountWhatHasComeToRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, tree, stop := serve(t,
			supervise.Child{Name: "stopped", Service: supervise.Func(idle)},
			supervise.Child{Name: "done", Service: supervise.Func(done)},
			supervise.Child{Name: "failed", Service: supervise.Func(fails), Policy: supervise.Policy{Restart: supervise.Never}},
			supervise.Child{Name: "running", Service: supervise.Func(idle)},
		)
		if err := tree.Stop(t.Context(), "tend/stopped"); err != nil {
			t.Error(err)
		}
		check(t, h, "GET", "/readyz", 200, `{"ready":true}`)
		<-stop()
	})
}

func TestNotReadyWhileAServiceWaitsToBeRestarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _, stop := serve(t,
			supervise.Child{Name: "flaky", Service: supervise.Func(fails), Policy: supervise.Policy{MinBackoff: time.Hour}},
			supervise.Child{Name: "a", Service: supervise.Func(idle)},
		)
		check(t, h, "GET", "/readyz", 503, `[{"path":"tend/flaky","state":"backoff","err":"boom"}]`)
		<-stop()
	})
}

func TestTreeIsItsStatusAsJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, tree, stop := serve(t, supervise.Child{Name: "a", Service: supervise.Func(idle)})
		want, err := json.Marshal(tree.Status())
		if err != nil {
			t.Error(err)
		}
		check(t, h, "GET", "/api/tree", 200, string(want))
		<-stop()
	})
}

func TestReadyDoesNotCountWhatIsBelowAGroupAtRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tree := &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "g", Service: &supervise.Group{Children: []supervise.Child{
				{Name: "never", Service: supervise.Func(idle), WaitReady: true},
				{Name: "idle", Service: supervise.Func(idle)},
			}}},
			{Name: "w", Service: supervise.Func(idle)},
		}}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- tree.Serve(ctx) }()
		synctest.Wait()
		if err := tree.Stop(ctx, "tend/g"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		h := admin.View{Tree: tree}.Handler()
		check(t, h, http.MethodGet, "/readyz", http.StatusOK, `{"ready":true}`)
		if status, _ := ask(h, http.MethodHead, "/livez"); status != http.StatusOK {
			t.Errorf("HEAD /livez: %d", status)
		}
		cancel()
		<-ended
	})
}

func TestMetricsAreServedIfThereAreAny(t *testing.T) {
	tree := &supervise.Group{Name: "tend"}
	served := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(r.URL.Path)) })
	check(t, admin.View{Tree: tree, Metrics: served}.Handler(), "GET", "/metrics", 200, "/metrics")
	if status, _ := ask(admin.View{Tree: tree}.Handler(), "GET", "/metrics"); status != http.StatusNotFound {
		t.Errorf("without: got %d, want 404", status)
	}
}
