package dashboard_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tend.example/tend/services/admin/dashboard"
	"tend.example/tend/supervise"
)

func TestWhatIsWrongComesFirstThenTheTree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, nil,
			supervise.Child{Name: "web", Service: supervise.Func(idle)},
			supervise.Child{Name: "jobs", Service: &supervise.Group{Strategy: supervise.RestForOne, Children: []supervise.Child{
				{Name: "flaky", Service: fails("disk full"), Policy: slowly(time.Minute)},
				{Name: "import", Service: fails("gone"), Policy: supervise.Policy{Restart: supervise.Never}},
			}}},
		)
		time.Sleep(3*time.Second + 500*time.Millisecond)
		page := s.get("/")
		s.wants(text(page), "1 service is down, 1 needs attention",
			"tend/jobs/import Failed : failed, and is not restarted gone",
			"tend/jobs/flaky Backoff : failed, and will be restarted, next run in")
		for path, want := range map[string]string{
			"tend":             `^tend group Running ready for 3 s 0$`,
			"tend/jobs":        `^jobs group, rest-for-one Running ready for 3 s 0$`,
			"tend/jobs/flaky":  `^flaky Backoff next run in (1 min|5\d s) not ready for 3 s 0 disk full$`,
			"tend/jobs/import": `^import Failed for 3 s 0 gone$`,
		} {
			if got := s.rowOf(page, path); !regexp.MustCompile(want).MatchString(got) {
				t.Errorf("%s: got %q, want %s", path, got, want)
			}
		}
		verdict, tree := strings.Index(page, "1 service is down"), strings.Index(page, `class="tree"`)
		wrong := strings.Index(page, "failed, and is not restarted")
		if verdict > wrong || wrong > tree {
			t.Errorf("the order is %d %d %d, want the verdict, what is wrong, the tree", verdict, wrong, tree)
		}
		if title := regexp.MustCompile(`<title>([^<]*)`).FindStringSubmatch(page)[1]; title != "(2) tend" {
			t.Errorf("title: got %q, want (2) tend", title)
		}
	})
}

func TestRestartsAreCountedAndTheLastOneIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		s := serve(t, nil, supervise.Child{Name: "a", Policy: slowly(time.Second), Service: supervise.Func(func(ctx context.Context) error {
			if runs++; runs < 3 {
				return errors.New("not yet")
			}
			return idle(ctx)
		})})
		time.Sleep(10 * time.Minute)
		if got := s.rowOf(s.get("/"), "tend/a"); !regexp.MustCompile(`^a Running ready for 9 min 2 restarts , 9 min ago not yet$`).MatchString(got) {
			t.Errorf("got %q", got)
		}
	})
}

func TestAllIsWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, nil, supervise.Child{Name: "a", Service: supervise.Func(idle)})
		page := s.get("/")
		s.wants(text(page), "All is well 1 Running")
		s.wantsNone(page, `class="wrong"`)
	})
}

func TestWhatIsStoppedIsNotWellThoughNothingHasFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idler := func(name string) supervise.Child { return supervise.Child{Name: name, Service: supervise.Func(idle)} }
		s := serve(t, nil, idler("a"), supervise.Child{Name: "g", Service: &supervise.Group{Children: []supervise.Child{idler("b"), idler("c")}}},
			supervise.Child{Name: "p", Service: &supervise.Pool{}})
		for _, step := range []struct{ stop, want string }{
			{"tend/g", "Nothing has failed; 1 service is stopped"}, // which is what somebody has done
			{"tend/p", "Nothing has failed; 2 services are stopped"},
		} {
			if err := s.tree.Stop(t.Context(), step.stop); err != nil {
				t.Fatal(err)
			}
			page := s.get("/")
			s.wants(text(page), step.want)
			s.wantsNone(page, "All is well")
		}
	})
}

func TestAPausedJobIsNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		paused := told{idle, func() any { return map[string]any{"counts": map[string]int{}, "paused": true} }}
		many := told{idle, func() any { return map[string]any{"jobs": 9, "counts": map[string]int{}, "paused": 2} }}
		s := serve(t, nil, supervise.Child{Name: "backup", Service: paused})
		s.wants(text(s.get("/")), "Nothing has failed; 1 job is paused")
		s = serve(t, nil, supervise.Child{Name: "backup", Service: paused}, supervise.Child{Name: "all", Service: many}, supervise.Child{Name: "a", Service: supervise.Func(idle)})
		if err := s.tree.Stop(t.Context(), "tend/a"); err != nil {
			t.Fatal(err)
		}
		s.wants(text(s.get("/")), "Nothing has failed; 1 service is stopped, 3 jobs are paused")
	})
}

func TestPagesHaveNothingThatTheirPolicyForbids(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, func(d *dashboard.Dashboard) { d.Drill = true },
			supervise.Child{Name: "a", Service: told{idle, func() any { return job() }}},
			supervise.Child{Name: "b", Service: told{idle, func() any {
				return map[string]any{"served": 1, "latency": []any{map[string]int{"below": 5000, "count": 1}}}
			}}},
		)
		for _, target := range []string{"/", "/services/tend/a", "/services/tend/b", "/services/tend/none"} {
			w := s.ask(http.MethodGet, target)
			page := w.Body.String()
			want := "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; " +
				"base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
			if got := w.Header().Get("Content-Security-Policy"); got != want {
				t.Errorf("%s: policy: got %s", target, got)
			}
			for _, bad := range []string{`(?i)<[^>]*\sstyle=`, `(?i)<style`, `(?i)<[^>]*\son[a-z]+=`, `(?i)<script>`, `(?i)javascript:`, `https?://[^"w]`, `src="[^/]`} {
				if found := regexp.MustCompile(bad).FindString(page); found != "" {
					t.Errorf("%s: there is %q", target, found)
				}
			}
			for _, asset := range regexp.MustCompile(`/assets/[a-z.]+`).FindAllString(page, -1) {
				if got := s.ask(http.MethodGet, asset); got.Code != http.StatusOK || got.Header().Get("Content-Type") == "" {
					t.Errorf("%s: got %d %q", asset, got.Code, got.Header().Get("Content-Type"))
				}
			}
		}
	})
}

func TestNamesAndErrorsAreText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const name = `<b onclick=alert(1)>"'&`
		s := serve(t, nil, supervise.Child{Name: name, Policy: slowly(time.Hour), Service: fails("\x1b[31m<script>alert(1)</script>\n\u202eend")})
		for _, target := range []string{"/", `/services/tend/%3Cb%20onclick=alert%281%29%3E%22%27&`} {
			page := s.get(target)
			s.wants(text(page), name, `\x1b [31m<script>alert(1)</script> \n \u202e end`)
			s.wantsNone(page, "<b onclick", "<script>", "\x1b", "\u202e")
		}
	})
}

func TestTheFilterFindsByNameErrorAndState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, nil,
			supervise.Child{Name: "web", Service: supervise.Func(idle)},
			supervise.Child{Name: "jobs", Service: &supervise.Group{Children: []supervise.Child{
				{Name: "sweep", Service: supervise.Func(idle)},
				{Name: "flaky", Service: fails("Disk full"), Policy: slowly(time.Minute)},
			}}},
		)
		rows := regexp.MustCompile(`class="row d\d( context)?" data-key="([^"]*)"`)
		for target, want := range map[string]string{
			"/?q=SWEEP":                         "(tend) (tend/jobs) tend/jobs/sweep",
			"/?q=disk":                          "(tend) (tend/jobs) tend/jobs/flaky",
			"/?q=jobs%2F":                       "(tend) (tend/jobs) tend/jobs/sweep tend/jobs/flaky",
			"/?state=backoff":                   "(tend) (tend/jobs) tend/jobs/flaky",
			"/?state=wrong":                     "(tend) (tend/jobs) tend/jobs/flaky",
			"/?state=stuck":                     "",
			"/?state=nonsense":                  "tend tend/web tend/jobs tend/jobs/sweep tend/jobs/flaky",
			"/?q=nobody":                        "",
			"/?q=web&state=failed":              "",
			"/services/tend/jobs?state=running": "tend/jobs/sweep",
		} {
			var got []string
			for _, found := range rows.FindAllStringSubmatch(s.get(target), -1) {
				if found[1] != "" {
					found[2] = "(" + found[2] + ")"
				}
				got = append(got, found[2])
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%s: got %v, want %s", target, got, want)
			}
		}
		s.wants(s.get("/?q=%22%3E%3Cscript%3E"), `value="&#34;&gt;&lt;script&gt;"`)
	})
}

func TestThousandsOfMembersAreCountedAndFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := &supervise.Pool{Policy: slowly(time.Hour)}
		s := serve(t, nil, supervise.Child{Name: "conns", Service: pool})
		for i := range 5000 {
			run := supervise.Func(idle)
			if i%100 == 0 {
				run = fails("reset by peer")
			}
			if err := pool.Add(fmt.Sprintf("Conn-%04d", i), run); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		page := s.get("/")
		s.wants(text(page), "4,950 Running 50 Backoff", "tend/conns Running : 50 of 5,000 members have failed, and will be restarted reset by peer",
			"30 more are not shown", "1 service needs attention")
		if n := strings.Count(page, `class="row`); n > 30 || len(page) > 200_000 {
			t.Errorf("got %d rows and %d bytes, want it to be a page", n, len(page))
		}
		s.rowOf(s.get("/?q=conn-1234"), "tend/conns/Conn-1234")
		s.wants(text(s.get("/?q=conn-1")), "More match")
		s.rowOf(s.get("/services/tend/conns?q=conn-4999"), "tend/conns/Conn-4999")
		s.wants(text(s.get("/services/tend/conns/Conn-0001")), "Conn-0001 Running")
		if got := s.ask(http.MethodGet, "/services/tend/conns/Conn-5000"); got.Code != http.StatusNotFound {
			t.Errorf("a member that does not exist: got %d, want 404", got.Code)
		}
	})
}

func TestFewMembersThatFailAreToldOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := &supervise.Pool{Policy: slowly(time.Hour)}
		s := serve(t, nil, supervise.Child{Name: "conns", Service: pool})
		for name, run := range map[string]supervise.Func{"a": idle, "b": fails("reset by peer"), "c": idle} {
			if err := pool.Add(name, run); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		s.wants(text(s.get("/")), "1 service needs attention", "tend/conns/b Backoff : failed, and will be restarted")
	})
}

func TestHundredsOfServicesAreCutWhereNobodyWouldRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		children := make([]supervise.Child, 600)
		for i := range children {
			children[i] = supervise.Child{Name: fmt.Sprint("s", i), Service: supervise.Func(idle)}
		}
		page := serve(t, nil, children...).get("/")
		s := &shown{t: t}
		s.wants(text(page), "600 Running", "201 more are not shown", "600 more, running")
	})
}

func TestAPartOfThePageHasOnlyWhatChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, nil, supervise.Child{Name: "a", Service: supervise.Func(idle)})
		part := s.ask(http.MethodGet, "/", "Tend-Part", "main").Body.String()
		s.wants(part, `<main id="main"`, `data-key="tend/a"`, "<title>tend</title>")
		s.wantsNone(part, "<script", "<symbol", "<dialog", "<header")
	})
}

func TestAssetsAreKeptUntilTheyChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, nil)
		first := s.ask(http.MethodGet, "/assets/dashboard.css")
		again := s.ask(http.MethodGet, "/assets/dashboard.css", "If-None-Match", first.Header().Get("ETag"))
		if again.Code != http.StatusNotModified || again.Body.Len() > 0 || first.Header().Get("Cache-Control") != "no-cache" {
			t.Errorf("got %d with %d bytes, kept as %q", again.Code, again.Body.Len(), first.Header().Get("Cache-Control"))
		}
		for _, target := range []string{"/assets/", "/assets/none.css", "/assets/../dashboard.go", "/other"} {
			if got := s.ask(http.MethodGet, target); got.Code == http.StatusOK {
				t.Errorf("%s: got 200", target)
			}
		}
		if got := s.ask(http.MethodPost, "/"); got.Code != http.StatusMethodNotAllowed {
			t.Errorf("POST: got %d, want 405", got.Code)
		}
	})
}

func TestWithoutAJournalThereAreNoEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, func(d *dashboard.Dashboard) { d.Journal = nil }, supervise.Child{Name: "a", Policy: slowly(time.Minute), Service: fails("boom")})
		s.wants(text(s.get("/")), "Nothing has happened yet", "tend/a Backoff")
		s.wantsNone(s.get("/"), "data-follow")
		s.wants(text(s.get("/services/tend/a")), "failed, and will be restarted boom")
	})
}
