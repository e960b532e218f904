package browser_test

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

func TestThousandsOfMembersDoNotSlowIt(t *testing.T) {
	d := crowd(t)
	b := open(t, d.url("/"))
	b.await(live)
	b.await(has(row("shop/conns"), "4,995 running"))
	if n := eval[int](b, `document.querySelectorAll("*").length`); n > 2500 {
		t.Errorf("the page has %d elements, want it to have counts instead of members", n)
	}
	b.slash()
	b.press("0.3.77")
	b.await(has(row("shop/conns/10.0.3.77:40826"), "Running"))
	b.press(kb.Enter)
	b.do(chromedp.Click(chromedp.CSS(row("shop/conns/10.0.3.77:40826") + " .name")))
	b.await(has("h1", "10.0.3.77:40826"))
	b.await(live)
	b.click(`[data-actions] button[data-verb="stop"]`)
	b.click("#ask-yes")
	b.await(has(".pill", "Stopped"))
	b.quiet()
}

func TestThePolicyOfAllMembersIsEdited(t *testing.T) {
	d := crowd(t, "-members", "20")
	b := open(t, d.url("/services/shop/conns"))
	b.await(live)
	eval[bool](b, `(document.getElementById("m-limit").select(), true)`)
	b.press("3/1h")
	b.click(`form[data-path="shop/conns/*"] [type=submit]`)
	b.await(has("#toasts", "shop/conns/*: policy changed: limit=3/1h"))
	b.do(chromedp.Reload())
	b.await(`document.getElementById("m-limit").value === "3/1h" && document.getElementById("m-backoff").value === "1h..1h" && document.getElementById("p-limit").value === "none"`)
	b.quiet()
}

func TestNamesAndErrorsDoNothing(t *testing.T) {
	d := crowd(t, "-malice")
	b := open(t, d.url("/"))
	b.await(live)
	b.await(has(".wrong", `\\x1b[31mred\\x1b[0m\\n<script>alert(1)</script>\\u202egnp.exe\\x00 <img src=x onerror=alert(2)>`))
	b.await(`document.querySelectorAll("main script, main img, main b[onclick]").length === 0`)
	b.do(chromedp.Navigate(d.url("/services/shop/%3Cb%20onclick=alert(1)%3E")))
	b.await(has("h1", "<b onclick=alert(1)>"))
	b.await(live)
	b.click(`[data-actions] button[data-verb="stop"]`)
	b.await(has("#ask-title", "Stop: shop/<b onclick=alert(1)>?"))
	b.click("#ask-yes")
	b.await(has(".pill", "Stopped"))
	b.quiet()
}
