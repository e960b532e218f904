package browser_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// patience is for what has to happen at all. Nothing here asserts how long it took.
const patience = 30 * time.Second

// programs is the folder with the daemon and the crowd, built for these tests.
var programs = sync.OnceValues(func() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "tend-browser"); err != nil {
		return "", err
	}
	for name, from := range map[string]string{"tend": "..", "crowd": "crowd"} {
		cmd := exec.Command("go", "build", "-o", filepath.Join(dir, name), ".")
		cmd.Dir = from
		if out, err := cmd.CombinedOutput(); err != nil {
			return dir, fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, _ := programs(); dir != "" {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// daemon is a daemon that runs.
type daemon struct {
	t     *testing.T
	name  string // of the program
	args  []string
	admin string // host:port
	hello string
	cmd   *exec.Cmd
	log   *buffer
}

// buffer is a log that is written while it is read.
type buffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// start starts a daemon with drills, on addresses of its own.
func start(t *testing.T, args ...string) *daemon {
	t.Helper()
	d := &daemon{t: t, name: "tend", args: append([]string{"--drill", "--log-format", "text"}, args...), admin: "127.0.0.1:0", hello: "127.0.0.1:0"}
	t.Cleanup(d.kill)
	d.run()
	return d
}

// crowd starts the program with very many services.
func crowd(t *testing.T, args ...string) *daemon {
	t.Helper()
	d := &daemon{t: t, name: "crowd", args: args, admin: "127.0.0.1:0"}
	t.Cleanup(d.kill)
	d.run()
	return d
}

var listening = regexp.MustCompile(`msg=listening service=\w+/(\w+) addr=(\S+)`)

// run starts it, where it was before if it has been.
func (d *daemon) run() {
	d.t.Helper()
	dir, err := programs()
	if err != nil {
		d.t.Fatal(err)
	}
	d.log = &buffer{}
	args := append([]string{"--admin-addr", d.admin}, d.args...)
	if d.hello != "" {
		args = append(args, "--http-addr", d.hello)
	}
	d.cmd = exec.Command(filepath.Join(dir, d.name), args...)
	d.cmd.Stderr = d.log
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	d.await("it is ready", func() bool { return strings.Contains(d.log.String(), "msg=ready") })
	for _, found := range listening.FindAllStringSubmatch(d.log.String(), -1) {
		switch found[1] {
		case "admin":
			d.admin = found[2]
		case "hello":
			d.hello = found[2]
		}
	}
}

// kill ends it at once.
func (d *daemon) kill() {
	if d.cmd == nil {
		return
	}
	d.cmd.Process.Signal(syscall.SIGKILL)
	d.cmd.Wait()
	d.cmd = nil
}

func (d *daemon) url(path string) string { return "http://" + d.admin + path }

// post asks the API for something.
func (d *daemon) post(path string) {
	d.t.Helper()
	response, err := http.Post(d.url(path), "", nil)
	if err != nil {
		d.t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode >= 300 {
		d.t.Fatalf("POST %s: %s", path, response.Status)
	}
}

func (d *daemon) await(what string, is func() bool) {
	d.t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			d.t.Fatalf("waited in vain until %s\n%s", what, d.log)
		}
	}
}

// tab is a page in a browser of its own.
type tab struct {
	t        *testing.T
	ctx      context.Context
	mu       sync.Mutex
	messages []string
}

// open opens a page, and holds it against what a page has to be free of: errors in the console, and of those violations of
// its Content-Security-Policy and Trusted Types are some.
func open(t *testing.T, url string) *tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium(t)), chromedp.WindowSize(1280, 860),
		chromedp.WSURLReadTimeout(patience), chromedp.Flag("lang", "en"), chromedp.Flag("font-render-hinting", "none"))
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(cancel)
	tb := &tab{t: t, ctx: ctx}
	console := chromedp.Console(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for m, err := range console {
			if err != nil {
				return
			}
			if m.Type == "error" || m.Type == "warning" || m.IsException() {
				tb.mu.Lock()
				tb.messages = append(tb.messages, fmt.Sprintf("%s: %s (%s:%d)", m.Type, m.Text, m.URL, m.Line))
				tb.mu.Unlock()
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	tb.do(chromedp.EmulateViewport(1280, 860))
	tb.do(chromedp.Navigate(url))
	return tb
}

// chromium is the browser. Where TEND_CHROMIUM says which it is, as in .ci/run, it has to be there.
func chromium(t *testing.T) string {
	t.Helper()
	if name := os.Getenv("TEND_CHROMIUM"); name != "" {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("there is no chromium: apt-get install chromium")
	return ""
}

// quiet ends with an error for each message in the console, but for those that are expected.
func (b *tab) quiet(expected ...string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
next:
	for _, message := range b.messages {
		for _, part := range expected {
			if strings.Contains(message, part) {
				continue next
			}
		}
		b.t.Errorf("in the console: %s", message)
	}
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// eval evaluates an expression in the page.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// await waits until an expression is true in the page.
func (b *tab) await(expression string) {
	b.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		yes, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
		if err == nil && yes {
			return
		}
		if time.Now().After(deadline) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.body.innerText"))
			b.t.Fatalf("waited in vain for %s (%v), the page says:\n%s", expression, err, text)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (b *tab) click(selector string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector)))
}

func (b *tab) press(keys string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(keys))
}

// slash presses the key that goes to the filter. As a keyboard does, and chromedp.KeyEvent does not, it types nothing when
// the page has taken the key.
func (b *tab) slash() {
	b.t.Helper()
	for _, event := range []input.DispatchKeyEventParams{
		{Type: input.DispatchKeyEventTypeKeyDown, Key: "/", Code: "Slash", Text: "/"},
		{Type: input.DispatchKeyEventTypeKeyUp, Key: "/", Code: "Slash"},
	} {
		if _, err := chromedp.Call(b.ctx, input.DispatchKeyEvent, event); err != nil {
			b.t.Fatal(err)
		}
	}
	b.await(`document.activeElement.type === "search"`)
}

// resize gives the page another size.
func (b *tab) resize(width, height int64, options ...chromedp.EmulateViewportOption) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, height, options...))
}

// withoutScripts lets no page run any, though the test still can.
func (b *tab) withoutScripts() {
	b.t.Helper()
	if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		b.t.Fatal(err)
	}
}

// prefers lets the system prefer a theme: "dark" or "light".
func (b *tab) prefers(theme string) {
	b.t.Helper()
	params := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}}}
	if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, params); err != nil {
		b.t.Fatal(err)
	}
}

// row is the selector of a service's row.
func row(path string) string { return `.tree .row[data-key="` + path + `"]` }
