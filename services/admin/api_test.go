package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tend.example/tend/services/admin"
	"tend.example/tend/supervise"
)

// send sends a request with a body.
func send(h http.Handler, method, target, body string) (status int, answer string) {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host = "localhost"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, strings.TrimSpace(w.Body.String())
}

// at is a part of a JSON text: at(t, text, "status", "children", 0, "path").
func at(t *testing.T, text string, keys ...any) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	for _, key := range keys {
		switch key := key.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[key]
		case int:
			list, _ := v.([]any)
			if key >= len(list) {
				t.Fatalf("no element %d in %s", key, text)
			}
			v = list[key]
		}
	}
	return v
}

func stubborn(ctx context.Context) error {
	<-ctx.Done()
	time.Sleep(time.Minute)
	return nil
}

func TestTheDocumentHasTheRoutesAndTheRoutesAreInTheDocument(t *testing.T) {
	s := newSide(func(v *admin.View) {
		locked(v)
		v.Pprof = true
		v.Drill = func(string, string) error { return nil }
		v.Upgrade = func(context.Context) error { return nil }
		v.Metrics, v.Dashboard = http.NotFoundHandler(), http.NotFoundHandler()
		v.Reload, v.Reloads = func(context.Context, bool) (any, error) { return nil, nil }, func() any { return nil }
	})
	_, text := ask(s.handler, "GET", "/api/v1/openapi.json", "Authorization", "Bearer "+token)
	var document struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			Summary   string
			Responses map[string]any
		}
	}
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for path, methods := range document.Paths {
		for method, operation := range methods {
			documented[strings.ToUpper(method)+" "+path] = true
			if operation.Summary == "" || operation.Responses["default"] == nil || len(operation.Responses) < 2 {
				t.Errorf("%s %s: lacks a summary or an answer", method, path)
			}
		}
	}
	registered := map[string]bool{}
	for _, route := range s.view.Routes() {
		registered[route] = true
	}
	if diff := cmp.Diff(registered, documented); diff != "" {
		t.Errorf("(-registered +documented):\n%s", diff)
	}
	checkReferences(t, text)
}

// checkReferences wants what every $ref names.
func checkReferences(t *testing.T, text string) {
	t.Helper()
	for _, part := range strings.Split(text, `"$ref": "#/`)[1:] {
		name, _, _ := strings.Cut(part, `"`)
		var keys []any
		for _, key := range strings.Split(name, "/") {
			keys = append(keys, key)
		}
		if at(t, text, keys...) == nil {
			t.Errorf("$ref to %s, which is not there", name)
		}
	}
}

func TestAServiceIsShownWithWhatHappenedToIt(t *testing.T) {
	failing := supervise.Func(func(context.Context) error { panic("boom") })
	inBubble(t, nil, func(t *testing.T, s *side) {
		for _, path := range []string{"g/a", "tend/g/a"} {
			status, body := ask(s.handler, "GET", "/api/v1/services/"+path)
			if status != 200 || at(t, body, "status", "path") != "tend/g/a" || at(t, body, "status", "state") != "backoff" {
				t.Errorf("%s: %d %s", path, status, body)
			}
			if at(t, body, "events", 0, "state") != "starting" || at(t, body, "last_error", "err") != "panic: boom" {
				t.Errorf("events, last error: %s", body)
			}
			if stack, _ := at(t, body, "last_error", "stack").(string); !strings.Contains(stack, "api_test.go") {
				t.Errorf("stack: %s", stack)
			}
			if policy, _ := at(t, body, "policy").(string); !strings.HasPrefix(policy, "backoff=1h") {
				t.Errorf("policy: %s", policy)
			}
		}
		status, body := ask(s.handler, "GET", "/api/v1/services/tend")
		if status != 200 || at(t, body, "status", "name") != "tend" || at(t, body, "actions") == nil || strings.Contains(body, `"policy":""`) {
			t.Errorf("root: %d %s", status, body)
		}
	}, supervise.Child{Name: "g", Service: &supervise.Group{Children: []supervise.Child{
		{Name: "a", Service: failing, Policy: supervise.Policy{MinBackoff: time.Hour}},
	}}})
}

func TestActionsAreDoneWhenTheyAreAnswered(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, s *side) {
		steps := []struct {
			verb, state string
			run         float64
		}{
			{"restart", "starting", 2}, // or running, but that is not waited for
			{"stop", "stopped", 2},
			{"stop", "stopped", 2},
			{"start", "running", 3},
			{"reset", "running", 3},
		}
		for _, step := range steps {
			status, body := ask(s.handler, "POST", "/api/v1/services/hello/"+step.verb)
			state, run := at(t, body, "status", "state"), at(t, body, "status", "run")
			settled := state == step.state || step.verb == "restart" && (state == "running" || state == "stopping")
			if status != 200 || !settled || run != step.run && step.verb != "restart" {
				t.Errorf("%s: got %d %s, want %s in run %v", step.verb, status, body, step.state, step.run)
			}
			synctest.Wait()
			if want := fmt.Sprintf("action=%s service=tend/hello status=200", step.verb); !strings.Contains(s.log.String(), want) {
				t.Errorf("log: got %s, want %s", s.log, want)
			}
		}
	}, hello())
}

func TestAnswersToWhatCannotBeDone(t *testing.T) {
	failing := supervise.Child{Name: "failing", Service: supervise.Func(fails), WaitReady: true, Policy: supervise.Policy{Restart: supervise.Never}}
	deaf := supervise.Child{Name: "deaf", Service: supervise.Func(stubborn), Policy: supervise.Policy{StopTimeout: time.Hour}}
	inBubble(t, nil, func(t *testing.T, s *side) {
		for _, c := range []struct {
			target string
			status int
			detail string
		}{
			{"tend/stop", 409, "this is the program itself"},
			{"nobody/stop", 404, "no such child"},
			{"deaf/stop?timeout=soon", 400, "want a duration"},
			{"deaf/stop?timeout=-1s", 400, "want a duration"},
			{"deaf/stop?timeout=5s", 504, "deadline exceeded"},
			{"failing/start", 500, "tend/failing: boom"},
		} {
			begun := time.Now()
			status, body := ask(s.handler, "POST", "/api/v1/services/"+c.target)
			if detail, _ := at(t, body, "detail").(string); status != c.status || !strings.Contains(detail, c.detail) {
				t.Errorf("%s: got %d %s, want %d, %s", c.target, status, body, c.status, c.detail)
			}
			if c.status == 504 && time.Since(begun) != 5*time.Second {
				t.Errorf("%s: took %s", c.target, time.Since(begun))
			}
		}
		time.Sleep(time.Hour) // and it goes on
		if _, body := ask(s.handler, "GET", "/api/v1/services/deaf"); at(t, body, "status", "state") != "stopped" {
			t.Errorf("after the timeout of its client: %s", body)
		}
	}, failing, deaf)
	idle := newSide(nil, hello())
	if status, body := ask(idle.handler, "POST", "/api/v1/services/hello/stop"); status != 409 {
		t.Errorf("of a tree that is not served: got %d %s, want 409", status, body)
	}
}

func TestAStopThatWasNotCleanIsDoneAllTheSame(t *testing.T) {
	dirty := func(ctx context.Context) error {
		<-ctx.Done()
		return errors.New("could not flush")
	}
	inBubble(t, nil, func(t *testing.T, s *side) {
		status, body := ask(s.handler, "POST", "/api/v1/services/dirty/stop")
		if status != 200 || at(t, body, "status", "state") != "stopped" || at(t, body, "err") != "tend/dirty: could not flush" {
			t.Errorf("got %d %s", status, body)
		}
		_ = s.view.Tree.Restart(t.Context(), "tend/dirty") // so that the tree ends as others do
	}, supervise.Child{Name: "dirty", Service: supervise.Func(dirty)})
}

func TestWhoRestartsTheServerOfTheRequestIsAnsweredBeforeItEnds(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, s *side) {
		answered := make(chan string, 1)
		go func() {
			status, body := ask(s.handler, "POST", "/api/v1/services/deaf/restart")
			answered <- fmt.Sprint(status, " ", body)
		}()
		synctest.Wait()
		close(s.drained)
		if got := <-answered; !strings.HasPrefix(got, "202 ") || !strings.Contains(got, `"state":"stopping"`) {
			t.Errorf("got %s, want 202 and that it is stopping", got)
		}
	}, supervise.Child{Name: "deaf", Service: supervise.Func(stubborn), Policy: supervise.Policy{StopTimeout: time.Hour}})
}

func TestAPolicyIsSetWholeOrChanged(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, s *side) {
		const path = "/api/v1/services/hello/policy"
		for _, step := range []struct {
			method, body string
			status       int
			want         string
		}{
			{"PUT", `"restart=never,backoff=1s..2s"`, 200, "restart=never,backoff=1s..2s"},
			{"PATCH", `"backoff=3s..4s"`, 200, "restart=never,backoff=3s..4s"},
			{"PUT", `"limit=3/1m"`, 200, "limit=3/1m"},
			{"PUT", `""`, 200, ""},
			{"PUT", `"restrat=never"`, 400, "restrat"},
			{"PATCH", `"backoff=5s..1s"`, 400, "ackoff"},
			{"PUT", `{"restart":"never"}`, 400, "want a JSON string"},
			{"PUT", `"a" "b"`, 400, "want a JSON string"},
			{"PUT", ``, 400, "want a JSON string"},
		} {
			status, body := send(s.handler, step.method, path, step.body)
			if status != step.status {
				t.Errorf("%s %s: got %d %s, want %d", step.method, step.body, status, body, step.status)
				continue
			}
			if status == 200 {
				var got string
				if err := json.Unmarshal([]byte(body), &got); err != nil {
					t.Error(err)
				}
				comparePolicies(t, got, step.want)
			} else if !strings.Contains(body, step.want) {
				t.Errorf("%s %s: got %s, want %s in it", step.method, step.body, body, step.want)
			}
		}
		if status, _ := send(s.handler, "PUT", "/api/v1/services/nobody/policy", `"restart=never"`); status != 404 {
			t.Errorf("of nobody: got %d, want 404", status)
		}
		if status, _ := send(s.handler, "PATCH", "/api/v1/services/nobody/policy", `"restart=never"`); status != 404 {
			t.Errorf("of nobody: got %d, want 404", status)
		}
		if !strings.Contains(s.log.String(), `action=policy service=tend/hello policy="restart=never,backoff=1s..2s" status=200`) {
			t.Errorf("log: %s", s.log)
		}
	}, hello())
}

// comparePolicies compares a policy with all its defaults to one without.
func comparePolicies(t *testing.T, got, want string) {
	t.Helper()
	p, err := supervise.ParsePolicy(want)
	if err != nil {
		t.Fatal(err)
	}
	tree := &supervise.Group{Name: "x", Children: []supervise.Child{{Name: "y", Service: supervise.Func(idle), Policy: p}}}
	if filled := tree.Status().Children[0].Policy.String(); filled != got {
		t.Errorf("policy: got %s, want %s", got, filled)
	}
}

func TestALevelOfTheLogIsReadAndSet(t *testing.T) {
	s := newSide(nil)
	check(t, s.handler, "GET", "/api/v1/log-level", 200, `"info"`)
	if status, body := send(s.handler, "PUT", "/api/v1/log-level", `"debug"`); status != 200 || body != `"debug"` || s.view.LogLevel.Level() != slog.LevelDebug {
		t.Errorf("got %d %s and %s", status, body, s.view.LogLevel)
	}
	if status, body := send(s.handler, "PUT", "/api/v1/log-level", `"loud"`); status != 400 || s.view.LogLevel.Level() != slog.LevelDebug {
		t.Errorf("got %d %s and %s", status, body, s.view.LogLevel)
	}
	if !strings.Contains(s.log.String(), "action=log-level level=debug status=200") {
		t.Errorf("log: %s", s.log)
	}
}

func TestInfoTellsAClientWhatItCanAsk(t *testing.T) {
	s := newSide(func(v *admin.View) { v.Pprof = true })
	_, body := ask(s.handler, "GET", "/api/v1/info")
	want := map[string]any{"root": "tend", "version": "v1.2.3", "pid": float64(os.Getpid()), "role": "full", "drill": false, "pprof": true, "log_level": "info"}
	var got map[string]any
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	if boot, _ := got["boot"].(string); len(boot) != 8 {
		t.Errorf("boot: %s", body)
	}
	if _, err := time.Parse(time.RFC3339Nano, got["started"].(string)); err != nil {
		t.Error(err)
	}
	delete(got, "boot")
	delete(got, "started")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDrillAnswers(t *testing.T) {
	var asked string
	s := newSide(func(v *admin.View) {
		v.Drill = func(path, mode string) error {
			asked = path + " " + mode
			switch path {
			case "nobody", "tend/nobody":
				return fmt.Errorf("drill: %w", supervise.ErrNoChild)
			case "idle", "tend/idle":
				return fmt.Errorf("drill: %w", supervise.ErrNotServing)
			}
			if mode != "error" {
				return errors.New("what mode?")
			}
			return nil
		}
	})
	for _, prefix := range []string{"/api/drill/%s", "/api/v1/services/%s/drill"} {
		target := func(path string) string { return fmt.Sprintf(prefix, path) }
		check(t, s.handler, "POST", target("tend/jobs/sweep")+"?mode=error", 202, `{"mode":"error","path":"tend/jobs/sweep"}`)
		if want := "tend/jobs/sweep error"; asked != want {
			t.Errorf("Drill: got %q, want %q", asked, want)
		}
		for path, want := range map[string]int{"nobody?mode=error": 404, "idle?mode=error": 409, "hello": 400} {
			path, query, _ := strings.Cut(path, "?")
			if status, body := ask(s.handler, "POST", target(path)+"?"+query); status != want {
				t.Errorf("%s: got %d %s, want %d", target(path), status, body, want)
			}
		}
		if status, _ := ask(s.handler, "GET", target("hello")+"?mode=error"); status != 405 {
			t.Errorf("GET %s: got %d, want 405", target("hello"), status)
		}
	}
}

func TestAMemberOfAPoolThatIsWellIsFoundThoughTheStatusLeavesItOut(t *testing.T) {
	pool := &supervise.Pool{}
	inBubble(t, nil, func(t *testing.T, s *side) {
		if err := pool.Add("10.0.0.7:4711", supervise.Func(idle)); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		status, body := ask(s.handler, "GET", "/api/v1/services/conns/10.0.0.7:4711")
		if status != 200 || at(t, body, "status", "state") != "running" || at(t, body, "events", 1, "state") != "running" {
			t.Errorf("got %d %s", status, body)
		}
		if status, body := ask(s.handler, "POST", "/api/v1/services/conns/10.0.0.7:4711/restart"); status != 200 {
			t.Errorf("restart: got %d %s", status, body)
		}
		for _, step := range []struct{ method, body, want string }{
			{"PUT", `"restart=never"`, `"restart=never,backoff=100ms..30s,reset=30s,limit=none/1m,start-timeout=30s,stop-timeout=10s"`},
			{"PATCH", `"limit=3/1h"`, `"restart=never,backoff=100ms..30s,reset=30s,limit=3/1h,start-timeout=30s,stop-timeout=10s"`},
		} {
			status, body := send(s.handler, step.method, "/api/v1/services/conns/*/policy", step.body)
			if status != 200 || strings.TrimSpace(body) != step.want {
				t.Errorf("policy of all: %s %s: got %d %s, want %s", step.method, step.body, status, body, step.want)
			}
		}
		if _, body := ask(s.handler, "GET", "/api/v1/services/conns"); at(t, body, "status", "member_policy") != "restart=never,backoff=100ms..30s,reset=30s,limit=3/1h,start-timeout=30s,stop-timeout=10s" {
			t.Errorf("the pool: got %s", body)
		}
		if status, body := send(s.handler, "PATCH", "/api/v1/services/hello/*/policy", `"limit=3/1h"`); status != 404 {
			t.Errorf("policy of all members of what is no pool: got %d %s, want 404", status, body)
		}
		if err := pool.Remove(t.Context(), "10.0.0.7:4711"); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if status, _ := ask(s.handler, "GET", "/api/v1/services/conns/10.0.0.7:4711"); status != 404 {
			t.Errorf("when it has gone: got %d, want 404", status)
		}
	}, hello(), supervise.Child{Name: "conns", Service: pool})
}

func TestAnActionThatPanicsIsInTheLogAllTheSame(t *testing.T) {
	s := newSide(func(v *admin.View) { v.Drill = func(string, string) error { panic("boom") } }, hello())
	func() {
		defer func() { _ = recover() }() // as a server does
		ask(s.handler, "POST", "/api/v1/services/hello/drill?mode=error")
	}()
	if want := "level=WARN msg=action who=192.0.2.1:1234 action=drill service=tend/hello mode=error status=500"; !strings.Contains(s.log.String(), want) {
		t.Errorf("log: got %s, want %s", s.log, want)
	}
}
