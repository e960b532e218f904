package kinds_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"tend.example/tend/internal/kinds"
	"tend.example/tend/internal/tendfile"
	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	goleak.VerifyTestMain(m)
}

func newMaker() *kinds.Maker { return &kinds.Maker{Log: slog.New(slog.DiscardHandler)} }

// webService is an HTTP server with these routes, on a free port.
func webService(routes map[string]tendfile.Route) tendfile.Service {
	return tendfile.Service{Name: "web", HTTP: &tendfile.HTTP{Addr: "127.0.0.1:0", Routes: routes, DrainDelay: new(time.Duration)}}
}

func command(words ...string) tendfile.Service {
	return tendfile.Service{Name: words[0], Command: &tendfile.Command{Program: tendfile.Program{Run: words}}}
}

func TestOnlyWhatIsAskedForOtherwiseIsMadeAnew(t *testing.T) {
	m := newMaker()
	hello := map[string]tendfile.Route{"/": {Hello: true}}
	group := func(inside ...tendfile.Service) tendfile.Service {
		return tendfile.Service{Name: "g", Group: &tendfile.Group{Services: inside}}
	}
	first := m.Batch()
	before := first.Children("tend", []tendfile.Service{webService(hello), command("a"), group(command("a"), command("b"))})
	first.Keep()
	if got := first.Changed(); got != nil {
		t.Errorf("first batch: got %q changed, want none", got)
	}

	second := m.Batch()
	changed := webService(map[string]tendfile.Route{"/other": {Hello: true}})
	b := command("b", "x")
	after := second.Children("tend", []tendfile.Service{group(command("a"), b), command("a"), changed})
	below := func(c supervise.Child) []supervise.Child { return c.Service.(*supervise.Group).Children }
	same := []bool{
		after[2].Service == before[0].Service,
		after[1].Service == before[1].Service,
		below(after[0])[0].Service == below(before[2])[0].Service,
		below(after[0])[1].Service == below(before[2])[1].Service,
	}
	if diff := cmp.Diff([]bool{true, true, true, false}, same); diff != "" {
		t.Errorf("the same as before: web at the same address, a, g/a, g/b (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"tend/web"}, second.Changed()); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}

	elsewhere := webService(hello)
	elsewhere.HTTP.Addr = "localhost:0"
	third := m.Batch()
	if got := third.Children("tend", []tendfile.Service{elsewhere}); got[0].Service == before[0].Service || third.Changed() != nil {
		t.Error("web at another address: got the same service, want another")
	}
}

// A batch that is not kept leaves everything as it was.
func TestWhatIsNotKeptWasNotAskedFor(t *testing.T) {
	m := newMaker()
	first := m.Batch()
	before := first.Children("tend", []tendfile.Service{command("a")})
	first.Keep()
	m.Batch().Children("tend", []tendfile.Service{command("b")})
	if again := m.Batch().Children("tend", []tendfile.Service{command("a")}); again[0].Service != before[0].Service {
		t.Error("got another service, want the same")
	}
}

// serve runs a server until the end of the test, and returns where it listens.
func serve(t *testing.T, s supervise.Service) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	tree := &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "web", Service: s}}}
	ready := make(chan struct{})
	tree.OnEvent = func(e supervise.Event) {
		if e.Path == "tend" && e.State == supervise.Running {
			close(ready)
		}
	}
	go func() { ended <- tree.Serve(ctx) }() // the cleanup waits for it
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	<-ready
	return "http://" + s.(interface{ BoundAddr() net.Addr }).BoundAddr().String()
}

// get is the status and the body of an answer.
func get(t *testing.T, url string, header ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestRoutes(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{
		"site/index.html": "<p>home", "site/a.txt": "a", "site/.secret": "s", "site/.git/config": "s", "site/sub/b.txt": "b", "site/.well-known/x": "x", "outside": "o",
	} {
		file := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	site := filepath.Join(folder, "site")
	if err := os.Symlink(filepath.Join(folder, "outside"), filepath.Join(site, "link")); err != nil {
		t.Fatal(err)
	}
	behind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.URL.String()+" for "+r.Host+" from "+r.Header.Get("X-Forwarded-For"))
	}))
	defer behind.Close()
	m := newMaker()
	defer m.Close()
	b := m.Batch()
	children := b.Children("tend", []tendfile.Service{webService(map[string]tendfile.Route{
		"/":               {Static: site},
		"/hello":          {Hello: true},
		"/files/":         {Static: site},
		"/gone/":          {Static: filepath.Join(folder, "gone")},
		"/api/":           {Proxy: behind.URL},
		"/short/":         {Proxy: behind.URL, Strip: true},
		"other.example/":  {Hello: true},
		"/files/special/": {Hello: true},
	})})
	b.Keep()
	base := serve(t, children[0].Service)
	host := strings.TrimPrefix(base, "http://")
	for path, want := range map[string]string{
		"/":                        "200 <p>home",
		"/a.txt":                   "200 a",
		"/files/a.txt":             "200 a",
		"/files/special/":          "200 Hello World!",
		"/sub/b.txt":               "200 b",
		"/sub/":                    "404", // no listing
		"/.secret":                 "404",
		"/.git/config":             "404",
		"/files/.secret":           "404",
		"/.well-known/x":           "200 x",
		"/link":                    "500", // it leads out of the folder
		"/../outside":              "404",
		"/%2e%2e/outside":          "404",
		"/gone/x":                  "500",
		"/nothing":                 "404",
		"/hello":                   "200 Hello World!",
		"/api/x?q=1":               "200 /api/x?q=1 for " + host + " from 127.0.0.1",
		"/short/x":                 "200 /x for " + host + " from 127.0.0.1",
		"/index.html":              "301",
		"/sub/%2e%2e/%2e%2e/x":     "404",
		"/files/..%2f..%2foutside": "404",
	} {
		status, body := get(t, base+path, "X-Forwarded-For", "6.6.6.6")
		got := strconv.Itoa(status)
		if status == http.StatusOK {
			got += " " + body
		}
		if status == http.StatusTemporaryRedirect || status == http.StatusMovedPermanently && path != "/index.html" {
			continue // a path that is not clean is sent to the one that is
		}
		if got != want {
			t.Errorf("GET %s: got %s, want %s", path, got, want)
		}
	}
}

// While the program behind a proxy is restarted nobody listens: that costs time, and no request.
func TestAProxyWaitsForWhatIsRestarted(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	listener.Close()
	m := newMaker()
	defer m.Close()
	b := m.Batch()
	children := b.Children("tend", []tendfile.Service{webService(map[string]tendfile.Route{"/": {Proxy: "http://" + addr}})})
	b.Keep()
	base := serve(t, children[0].Service)
	answered := make(chan string, 1)
	go func() { // received from below
		status, body := get(t, base+"/x")
		answered <- http.StatusText(status) + " " + body
	}()
	select {
	case got := <-answered:
		t.Fatalf("got %s while nobody listens", got)
	case <-time.After(50 * time.Millisecond): // it may take longer until the request is there, which changes nothing
	}
	listener, err = net.Listen("tcp", addr)
	if err != nil {
		t.Skip("the port was taken meanwhile:", err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "here") })}
	go server.Serve(listener) // until Close
	defer server.Close()
	if got := <-answered; got != "OK here" {
		t.Errorf("got %s, want what it says once it is there", got)
	}
}

func TestAddressThatIsTakenLaterIsAnOrdinaryFailure(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	m := newMaker()
	newService := func() supervise.Service {
		b := m.Batch()
		defer b.Keep()
		s := webService(map[string]tendfile.Route{"/": {Hello: true}})
		s.HTTP.Addr = taken.Addr().String()
		return b.Children("tend", []tendfile.Service{s})[0].Service
	}
	first := newService()
	if err := first.Serve(t.Context()); supervise.ExitCode(err) != 69 {
		t.Errorf("first run: got %v, want the program to end with 69", err)
	}
	err = first.Serve(t.Context())
	if refused := (*services.ListenError)(nil); !errors.As(err, &refused) || supervise.ExitCode(err) != 1 {
		t.Errorf("second run: got %v with exit code %d, want a plain ListenError", err, supervise.ExitCode(err))
	}
	b := m.Batch()
	s := webService(map[string]tendfile.Route{"/": {Hello: true}})
	s.Name, s.HTTP.Addr = "added", taken.Addr().String()
	err = b.Children("tend", []tendfile.Service{s})[0].Service.Serve(t.Context())
	if refused := (*services.ListenError)(nil); !errors.As(err, &refused) || supervise.ExitCode(err) != 1 {
		t.Errorf("one that came later: got %v with exit code %d, want a plain ListenError", err, supervise.ExitCode(err))
	}
}

// What the timer says of itself, such as times that it missed, goes where all of the log goes, and not to slog.Default().
func TestTimerTellsItsOwnLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		m := kinds.Maker{Log: slog.New(slog.NewTextHandler(&log, nil))}
		timer := m.Batch().Children("tend", []tendfile.Service{{Name: "timer", Tick: &tendfile.Tick{Every: time.Second}}})[0].Service
		for range 2 {
			ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
			if err := timer.Serve(ctx); err != nil {
				t.Errorf("Serve: got %v, want nil", err)
			}
			cancel()
			time.Sleep(3 * time.Second) // it misses times
		}
		if !strings.Contains(log.String(), "job missed times") {
			t.Errorf("the log of the maker has\n%swant a line of times that were missed", log.String())
		}
	})
}

func TestScheduleTellsWhatIsWrong(t *testing.T) {
	for schedule, want := range map[string]string{"0 3 * * *|Europe/Berlin": "", "@daily|": "", "0 0 30 2 *|": "never", "x|": "field", "@daily|Moon": `time zone "Moon": unknown`} {
		expr, zone, _ := strings.Cut(schedule, "|")
		err := kinds.Schedule(expr, zone)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q in it", schedule, err, want)
		}
	}
}

// Whatever a file may say of routes can be served.
func FuzzRoutes(f *testing.F) {
	for _, seed := range [][2]string{{"/", "/p/"}, {"/a", "/a/"}, {"h/", "/"}, {"/%2f/", "/ä"}, {"h.example/x/", "H.example/x/"}, {"/{a}", "/{$}"}, {"GET /", "/"}, {"/...", "/a%"}} {
		f.Add(seed[0], seed[1])
	}
	m := newMaker()
	f.Cleanup(m.Close)
	f.Fuzz(func(t *testing.T, a, b string) {
		text := "services: [{name: web, http: {addr: ':0', drain-delay: 0, routes: {" + tendfile.Quote(a) + ": {hello: true}, " + tendfile.Quote(b) + ": {proxy: 'http://h', strip: true}}}}]"
		file, err := tendfile.Rules{}.Read("x", []byte(text))
		if err != nil {
			return
		}
		m.Batch().Children("tend", file.Services)
	})
}
