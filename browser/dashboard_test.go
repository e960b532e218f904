package browser_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const live = `document.getElementById("live").dataset.is === "on"`

// has is an expression that is true when an element is there and says something.
func has(selector, text string) string {
	return "document.querySelector(`" + selector + "`)?.innerText.includes(`" + text + "`)"
}

func TestAFailureIsSeenAtOnceAndSoIsItsEnd(t *testing.T) {
	d := start(t, "--policy", "timer:backoff=1h", "--timer-every", "1h")
	b := open(t, d.url("/"))
	b.await(live)
	b.await(has(".verdict", "All is well"))
	eval[bool](b, `window.sameDocument = true`)
	d.post("/api/v1/services/tend/timer/drill?mode=panic")
	b.await(has(".verdict", "1 service needs attention"))
	b.await(has(row("tend/timer"), "Backoff"))
	b.await(has(row("tend/timer"), "panic: drill: failed as asked"))
	b.await(has(row("tend/timer"), "next run in 1 h"))
	b.await(`document.title === "(1) tend"`)
	d.post("/api/v1/services/tend/timer/restart")
	b.await(has(".verdict", "All is well"))
	b.await(has(row("tend/timer"), "Running"))
	if !eval[bool](b, `window.sameDocument === true`) {
		t.Error("the page was loaded anew: what somebody does on it would be lost")
	}
	b.quiet()
}

// Two pages are at least 400 ms apart, whatever happens meanwhile.
func TestAStormOfEventsIsNoStormOfRequests(t *testing.T) {
	d := start(t, "--command", "storm: false", "--policy", "storm:backoff=none")
	b := open(t, d.url("/"))
	b.await(live)
	b.await(`Number(document.querySelector('` + row("tend/storm") + ` .count')?.textContent.replace(",", "")) > 200`)
	pages := eval[float64](b, `performance.getEntriesByType("resource").filter((e) => e.initiatorType === "xmlhttprequest").length`)
	if most := eval[float64](b, `performance.now() / 400 + 1`); pages > most {
		t.Errorf("the page was asked for %v times, want no more than %v", pages, most)
	}
	b.await(live)
	b.quiet()
}

func TestABackoffCountsDownAndARunFollows(t *testing.T) {
	d := start(t, "--policy", "timer:backoff=4s", "--timer-every", "1h")
	b := open(t, d.url("/"))
	b.await(live)
	d.post("/api/v1/services/tend/timer/drill?mode=error")
	left := row("tend/timer") + " .c-state time"
	b.await(has(left, "in 3."))
	b.await(has(left, "in 1."))
	b.await(has(row("tend/timer"), "Running"))
	b.await(`document.querySelector('` + row("tend/timer") + ` .c-restarts').textContent.startsWith("1")`)
	b.quiet()
}

func TestRestartByAClickAsksFirst(t *testing.T) {
	d := start(t)
	b := open(t, d.url("/"))
	b.await(live)
	restart := row("tend/hello") + ` button[data-verb="restart"]`
	b.click(restart)
	b.await(has("#ask-title", "Restart: tend/hello?"))
	if got := eval[string](b, `document.activeElement.textContent`); got != "Cancel" {
		t.Errorf("the focus is on %q: Enter alone must not be enough", got)
	}
	b.press(kb.Escape)
	b.await(`!document.querySelector("dialog[open]")`)
	b.click(restart)
	b.click("#ask-yes")
	b.await(has("#toasts", "tend/hello: restarted"))
	if n := strings.Count(d.log.String(), "service=tend/hello state=running"); n != 2 {
		d.await("hello has run twice, and not more", func() bool { return strings.Count(d.log.String(), "service=tend/hello state=running") == 2 })
	}
	b.quiet()
}

func TestStopAndStartByClicksOnThePageOfAService(t *testing.T) {
	d := start(t)
	b := open(t, d.url("/services/tend/hello"))
	b.await(live)
	b.click(`[data-actions] button[data-verb="stop"]`)
	b.click("#ask-yes")
	b.await(has(".pill", "Stopped"))
	if _, err := http.Get("http://" + d.hello + "/hello"); err == nil {
		t.Error("hello still answers")
	}
	b.await(`document.querySelector('[data-actions] button[data-verb="start"]')`)
	b.click(`[data-actions] button[data-verb="start"]`)
	b.await(has(".pill", "Running"))
	b.await(has(".events", "Stopped"))
	b.quiet()
}

func TestAPolicyIsEditedAndARefusalSaysWhy(t *testing.T) {
	d := start(t)
	b := open(t, d.url("/services/tend/timer"))
	b.await(live)
	set := func(key, value string) {
		eval[bool](b, `(document.getElementById("p-`+key+`").select(), true)`)
		b.press(value)
	}
	if eval[bool](b, `!document.querySelector(".policy [type=submit]").disabled`) {
		t.Error("there is something to save before anything was changed")
	}
	set("backoff", "1s..soon")
	d.post("/api/v1/services/tend/hello/restart") // a page that comes meanwhile leaves alone what is typed
	b.await(`Number(document.getElementById("main").dataset.now) > ` + eval[string](b, `document.getElementById("main").dataset.now`))
	b.click(".policy [type=submit]")
	b.await(has(".policy .error", "soon"))
	set("backoff", "2s..9s")
	set("limit", "7/3m")
	b.click(".policy [type=submit]")
	b.await(has("#toasts", "policy changed: backoff=2s..9s,limit=7/3m"))
	b.do(chromedp.Reload())
	b.await(`document.getElementById("p-backoff").value === "2s..9s" && document.getElementById("p-limit").value === "7/3m"`)
	set("limit", "9/1m")
	b.click(".policy [type=reset]")
	b.await(`document.getElementById("p-limit").value === "7/3m" && document.querySelector(".policy [type=submit]").disabled`)
	b.quiet("400") // the refusal, which the browser tells of
}

func TestItComesBackWithTheDaemon(t *testing.T) {
	d := start(t)
	b := open(t, d.url("/"))
	b.await(live)
	d.kill()
	b.await(`document.getElementById("live").dataset.is === "lost"`)
	b.await(has("#live", "Reconnecting"))
	b.await(`!document.getElementById("stale").hidden`)
	d.run()
	b.await(live)
	b.await(`document.getElementById("stale").hidden`)
	d.post("/api/v1/services/tend/hello/stop")
	b.await(has(row("tend/hello"), "Stopped"))
	b.quiet("net::ERR_") // while nobody answered, whatever was asked for
}

func TestItOutlivesARestartOfTheSideThatServesIt(t *testing.T) {
	d := start(t)
	b := open(t, d.url("/"))
	b.await(live)
	b.click(row("tend/admin") + ` button[data-verb="restart"]`)
	b.await(has("#ask-text", "It serves this page, which will be back when it is"))
	b.click("#ask-yes")
	d.await("admin has run twice", func() bool { return strings.Count(d.log.String(), "service=tend/admin state=running") == 2 })
	b.await(live)
	d.post("/api/v1/services/tend/hello/stop")
	b.await(has(row("tend/hello"), "Stopped"))
	b.quiet("ERR_", "503")
}

func TestAJobIsRunPausedAndResumed(t *testing.T) {
	d := start(t, "--timer-every", "1h")
	b := open(t, d.url("/services/tend/timer"))
	b.await(live)
	b.await(has("#main", "No run has ended yet"))
	b.click(`button[data-verb="trigger"]`)
	b.await(has(".runs", "succeeded"))
	b.await(has(".runs", "by hand"))
	b.await(`document.querySelectorAll(".chart rect.bar").length === 1`)
	b.click(`button[data-verb="pause"]`)
	b.await(has(".part", "paused"))
	b.click(`button[data-verb="resume"]`)
	b.await(`!document.querySelector(".part .facts .tag")`)
	b.quiet()
}

func TestRequestsAreCountedWhileSomebodyLooks(t *testing.T) {
	d := start(t)
	b := open(t, d.url("/services/tend/hello"))
	b.await(live)
	d.await("there is a rate", func() bool {
		for range 20 {
			response, err := http.Get("http://" + d.hello + "/hello")
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
		}
		return eval[bool](b, `document.querySelectorAll(".chart polyline").length === 2`)
	})
	b.await(`document.querySelectorAll(".chart .bar").length > 0`)
	b.quiet()
}

func TestStacksAreShownForOneService(t *testing.T) {
	d := start(t)
	b := open(t, d.url("/services/tend/hello"))
	b.await(live)
	b.click("[data-look]")
	b.await(has(".stacks .stack", "net.(*TCPListener).Accept"))
	b.await(has(".stacks .result", "goroutines"))
	b.quiet()
}

func TestADrillSaysWhatItDoesAndItsErrorIsKept(t *testing.T) {
	d := start(t, "--timer-every", "1h")
	b := open(t, d.url("/services/tend/timer"))
	b.await(live)
	b.click(`button[data-api$="mode=hang"]`)
	b.await(has("#ask-text", "only a new process will mend that"))
	b.press(kb.Escape)
	b.click(`button[data-api$="mode=error"]`)
	b.click("#ask-yes")
	b.await(has(".errors", "drill: failed as asked"))
	b.quiet()
}

// A dialog tells late that it was closed; what it was closed for must not be done when it is open for something else.
func TestAQuestionThatIsLeftForAnotherIsNo(t *testing.T) {
	d := start(t, "--timer-every", "1h")
	b := open(t, d.url("/services/tend/timer"))
	b.await(live)
	b.click(`button[data-api$="mode=fatal"]`)
	b.await(has("#ask-text", "ends the whole program"))
	eval[bool](b, `(document.getElementById("ask").close(), document.querySelector('button[data-api$="mode=error"]').click(), true)`)
	b.click("#ask-yes")
	d.await("the drill is logged", func() bool { return strings.Contains(d.log.String(), "action=drill service=tend/timer") })
	b.await(has(".errors", "drill: failed as asked"))
	if n := strings.Count(d.log.String(), "action=drill"); n != 1 || strings.Contains(d.log.String(), "mode=fatal") {
		t.Errorf("got %d drills, want the one that was said yes to:\n%s", n, d.log)
	}
	b.quiet()
}

func TestTheKeyboardIsEnough(t *testing.T) {
	d := start(t, "--timer-every", "1h")
	b := open(t, d.url("/"))
	b.await(live)
	focused := func(path string) string {
		return `document.activeElement.closest(".row")?.dataset.key === "` + path + `"`
	}
	b.press("j")
	b.await(focused("tend"))
	b.press("jj")
	b.press(kb.ArrowDown)
	b.await(focused("tend/timer"))
	b.press("k")
	b.await(focused("tend/hello"))
	b.press("r")
	b.await(has("#ask-title", "Restart: tend/hello?"))
	b.press(kb.Tab + kb.Enter)
	b.await(has("#toasts", "tend/hello: restarted"))
	b.await(focused("tend/hello"))
	b.slash()
	b.press("tim")
	b.await(`location.search === "?q=tim" && document.querySelectorAll(".row").length === 2`)
	b.press(kb.Escape)
	b.await(`location.search === "" && document.querySelectorAll(".row").length === 4`)
	b.press(kb.Escape)
	b.press("jjjj" + kb.Enter)
	b.await(`location.pathname === "/services/tend/timer" && ` + live)
	b.press("t")
	b.await(has("#toasts", "tend/timer: a run has begun"))
	b.press("p")
	b.await(`document.activeElement.id === "p-restart"`)
	b.press(kb.Escape)
	b.press("?")
	b.await(`document.querySelector("#help[open]")`)
	b.press(kb.Escape)
	b.await(`!document.querySelector("#help[open]")`)
	b.press("u")
	b.await(`location.pathname === "/"`)
	b.quiet()
}

func TestTheFilterStandsInTheAddress(t *testing.T) {
	d := start(t)
	b := open(t, d.url("/?q=hel&state=running"))
	b.await(live)
	b.await(`document.querySelectorAll(".row:not(.context)").length === 1`)
	if got := eval[string](b, `document.querySelector("[name=q]").value + " " + document.querySelector("[name=state]").value`); got != "hel running" {
		t.Errorf("the fields have %q, want hel running", got)
	}
	eval[bool](b, `(() => { const s = document.querySelector("[name=state]"); s.value = "stopped"; s.dispatchEvent(new Event("input", {bubbles: true})); return true })()`)
	b.await(has(".empty", "No service matches"))
	b.await(`location.search.includes("state=stopped")`)
	b.quiet()
}

func TestWithoutJavaScriptThereIsAPageToRead(t *testing.T) {
	d := start(t)
	b := open(t, "about:blank")
	b.withoutScripts()
	b.do(chromedp.Navigate(d.url("/")))
	b.await(`document.querySelector(".tree .row")`)
	visible := func(selector string) bool {
		return eval[bool](b, `[...document.querySelectorAll("`+selector+`")].some((e) => e.checkVisibility())`)
	}
	for selector, want := range map[string]bool{
		"noscript": true, ".row .name": true, ".filter button": true,
		"[data-api]": false, "#live": false, "#theme": false, "#keys": false,
	} {
		if got := visible(selector); got != want {
			t.Errorf("%s is visible: %v, want %v", selector, got, want)
		}
	}
	b.do(chromedp.SendKeys(chromedp.CSS("[name=q]"), "timer"+kb.Enter))
	b.await(`location.search.includes("q=timer") && document.querySelectorAll(".row:not(.context)").length === 1`)
	b.click(row("tend/timer") + " .name")
	b.await(`location.pathname === "/services/tend/timer" && document.querySelector(".policy")`)
	if visible(".policy button") {
		t.Error("a policy can be saved, which does nothing")
	}
	b.quiet()
}

func TestWhoLogsInToLookHasNoButtons(t *testing.T) {
	dir := t.TempDir()
	full, read := filepath.Join(dir, "full"), filepath.Join(dir, "read")
	for path, token := range map[string]string{full: strings.Repeat("f", 32), read: strings.Repeat("r", 32)} {
		if err := os.WriteFile(path, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := start(t, "--admin-token-file", full, "--admin-read-token-file", read)
	b := open(t, d.url("/services/tend/hello"))
	login := func(token string) {
		b.await(`location.pathname === "/login" && document.getElementById("token")`)
		b.do(chromedp.SendKeys(chromedp.CSS("#token"), token+kb.Enter))
	}
	login(strings.Repeat("x", 32))
	b.await(has("[role=alert]", "not the token"))
	login(strings.Repeat("r", 32))
	b.await(`location.pathname === "/services/tend/hello" && ` + live)
	if n := eval[int](b, `document.querySelectorAll("[data-api], .policy button").length`); n > 0 {
		t.Errorf("there are %d buttons for who may only look", n)
	}
	b.click(`form[action="/logout"] button`)
	login(strings.Repeat("f", 32))
	b.await(`location.pathname === "/" && ` + live + ` && document.querySelector("[data-api]")`)
	b.quiet("401")
}
