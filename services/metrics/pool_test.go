package metrics_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tend.example/tend/supervise"
)

func TestPoolIsCountedByStateAndNeverByMember(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := &supervise.Pool{Policy: supervise.Policy{MinBackoff: time.Hour}}
		m := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "conns", Service: pool}}})
		members(t, pool, 500, func(ctx context.Context) error {
			r := httptest.NewRequest(http.MethodGet, "/", http.NoBody).WithContext(ctx)
			r.Pattern = "GET /"
			m.OnRequest(r, http.StatusOK, 0)
			return idle(ctx)
		})
		m.want(map[string]float64{
			`tend_pool_members{service="tend/conns",state="running"}`:                 500,
			`tend_pool_members{service="tend/conns",state="backoff"}`:                 500,
			`tend_pool_members{service="tend/conns",state="failed"}`:                  0,
			`tend_pool_member_failures_total{kind="error",service="tend/conns"}`:      500,
			`tend_service_failures_total{kind="error",service="tend/conns"}`:          0,
			`tend_service_runs_total{service="tend/conns"}`:                           1,
			`tend_service_runs_total{service="tend"}`:                                 m.values()[`tend_service_runs_total{service="tend"}`],
			`tend_service_goroutines{service="tend/conns"}`:                           1000 + 1, // and its own
			`tend_http_requests_total{code="200",route="GET /",service="tend/conns"}`: 500,
		}, "tend_pool", "tend_service_runs", "tend_service_failures", `tend_service_goroutines{service="tend/conns"}`, "tend_http_requests_total")
		for name := range m.values() {
			if strings.Contains(name, "conns/") {
				t.Errorf("a series of a member: %s", name)
			}
		}
		m.stop()
		m.want(map[string]float64{`tend_pool_members{service="tend/conns",state="running"}`: 0}, "tend_pool_members")
	})
}

// members adds n that are good, and n that wait to run again.
func members(t *testing.T, pool *supervise.Pool, n int, good supervise.Func) {
	t.Helper()
	for i := range n {
		for name, serve := range map[string]supervise.Func{"good": good, "bad": fails} {
			if err := pool.Add(fmt.Sprint(name, i), serve); err != nil {
				t.Fatal(err)
			}
		}
	}
	synctest.Wait()
}

// A pool in a group that a Func serves is known only once somebody has looked.
func TestPoolThatIsFoundLaterIsCountedByStateToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := &supervise.Pool{Policy: supervise.Policy{MinBackoff: time.Hour}}
		inner := func(ctx context.Context) error {
			return (&supervise.Group{Name: "inner", Children: []supervise.Child{{Name: "conns", Service: pool}}}).Serve(ctx)
		}
		m := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "x", Service: supervise.Func(inner)}}})
		members(t, pool, 50, idle)
		for range 2 {
			for name, value := range m.values() {
				if strings.Contains(name, "conns/") && value > 0 {
					t.Errorf("a series of a member: %s", name)
				}
			}
		}
		m.want(map[string]float64{
			`tend_pool_members{service="tend/x/inner/conns",state="running"}`: 50,
			`tend_pool_members{service="tend/x/inner/conns",state="backoff"}`: 50,
		}, "tend_pool_members")
		m.stop()
	})
}
