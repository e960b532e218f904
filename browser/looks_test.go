package browser_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// pages are those whose looks are tested.
var pages = []string{"/", "/services/tend", "/services/tend/hello", "/services/tend/timer", "/services/tend/none"}

func TestNothingHasToBeScrolledSideways(t *testing.T) {
	d := start(t, "--policy", "timer:backoff=1h", "--job", "a-name-without-a-place-to-break-it-anywhere-at-all: @every 1s: true")
	d.post("/api/v1/services/tend/timer/drill?mode=panic")
	b := open(t, "about:blank")
	for _, width := range []int64{320, 375, 640, 860, 1000, 1180, 1440} {
		b.resize(width, 760)
		for _, page := range pages {
			b.do(chromedp.Navigate(d.url(page)))
			b.await(live)
			if wide := eval[int64](b, `document.documentElement.scrollWidth`); wide > width {
				t.Errorf("%s at %d pixels is %d wide, by %s", page, width, wide, eval[string](b,
					`[...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > innerWidth).map((e) => e.tagName + "." + e.className).slice(0, 5).join(" ")`))
			}
		}
	}
	b.quiet("404")
}

// What is pressed on a telephone has to be as large as WCAG 2.2 AA wants it: 24 pixels.
func TestButtonsCanBeHitWithAFinger(t *testing.T) {
	d := start(t)
	b := open(t, "about:blank")
	b.resize(375, 760)
	for _, page := range pages {
		b.do(chromedp.Navigate(d.url(page)))
		b.await(live)
		small := eval[string](b, `[...document.querySelectorAll("button, input, select, .counts a")].filter((e) => e.checkVisibility() && e.type !== "checkbox")
			.filter((e) => { const r = e.getBoundingClientRect(); return r.width < 24 || r.height < 24 }).map((e) => e.outerHTML.slice(0, 80)).join("\n")`)
		if small != "" {
			t.Errorf("%s: too small:\n%s", page, small)
		}
	}
}

func TestTheThemeIsTheSystemsUntilItIsSwitched(t *testing.T) {
	d := start(t)
	b := open(t, d.url("/"))
	b.await(live)
	ground := func() string { return eval[string](b, `getComputedStyle(document.body).backgroundColor`) }
	const dark, light = "rgb(17, 20, 19)", "rgb(246, 247, 246)"
	want := func(what, want string) {
		t.Helper()
		if got := ground(); got != want {
			t.Errorf("%s: the page is %s, want %s", what, got, want)
		}
	}
	b.prefers("dark")
	want("the system is dark", dark)
	b.prefers("light")
	want("the system is light", light)
	b.click("#theme")
	want("switched to dark", dark)
	b.do(chromedp.Reload())
	b.await(live)
	want("dark after a reload", dark)
	b.click("#theme")
	b.prefers("dark")
	want("switched to light", light)
	b.click("#theme")
	want("back to the system", dark)
	b.quiet()
}

// Whoever hears the page instead of seeing it has to know what each thing is.
func TestEverythingHasAName(t *testing.T) {
	d := start(t)
	b := open(t, "about:blank")
	for _, page := range pages {
		b.do(chromedp.Navigate(d.url(page)))
		b.await(live)
		nameless := eval[string](b, `[...document.querySelectorAll("a, button, input, select, dialog, [role=img], [role=group], section, nav")].filter((e) => {
			if (e.tagName === "SECTION" && !e.hasAttribute("aria-labelledby") && !e.hasAttribute("aria-label")) return !e.querySelector("h2, b");
			const by = (e.getAttribute("aria-labelledby") ?? "").split(" ").filter(Boolean).map((id) => document.getElementById(id)?.textContent ?? "").join("");
			return !(by || e.getAttribute("aria-label") || e.labels?.[0]?.textContent || e.textContent.trim() || e.title);
		}).map((e) => e.outerHTML.slice(0, 100)).join("\n")`)
		if nameless != "" {
			t.Errorf("%s: without a name:\n%s", page, nameless)
		}
		ids := eval[string](b, `[...document.querySelectorAll("[id]")].map((e) => e.id).filter((id, i, all) => all.indexOf(id) !== i).join(" ")`)
		if ids != "" {
			t.Errorf("%s: ids that are there twice: %s", page, ids)
		}
		if n := eval[int](b, `document.querySelectorAll("h1").length`); n != 1 {
			t.Errorf("%s: %d first headings, want 1", page, n)
		}
	}
}

// The script writes times as the server does: services/admin/dashboard/words_test.go has the same.
func TestTimesGoOnAsTheServerBeganThem(t *testing.T) {
	d := start(t)
	b := open(t, d.url("/"))
	b.await(live)
	const day = 24 * 3600_000
	for call, want := range map[string]string{
		"span(-1000)":      "0 s",
		"span(59999)":      "59 s",
		"span(60000)":      "1 min",
		"span(59 * 60000)": "59 min",
		fmt.Sprintf("span(%d)", 3*3600_000+5*60_000): "3 h 05 min",
		fmt.Sprintf("span(%d)", 2*day+5*3600_000):    "2 d 5 h",
		fmt.Sprintf("span(%d)", 400*day):             "400 d",
		"countdown(-1000)":                           "now",
		"countdown(0)":                               "now",
		"countdown(2340)":                            "in 2.3 s",
		"countdown(9900)":                            "in 9.9 s",
		"countdown(10600)":                           "in 11 s",
		"countdown(5400000)":                         "in 1 h 30 min",
	} {
		got, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`import("/assets/clock.js").then((m) => m.`+call+`)`, chromedp.EvalAwaitPromise))
		if err != nil || got != want {
			t.Errorf("%s: got %q (%v), want %q", call, got, err, want)
		}
	}
}

// The test of the tests: a page that breaks its policy does end in the console.
func TestAViolationWouldBeSeen(t *testing.T) {
	d := start(t)
	b := open(t, d.url("/"))
	b.await(live)
	eval[bool](b, `(() => { document.body.setAttribute("style", "color: red"); try { document.body.innerHTML = "<b>x</b>" } catch (e) { console.error(e.message) } return true })()`)
	for _, want := range []string{"style", "TrustedHTML"} {
		d.await("the console tells of "+want, func() bool {
			b.mu.Lock()
			defer b.mu.Unlock()
			return strings.Contains(strings.Join(b.messages, "\n"), want)
		})
	}
}
