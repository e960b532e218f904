package dashboard_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tend.example/tend/services/admin/dashboard"
	"tend.example/tend/supervise"
)

// job is what a job tells of itself, as it stands in its JSON.
func job() json.RawMessage {
	now := time.Now()
	at := func(d time.Duration) string { return now.Add(d).Format(time.RFC3339Nano) }
	return json.RawMessage(`{"schedule":"every 10s","next":"` + at(4*time.Second) + `","counts":{"runs":3,"missed":2,"longest":1500000000},
		"last":[
			{"id":3,"scheduled":"` + at(-2*time.Second) + `","started":"` + at(-2*time.Second) + `","ended":"` + at(-time.Second) + `","attempts":2,"outcome":"failed","err":"no <route>"},
			{"id":2,"scheduled":"` + at(-12*time.Second) + `","started":"` + at(-12*time.Second) + `","ended":"` + at(-10500*time.Millisecond) + `","attempts":1,"outcome":"succeeded"},
			{"id":1,"scheduled":"` + at(-22*time.Second) + `","started":"` + at(-22*time.Second) + `","ended":"` + at(-21500*time.Millisecond) + `","attempts":1,"triggered":true,"outcome":"succeeded"}]}`)
}

// aJob has the methods by which a job is known.
type aJob struct{ told }

func (aJob) Trigger(context.Context) error { return nil }
func (aJob) Pause()                        {}
func (aJob) Times(t time.Time, n int) (times []time.Time) {
	for i := range n {
		times = append(times, t.Add(time.Duration(i+1)*10*time.Second))
	}
	return times
}

// wrapper hides a service.
type wrapper struct{ supervise.Service }

func (w wrapper) Unwrap() supervise.Service { return w.Service }
func (w wrapper) Detail() any               { return w.Service.(interface{ Detail() any }).Detail() }

func TestAJobHasItsRunsAndTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, nil, supervise.Child{Name: "sweep", Service: wrapper{aJob{told{idle, func() any { return job() }}}}})
		page := s.get("/services/tend/sweep")
		s.wants(text(page), "its last run failed", "Schedule every 10s", "Next in 4.0 s", "Typical 1.50 s", "Longest 1.50 s", "Missed 2",
			"How long the last 3 runs took", "1.00 s failed 2 no <route>", "by hand")
		if solid, hollow := strings.Count(page, `class="bar"`), strings.Count(page, `class="bar odd"`); solid != 2 || hollow != 1 {
			t.Errorf("got %d bars of runs that did well and %d of others, want 2 and 1", solid, hollow)
		}
		if _, times, _ := strings.Cut(page, "Will run"); strings.Count(strings.SplitN(times, "</p>", 2)[0], "<time") != 5 {
			t.Errorf("want five times to come in %s", text(times))
		}
		if got, want := s.rowOf(s.get("/"), "tend/sweep"), `sweep Running ready for 0 s 0 next in 4.0 s failed 1 s ago no <route>`; got != want {
			t.Errorf("its row: got %q, want %q", got, want)
		}
		s.wants(text(s.get("/")), "tend/sweep Running : its last run failed no <route>")
	})
}

func TestTheErrorOfAJobIsThatOfItsLastRunAndNotOfTheRunBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		s := serve(t, nil, supervise.Child{Name: "sweep", Policy: slowly(time.Second), Service: aJob{told{func(ctx context.Context) error {
			if runs++; runs == 1 {
				return errors.New("an old story")
			}
			return idle(ctx)
		}, func() any { return job() }}}})
		time.Sleep(time.Minute)
		overview, page := text(s.get("/")), text(s.get("/services/tend/sweep"))
		s.wants(overview, "its last run failed 1 restart no <route>", "failed 1 s ago no <route>", "for 58 s 1 restart ,")
		_, tree, _ := strings.Cut(overview, "Last error Actions")
		rows, _, _ := strings.Cut(tree, "Latest events")
		s.wantsNone(rows, "an old story")
		s.wants(page, "its last run failed no <route>", "an old story 1 min ago, in run 1")
	})
}

func TestRequestsASecondAreWhatHappenedBetweenTwoLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		served, fast, slow := 1000, 1000, 0
		s := serve(t, nil, supervise.Child{Name: "web", Service: told{idle, func() any {
			return map[string]any{"served": served, "requests": 3, "conns": 7, "active": 3, "idle": 4, "panics": 1, "latency": []map[string]int{
				{"below": 1_024_000, "count": fast}, {"below": 102_400_000, "count": slow},
			}}
		}}})
		s.wants(text(s.get("/services/tend/web")), "Per second measuring", "In flight 3", "Connections 7 3 at work, 4 idle", "Served 1,000", "Panics 1")
		if got, want := s.rowOf(s.get("/"), "tend/web"), "web Running ready for 0 s 0 1,000 requests"; got != want {
			t.Errorf("at first: got %q, want %q", got, want)
		}
		for range 4 { // 98 fast ones and two slow ones
			time.Sleep(5 * time.Second)
			served, fast, slow = served+100, fast+98, slow+2
			s.get("/")
		}
		page := s.get("/services/tend/web")
		s.wants(text(page), "Per second 20", "Median 922 µs", "p90 922 µs", "p99 92.2 ms", "Requests per second: at most 20 req/s", "p99 latency: at most 92.2 ms")
		if n := strings.Count(page, "<polyline"); n != 2 {
			t.Errorf("got %d curves, want 2", n)
		}
		time.Sleep(100 * time.Second)
		served += 500
		curve := regexp.MustCompile(`points="([^"]*)"/></svg>`).FindStringSubmatch(s.get("/services/tend/web"))[1]
		if want := "0.0,6.0 25.0,6.0 50.0,6.0 75.0,6.0 100.0,6.0 100.0,91.5 600.0,91.5"; curve != want {
			t.Errorf("while nobody looked: got %q, want it to be level: %q", curve, want)
		}
		served, fast, slow = 5, 5, 0 // another service by now
		s.wants(text(s.get("/services/tend/web")), "Served 5", "Per second measuring")
		time.Sleep(5 * time.Second)
		s.wants(text(s.get("/services/tend/web")), "Per second 0 ")
	})
}

func TestADetailIsForeign(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			detail func() any
			want   string
		}{
			"panics":  {func() any { panic("oops") }, "panic: oops"},
			"unknown": {func() any { return map[string]any{"queue": 7, "mode": "<i>"} }, `{ "mode": "\u003ci\u003e", "queue": 7 }`},
			"wrong":   {func() any { return map[string]any{"served": "many"} }, `"served": "many"`},
			"text":    {func() any { return "ready\x1b" }, `Detail "ready\u001b"`},
			"cycle":   {func() any { return make(chan int) }, "json: unsupported type: chan int"},
		} {
			s := serve(t, nil, supervise.Child{Name: name, Service: told{idle, c.detail}})
			s.wants(text(s.get("/services/tend/"+name)), c.want)
			s.get("/")
		}
	})
}

// buttons are what can be pressed on a page: the verb, and "?" when it asks first.
func buttons(page string) (verbs []string) {
	_, page, _ = strings.Cut(page, `data-actions>`)
	page, _, _ = strings.Cut(page, "</div>")
	for _, button := range regexp.MustCompile(`<button[^>]*>`).FindAllString(page, -1) {
		verb := regexp.MustCompile(`data-verb="([a-z]+)"`).FindStringSubmatch(button)[1]
		if strings.Contains(button, "data-confirm") {
			verb += "?"
		}
		verbs = append(verbs, verb)
	}
	return verbs
}

func TestEachStateHasItsButtons(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		paused := func() any {
			return json.RawMessage(`{"counts":{},"paused":true,"under_way":[{"id":1,"outcome":"under way"}]}`)
		}
		s := serve(t, nil,
			supervise.Child{Name: "runs", Service: supervise.Func(idle)},
			supervise.Child{Name: "waits", Service: fails("boom"), Policy: slowly(time.Hour)},
			supervise.Child{Name: "rests", Service: fails("boom"), Policy: supervise.Policy{Restart: supervise.Never}},
			supervise.Child{Name: "job", Service: aJob{told{idle, func() any { return job() }}}},
			supervise.Child{Name: "paused", Service: aJob{told{idle, paused}}},
		)
		for path, want := range map[string][]string{
			"tend":        nil,
			"tend/runs":   {"restart?", "stop?"},
			"tend/waits":  {"restart", "stop?", "reset"},
			"tend/rests":  {"start"},
			"tend/job":    {"trigger", "pause", "restart?", "stop?"},
			"tend/paused": {"trigger", "resume", "cancel?", "restart?", "stop?"},
		} {
			if diff := cmp.Diff(want, buttons(s.get("/services/"+path))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", path, diff)
			}
		}
	})
}

func TestWhoMayOnlyLookHasNoButtons(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, func(d *dashboard.Dashboard) {
			d.Drill = true
			d.MayAct = func(r *http.Request) bool { return r.Header.Get("As") == "full" }
			d.LoggedIn = func(r *http.Request) bool { return r.Header.Get("As") != "" }
		}, supervise.Child{Name: "a", Service: fails("boom"), Policy: slowly(time.Hour)}, supervise.Child{Name: "b", Service: supervise.Func(idle)})
		for _, target := range []string{"/", "/services/tend/a", "/services/tend/b"} {
			s.wantsNone(s.ask(http.MethodGet, target, "As", "read").Body.String(), "data-api", "Save policy", "Drills")
			s.wants(s.ask(http.MethodGet, target, "As", "read").Body.String(), `action="/logout"`)
			s.wants(s.ask(http.MethodGet, target, "As", "full").Body.String(), "data-api")
			s.wantsNone(s.ask(http.MethodGet, target).Body.String(), `action="/logout"`)
		}
		s.wants(s.ask(http.MethodGet, "/services/tend/b", "As", "full").Body.String(), `data-api="/api/v1/services/tend/b/drill?mode=panic"`, "Save policy")
	})
}

func TestThePolicyIsShownWithItsDefaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		policy, err := supervise.ParsePolicy("restart=on-failure,backoff=1s..5s,limit=3/2m,stop-timeout=none,panic=crash")
		if err != nil {
			t.Fatal(err)
		}
		s := serve(t, nil, supervise.Child{Name: "a", Service: supervise.Func(idle), Policy: policy}, supervise.Child{Name: "b", Service: supervise.Func(idle)})
		was := regexp.MustCompile(`name="([a-z-]+)"[^>]*data-was="([^"]*)"`)
		for path, want := range map[string]string{
			"tend/a": "restart=on-failure backoff=1s..5s reset=10s limit=3/2m start=retry start-timeout=30s stop-timeout=none heartbeat=none panic=crash",
			"tend/b": "restart=always backoff=100ms..30s reset=30s limit=none start=retry start-timeout=30s stop-timeout=10s heartbeat=none panic=restart",
		} {
			page := strings.NewReplacer(` value="`, ` was="`).Replace(s.get("/services/" + path))
			var got []string
			for _, found := range was.FindAllStringSubmatch(page, -1) {
				got = append(got, found[1]+"="+found[2])
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%s: got %v, want %s", path, got, want)
			}
			for _, setting := range got { // what is shown can be saved as it is
				if _, err := supervise.ParsePolicy(setting); err != nil {
					t.Errorf("%s: %v", path, err)
				}
			}
		}
		s.wantsNone(s.get("/services/tend"), "data-policy")
	})
}

func TestAPoolHasThePolicyOfItsMembersToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, nil, supervise.Child{Name: "conns", Service: &supervise.Pool{Policy: slowly(time.Hour)}, Policy: slowly(time.Second)})
		page := s.get("/services/tend/conns")
		s.wants(text(page), "Policy of its members")
		s.wants(page, `data-policy="/api/v1/services/tend/conns/policy"`, `id="p-backoff" name="backoff" value="1s..1s"`,
			`data-policy="/api/v1/services/tend/conns/*/policy"`, `id="m-backoff" name="backoff" value="1h..1h"`, `id="m-stop-timeout" name="stop-timeout" value="10s"`)
		limit := supervise.Policy{MaxRestarts: 3, Window: time.Hour}
		if err := s.tree.SetPolicy("tend/conns/*", limit); err != nil {
			t.Fatal(err)
		}
		s.wants(s.get("/services/tend/conns"), `id="m-limit" name="limit" value="3/1h"`)
	})
}

func TestLastErrorsAreEachShownOnceWithTheStackOfAPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		s := serve(t, nil, supervise.Child{Name: "a", Policy: slowly(time.Second), Service: supervise.Func(func(ctx context.Context) error {
			switch runs++; runs {
			case 1, 2:
				return errors.New("refused")
			case 3:
				panic("nil map")
			default:
				return idle(ctx)
			}
		})})
		time.Sleep(time.Minute)
		page := s.get("/services/tend/a")
		s.wants(text(page), "Its run before this one ended with panic: nil map", "Last errors panic: nil map", "in run 3 Stack", "refused 2 times, last")
		s.wants(page, "dashboard_test.TestLastErrorsAreEachShownOnce")
	})
}

func TestTheServiceOfThePageWarns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var run context.Context
		s := serve(t, nil, supervise.Child{Name: "side", Service: &supervise.Group{Children: []supervise.Child{
			{Name: "admin", Service: supervise.Func(func(ctx context.Context) error { run = ctx; return idle(ctx) })},
		}}}, supervise.Child{Name: "other", Service: supervise.Func(idle)})
		s.ctx = run
		for _, path := range []string{"tend/side/admin", "tend/side"} {
			s.wants(s.get("/services/"+path), "It serves this page, which then cannot start it again", "It serves this page, which will be back when it is")
		}
		s.wants(text(s.get("/services/tend/side/admin")), "Serves this page")
		s.wantsNone(s.get("/services/tend/other"), "It serves this page")
	})
}

func TestAPathIsFoundWithAndWithoutTheRoot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, nil, supervise.Child{Name: "jobs", Service: &supervise.Group{Children: []supervise.Child{{Name: "a b?#", Service: supervise.Func(idle)}}}})
		for _, target := range []string{"/services/tend/jobs/a%20b%3F%23", "/services/jobs/a%20b%3F%23"} {
			s.wants(s.get(target), `data-api="/api/v1/services/tend/jobs/a%20b%3F%23/restart"`, `href="/services/tend/jobs"`)
		}
		if got := s.ask(http.MethodGet, "/services/tend/jobs/none"); got.Code != http.StatusNotFound || !strings.Contains(got.Body.String(), "No such service") {
			t.Errorf("got %d %s, want a page that says so", got.Code, got.Body)
		}
		if got := s.ask(http.MethodGet, "/services/"); got.Code != http.StatusSeeOther {
			t.Errorf("/services/: got %d, want the first page", got.Code)
		}
	})
}

func TestOneThatStartsOrStopsForLongIsToldOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		deaf := supervise.Func(func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(30 * time.Second)
			return nil
		})
		s := serve(t, nil,
			supervise.Child{Name: "deaf", Service: deaf, Policy: supervise.Policy{StopTimeout: time.Minute}},
			supervise.Child{Name: "slow", WaitReady: true, Service: supervise.Func(idle), Policy: supervise.Policy{StartTimeout: time.Hour}})
		s.wants(text(s.get("/")), "Starting 1 Starting")
		stopped := make(chan error, 1)
		go func() { stopped <- s.tree.Stop(t.Context(), "tend/deaf") }()
		time.Sleep(15 * time.Second)
		s.wants(text(s.get("/")), "tend/slow Starting : takes long to be ready", "tend/deaf Stopping : takes long to stop")
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		s.wants(s.rowOf(s.get("/"), "tend/deaf"), "deaf Stopped")
	})
}
