package admin_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/google/pprof/profile"

	"tend.example/tend/services/admin"
	"tend.example/tend/supervise"
)

func busy(ctx context.Context) error {
	supervise.Ready(ctx)
	for ctx.Err() == nil {
	}
	return nil
}

// crew has three goroutines besides its own.
func crew(ctx context.Context) error {
	for range 3 {
		supervise.Go(ctx, waitHere)
	}
	supervise.Ready(ctx)
	return idle(ctx)
}

func waitHere(ctx context.Context) error { return idle(ctx) }

func TestGoroutinesAndCPUAreCountedByService(t *testing.T) {
	s := newSide(func(v *admin.View) { v.Drill = nil },
		supervise.Child{Name: "crew", Service: supervise.Func(crew), WaitReady: true},
		supervise.Child{Name: "g", Service: &supervise.Group{Children: []supervise.Child{{Name: "busy", Service: supervise.Func(busy), WaitReady: true}}}, WaitReady: true},
		supervise.Child{Name: "last", Service: supervise.Func(func(ctx context.Context) error { supervise.Ready(ctx); return idle(ctx) }), WaitReady: true})
	addr := onTCP(t, s)
	got := raw(t, addr, "GET /api/v1/services/crew/goroutines HTTP/1.1\nHost: ADDR\n\n")
	stacks, _ := at(t, got.body, "stacks").(string)
	if n := at(t, got.body, "goroutines"); n != 4.0 || strings.Count(stacks, "waitHere") < 1 || !strings.Contains(stacks, "1 goroutine\n") || strings.Contains(stacks, "admin_test.busy") {
		t.Errorf("crew: got %v goroutines, want 4; stacks:\n%s", n, stacks)
	}
	got = raw(t, addr, "GET /api/v1/goroutines?seconds=1 HTTP/1.1\nHost: ADDR\n\n")
	shares := map[string]map[string]any{}
	for _, one := range at(t, got.body).([]any) {
		m := one.(map[string]any)
		shares[m["path"].(string)] = m
	}
	if cpu, _ := shares["tend/g/busy"]["cpu"].(float64); cpu < 0.1 || cpu > 1.5 {
		t.Errorf("busy takes %v of a processor: %s", cpu, got.body)
	}
	if shares["tend/crew"]["goroutines"] != 4.0 || shares["tend/crew"]["cpu"] != nil || shares[""]["goroutines"].(float64) < 1 {
		t.Errorf("shares: %s", got.body)
	}
	if got = raw(t, addr, "GET /api/v1/services/g/goroutines?seconds=1 HTTP/1.1\nHost: ADDR\n\n"); at(t, got.body, "goroutines").(float64) < 1 || at(t, got.body, "cpu") == nil {
		t.Errorf("a group has what is below it: %s", got.body)
	}
	for target, want := range map[string]int{"services/nobody/goroutines": 404, "goroutines?seconds=61": 400, "goroutines?seconds=x": 400} {
		if got := raw(t, addr, "GET /api/v1/"+target+" HTTP/1.1\nHost: ADDR\n\n"); got.status != want {
			t.Errorf("%s: got %d, want %d", target, got.status, want)
		}
	}
}

func TestProfilesAreServedOnRequestOnly(t *testing.T) {
	s := newSide(func(v *admin.View) {
		locked(v)
		v.Pprof = true
	}, hello())
	for _, name := range []string{"heap", "goroutine", "allocs", "profile?seconds=1"} {
		status, body := ask(s.handler, "GET", "/debug/pprof/"+name, "Authorization", "Bearer "+token)
		if _, err := profile.ParseData([]byte(body)); status != 200 || err != nil {
			t.Errorf("%s: got %d, %v", name, status, err)
		}
	}
	if _, body := ask(s.handler, "GET", "/debug/pprof/trace?seconds=1", "Authorization", "Bearer "+token); !bytes.HasPrefix([]byte(body), []byte("go 1.")) {
		t.Errorf("trace: got %.20q", body)
	}
	if _, body := ask(s.handler, "GET", "/debug/pprof/", "Authorization", "Bearer "+token); !strings.Contains(body, "goroutine (") {
		t.Errorf("index: %s", body)
	}
	for target, want := range map[string]int{"nothing": 404, "profile?seconds=0": 400, "profile?seconds=x": 400} {
		if status, _ := ask(s.handler, "GET", "/debug/pprof/"+target, "Authorization", "Bearer "+token); status != want {
			t.Errorf("%s: got %d, want %d", target, status, want)
		}
	}
	if status, _ := ask(s.handler, "GET", "/debug/pprof/heap", "Authorization", "Bearer "+readToken); status != 403 {
		t.Errorf("by who may only look: got %d, want 403", status)
	}
}
