package admin_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tend.example/tend/services/admin"
	"tend.example/tend/supervise"
)

func TestNotAliveWithAServiceThatDoesNotEnd(t *testing.T) {
	silent := supervise.Child{Name: "silent", Service: supervise.Func(stubborn), Policy: supervise.Policy{Heartbeat: time.Second, StopTimeout: 2 * time.Minute}}
	inBubble(t, nil, func(t *testing.T, s *side) {
		check(t, s.handler, "GET", "/livez", 200, `{"alive":true}`)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		check(t, s.handler, "GET", "/livez", 503, `[{"path":"tend/silent","state":"stopping","err":"hung: no sign of life within its heartbeat"}]`)
		time.Sleep(time.Minute - time.Second) // it ends at last, and waits for its next run, or has begun that
		synctest.Wait()
		check(t, s.handler, "GET", "/livez", 200, `{"alive":true}`)
	}, silent)

	stuck := supervise.Child{Name: "stuck", Service: supervise.Func(stubborn), Policy: supervise.Policy{StopTimeout: time.Second}}
	inBubble(t, nil, func(t *testing.T, s *side) {
		ask(s.handler, "POST", "/api/v1/services/stuck/stop")
		synctest.Wait()
		status, body := ask(s.handler, "GET", "/livez")
		if status != 503 || !strings.Contains(body, `{"path":"tend/stuck","state":"stuck"`) {
			t.Errorf("got %d %s, want 503 and who is stuck", status, body)
		}
		time.Sleep(time.Hour)
	}, stuck, hello())
}

func TestAPlainStopIsNoHang(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, s *side) {
		ask(s.handler, "POST", "/api/v1/services/slow/stop?timeout=1ms")
		check(t, s.handler, "GET", "/livez", 200, `{"alive":true}`)
	}, supervise.Child{Name: "slow", Service: supervise.Func(stubborn), Policy: supervise.Policy{StopTimeout: time.Hour}})
}

func TestNotAliveWhenTheTreeHasEndedByItself(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, s *side) {
		check(t, s.handler, "GET", "/livez", 503, `[{"path":"tend","state":"done"}]`)
	}, supervise.Child{Name: "once", Service: supervise.Func(done)})
	inBubble(t, nil, func(t *testing.T, s *side) {
		status, body := ask(s.handler, "GET", "/livez")
		if status != 503 || !strings.Contains(body, `[{"path":"tend","state":"failed","err":"tend/x: boom"}`) {
			t.Errorf("got %d %s", status, body)
		}
	}, supervise.Child{Name: "x", Service: supervise.Func(func(context.Context) error { return supervise.Fatal(errBoom) })})
}

// secretive does not tell of itself until it is let.
type secretive struct{ let chan struct{} }

func (s *secretive) Serve(ctx context.Context) error { return idle(ctx) }
func (s *secretive) Detail() any                     { <-s.let; return nil }

func TestNotAliveWhenTheTreeDoesNotAnswerAndOneGoroutineWaits(t *testing.T) {
	service := &secretive{}
	inBubble(t, nil, func(t *testing.T, s *side) {
		service.let = make(chan struct{}) // of the bubble
		for range 5 {
			begun := time.Now()
			check(t, s.handler, "GET", "/livez", 503, `[{"path":"tend","state":"idle","err":"the tree does not answer"}]`)
			if took := time.Since(begun); took != 2*time.Second {
				t.Errorf("took %s, want 2s", took)
			}
		}
		for _, path := range []string{"/readyz", "/readyz?verbose", "/readyz/secretive", "/api/v1/tree", "/api/v1/services/secretive"} {
			if status, body := ask(s.handler, "GET", path); status != 503 || !strings.Contains(body, "does not answer") {
				t.Errorf("%s: got %d %s, want 503", path, status, body)
			}
		}
		close(service.let)
		synctest.Wait() // the bubble would not end if more than the tree's own goroutines were left
		check(t, s.handler, "GET", "/livez", 200, `{"alive":true}`)
	}, supervise.Child{Name: "secretive", Service: service})
}

func TestReadinessOfOneService(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, s *side) {
		for path, want := range map[string]int{"/livez": 200, "/readyz": 503, "/readyz/hello": 200, "/readyz/flaky": 503} {
			if status, _ := ask(s.handler, "HEAD", path); status != want {
				t.Errorf("HEAD %s: got %d, want %d", path, status, want)
			}
		}
		for path, want := range map[string]int{"hello": 200, "tend/hello": 200, "tend": 503, "flaky": 503, "g": 503, "g/flaky": 503, "g/hello": 200, "once": 200, "nobody": 404} {
			if status, body := ask(s.handler, "GET", "/readyz/"+path); status != want {
				t.Errorf("%s: got %d %s, want %d", path, status, body, want)
			}
		}
		status, body := ask(s.handler, "GET", "/readyz?verbose")
		if status != 503 || at(t, body, "ready") != false || at(t, body, "services", 0, "path") != "tend" ||
			at(t, body, "services", 1, "ready") != true || at(t, body, "services", 2, "err") != "boom" {
			t.Errorf("verbose: got %d %s", status, body)
		}
	}, hello(), flaky(), supervise.Child{Name: "once", Service: supervise.Func(done)},
		supervise.Child{Name: "g", Service: &supervise.Group{Children: []supervise.Child{flaky(), hello()}}})
}

func TestWhoHasNoTokenIsToldWhetherAndNotWhy(t *testing.T) {
	inBubble(t, func(v *admin.View) { locked(v) }, func(t *testing.T, s *side) {
		check(t, s.handler, "GET", "/readyz", 503, `{"ready":false}`)
		if _, body := ask(s.handler, "GET", "/readyz", "Authorization", "Bearer "+readToken); !strings.Contains(body, "boom") {
			t.Errorf("who has one: %s", body)
		}
		if _, body := ask(s.handler, "GET", "/readyz", "Authorization", "Bearer wrong"); strings.Contains(body, "boom") {
			t.Errorf("who has a wrong one: %s", body)
		}
	}, flaky())
}

func flaky() supervise.Child {
	return supervise.Child{Name: "flaky", Service: supervise.Func(fails), Policy: supervise.Policy{MinBackoff: time.Hour}}
}
