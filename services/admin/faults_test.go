package admin_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tend.example/tend/services/admin"
	"tend.example/tend/supervise"
)

// What is done to an admin side, and what must come back. The names of the tests number the lines of the list:
//
//	 1  401 without a token, wrong token, token as prefix, in the query, by Basic
//	 2  421 for a foreign Host (rebinding by GET, by POST with matching Origin, Host without port, 0.0.0.0,
//	    X-Forwarded-Host, absolute URI)
//	 3  403 cross-site form, other port, Origin null, Origin with suffix, <img> GET, preflight (no CORS header)
//	 4  405 an action by GET, method override header, TRACE
//	 5  400 WebSocket upgrade, %2f in a path
//	 6  404 dot segments, double slash, unknown service, unknown verb, pprof without opt-in, /debug/vars
//	 7  X-Forwarded-For never believed
//	 8  listening beyond loopback without a token: 69; token under 32 characters: 78   (the root's scripts, too)
//	 9  unix socket 0600, stale socket replaced only if nobody answers                 (scripts)
//	10  second instance: 69                                                           (scripts)
//	11  the token in no log, status page, command line                                (scripts, too)
//	12  error text with newline and ESC escaped in logs and pages; a service name with HTML escaped
//	13  a flood of 401s is slowed
//	14  a 32 MiB body: 413
//	15  1,000 event streams: bounded memory, the tree unharmed

func locked(v *admin.View) { v.Access = admin.Access{Token: token, ReadToken: readToken} }

func hello() supervise.Child {
	return supervise.Child{Name: "hello", Service: supervise.Func(idle)}
}

// attack is a request and the status that it must have.
type attack struct {
	name    string
	request string
	status  int
}

func TestFaults01To07(t *testing.T) {
	lock := newSide(locked, hello())
	addrLocked := onTCP(t, lock)
	free := newSide(nil, hello())
	addr := onTCP(t, free)
	const tree = "GET /api/v1/tree HTTP/1.1\nHost: ADDR\n"
	const restart = "POST /api/v1/services/hello/restart HTTP/1.1\nHost: ADDR\nContent-Length: 0\n"
	port := addr[strings.LastIndexByte(addr, ':'):]
	for _, a := range []attack{
		{"01 without a token", tree + "\n", 401},
		{"01 wrong token", tree + "Authorization: Bearer " + strings.Replace(token, "full", "fool", 1) + "\n\n", 401},
		{"01 token as prefix", tree + "Authorization: Bearer " + token + "x\n\n", 401},
		{"01 prefix of the token", tree + "Authorization: Bearer " + token[:len(token)-1] + "\n\n", 401},
		{"01 empty token", tree + "Authorization: Bearer \n\n", 401},
		{"01 in the query", "GET /api/v1/tree?token=" + token + "&access_token=" + token + " HTTP/1.1\nHost: ADDR\n\n", 401},
		{"01 by Basic", tree + "Authorization: Basic " + token + "\n\n", 401},
		{"01 made-up session", tree + "Cookie: tend_session_" + addrLocked[strings.LastIndexByte(addrLocked, ':')+1:] + "=" + token + "\n\n", 401},
		{"01 an unknown page", "GET /nowhere HTTP/1.1\nHost: ADDR\n\n", 401},
		{"01 metrics", "GET /metrics HTTP/1.1\nHost: ADDR\n\n", 401},
		{"01 verbose readiness", "GET /readyz?verbose HTTP/1.1\nHost: ADDR\n\n", 401},
		{"01 readiness of one", "GET /readyz/hello HTTP/1.1\nHost: ADDR\n\n", 401},
		{"01 but not for probes", "GET /readyz HTTP/1.1\nHost: ADDR\n\n", 200},
		{"01 with the token", tree + "Authorization: Bearer " + token + "\n\n", 200},
		{"01 with the other", tree + "Authorization: bearer " + readToken + "\n\n", 200},
		{"01 which cannot act", restart + "Authorization: Bearer " + readToken + "\n\n", 403},
	} {
		testAttack(t, addrLocked, a)
	}
	for _, a := range []attack{
		{"02 rebinding by GET", "GET /api/v1/tree HTTP/1.1\nHost: evil.example" + port + "\n\n", 421},
		{"02 of the old route", "GET /api/tree HTTP/1.1\nHost: evil.example" + port + "\n\n", 421},
		{"02 of verbose readiness", "GET /readyz?verbose HTTP/1.1\nHost: evil.example" + port + "\n\n", 421},
		{"02 rebinding by POST with matching Origin", "POST /api/v1/services/hello/restart HTTP/1.1\nHost: evil.example" + port + "\nOrigin: http://evil.example" + port + "\nSec-Fetch-Site: same-origin\nContent-Length: 0\n\n", 421},
		{"02 Host without port", "GET /api/v1/tree HTTP/1.1\nHost: localhost\n\n", 421},
		{"02 foreign Host without port", "GET /api/v1/tree HTTP/1.1\nHost: evil.example\n\n", 421},
		{"02 0.0.0.0", "GET /api/v1/tree HTTP/1.1\nHost: 0.0.0.0" + port + "\n\n", 421},
		{"02 [::]", "GET /api/v1/tree HTTP/1.1\nHost: [::]" + port + "\n\n", 421},
		{"02 an address of somebody else", "GET /api/v1/tree HTTP/1.1\nHost: 192.0.2.1" + port + "\n\n", 421},
		{"02 a name that begins well", "GET /api/v1/tree HTTP/1.1\nHost: localhost.evil.example" + port + "\n\n", 421},
		{"02 X-Forwarded-Host", "GET /api/v1/tree HTTP/1.1\nHost: evil.example" + port + "\nX-Forwarded-Host: ADDR\n\n", 421},
		{"02 X-Forwarded-Host is not believed", tree + "X-Forwarded-Host: evil.example\n\n", 200},
		{"02 absolute URI", "GET http://evil.example" + port + "/api/v1/tree HTTP/1.1\nHost: ADDR\n\n", 421},
		{"02 localhost", "GET /api/v1/tree HTTP/1.1\nHost: LocalHost" + port + "\n\n", 200},
		{"02 localhost by a forwarded port", "GET /api/v1/tree HTTP/1.1\nHost: localhost:9999\n\n", 200},
		{"02 ::1", "GET /api/v1/tree HTTP/1.1\nHost: [::1]" + port + "\n\n", 200},
		{"02 probes are asked by any name", "GET /readyz HTTP/1.1\nHost: hello.internal\n\n", 200},

		{"03 cross-site form", restart + "Origin: https://evil.example\nSec-Fetch-Site: cross-site\nContent-Type: text/plain\n\n", 403},
		{"03 of an old browser", restart + "Origin: https://evil.example\n\n", 403},
		{"03 other port", restart + "Origin: http://127.0.0.1:1\n\n", 403},
		{"03 other port, new browser", restart + "Origin: http://127.0.0.1:1\nSec-Fetch-Site: same-site\n\n", 403},
		{"03 Origin null", restart + "Origin: null\n\n", 403},
		{"03 Origin with suffix", restart + "Origin: http://ADDR.evil.example\n\n", 403},
		{"03 <img> GET", tree + "Sec-Fetch-Site: cross-site\nSec-Fetch-Mode: no-cors\nSec-Fetch-Dest: image\n\n", 403},
		{"03 a link to the API", tree + "Sec-Fetch-Site: cross-site\nSec-Fetch-Mode: navigate\nSec-Fetch-Dest: document\n\n", 403},
		{"03 a frame of a page", "GET / HTTP/1.1\nHost: ADDR\nSec-Fetch-Site: cross-site\nSec-Fetch-Mode: navigate\nSec-Fetch-Dest: iframe\n\n", 403},
		{"03 preflight", "OPTIONS /api/v1/services/hello/restart HTTP/1.1\nHost: ADDR\nOrigin: https://evil.example\nAccess-Control-Request-Method: POST\n\n", 403},
		{"03 same origin", restart + "Origin: http://ADDR\nSec-Fetch-Site: same-origin\n\n", 200},
		{"03 same origin, old browser", restart + "Origin: http://ADDR\n\n", 200},

		{"04 an action by GET", "GET /api/v1/services/hello/restart HTTP/1.1\nHost: ADDR\n\n", 405},
		{"04 method override header", "GET /api/v1/services/hello/restart HTTP/1.1\nHost: ADDR\nX-HTTP-Method-Override: POST\nX-Method-Override: POST\n\n", 405},
		{"04 TRACE", "TRACE /api/v1/tree HTTP/1.1\nHost: ADDR\n\n", 405},
		{"04 TRACE of nothing", "TRACE /nothing HTTP/1.1\nHost: ADDR\n\n", 405},
		{"04 DELETE", "DELETE /api/v1/services/hello HTTP/1.1\nHost: ADDR\n\n", 405},
		{"04 POST of a service", "POST /api/v1/services/hello HTTP/1.1\nHost: ADDR\nContent-Length: 0\n\n", 405},
		{"04 OPTIONS of nobody", "OPTIONS /api/v1/tree HTTP/1.1\nHost: ADDR\n\n", 405},

		{"05 WebSocket upgrade", "GET /api/v1/events HTTP/1.1\nHost: ADDR\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nSec-WebSocket-Version: 13\n\n", 400},
		{"05 %2f in a path", "GET /api/v1/services/tend%2fhello HTTP/1.1\nHost: ADDR\n\n", 400},
		{"05 %2F in a path", "POST /api/v1/services/hello%2Frestart HTTP/1.1\nHost: ADDR\nContent-Length: 0\n\n", 400},

		{"06 dot segments", "GET /api/v1/services/x/../hello HTTP/1.1\nHost: ADDR\n\n", 404},
		{"06 dot segments, escaped", "GET /api/v1/services/%2e%2E/tree HTTP/1.1\nHost: ADDR\n\n", 404},
		{"06 one dot", "GET /api/v1/./tree HTTP/1.1\nHost: ADDR\n\n", 404},
		{"06 double slash", "GET /api/v1//tree HTTP/1.1\nHost: ADDR\n\n", 404},
		{"06 double slash in front", "GET //api/v1/tree HTTP/1.1\nHost: ADDR\n\n", 404},
		{"06 unknown service", "GET /api/v1/services/nobody HTTP/1.1\nHost: ADDR\n\n", 404},
		{"06 action on an unknown service", "POST /api/v1/services/nobody/restart HTTP/1.1\nHost: ADDR\nContent-Length: 0\n\n", 404},
		{"06 unknown verb", "POST /api/v1/services/hello/explode HTTP/1.1\nHost: ADDR\nContent-Length: 0\n\n", 404},
		{"06 no verb", "POST /api/v1/services/hello/ HTTP/1.1\nHost: ADDR\nContent-Length: 0\n\n", 404},
		{"06 only a verb", "POST /api/v1/services/restart HTTP/1.1\nHost: ADDR\nContent-Length: 0\n\n", 404},
		{"06 pprof without opt-in", "GET /debug/pprof/ HTTP/1.1\nHost: ADDR\n\n", 404},
		{"06 a profile without opt-in", "GET /debug/pprof/heap HTTP/1.1\nHost: ADDR\n\n", 404},
		{"06 /debug/vars", "GET /debug/vars HTTP/1.1\nHost: ADDR\n\n", 404},
		{"06 drill without opt-in", "POST /api/v1/services/hello/drill?mode=error HTTP/1.1\nHost: ADDR\nContent-Length: 0\n\n", 404},
		{"06 old drill without opt-in", "POST /api/drill/hello?mode=error HTTP/1.1\nHost: ADDR\nContent-Length: 0\n\n", 404},
		{"06 login without tokens", "GET /login HTTP/1.1\nHost: ADDR\n\n", 404},

		{"07 X-Forwarded-For", restart + "X-Forwarded-For: 192.0.2.66\nX-Real-IP: 192.0.2.66\nForwarded: for=192.0.2.66\n\n", 200},
	} {
		testAttack(t, addr, a)
	}
	if want := `msg=refused who="read token, 127.0.0.1:`; !strings.Contains(lock.log.String(), want) {
		t.Errorf("01: the log does not tell whose token it is that cannot act:\n%s", lock.log)
	}
	for _, log := range []string{lock.log.String(), free.log.String()} {
		if strings.Contains(log, "192.0.2.66") || !strings.Contains(log, "127.0.0.1:") {
			t.Errorf("07: the log believes a header, or names no peer:\n%s", log)
		}
		if strings.Contains(log, token) || strings.Contains(log, readToken) {
			t.Errorf("11: a token is in the log:\n%s", log)
		}
	}
}

func testAttack(t *testing.T, addr string, a attack) {
	t.Helper()
	t.Run(a.name, func(t *testing.T) {
		got := raw(t, addr, a.request)
		if got.status != a.status {
			t.Errorf("got %d %s, want %d", got.status, got.body, a.status)
		}
		if a.status >= 400 && !strings.HasPrefix(a.request, "HEAD") {
			if err := isProblem(got); err != nil {
				t.Error(err)
			}
		}
		for name := range got.header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("has the header %s of CORS", name)
			}
		}
		if a.status == 401 && got.header.Get("WWW-Authenticate") == "" {
			t.Error("401 without WWW-Authenticate")
		}
		if a.status == 405 && strings.HasPrefix(a.name, "04 an") && got.header.Get("Allow") != "POST" {
			t.Errorf("Allow: got %q, want POST", got.header.Get("Allow"))
		}
		if strings.Contains(got.body, token) || strings.Contains(fmt.Sprint(got.header), token) {
			t.Error("11: the token is in the answer")
		}
	})
}

func TestFault09AnOwnerOfTheSocketNeedsNoHostAndIsNamedInTheLog(t *testing.T) {
	s := newSide(nil, hello())
	path := filepath.Join(t.TempDir(), "s")
	onSocket(t, s, listen(t, "unix", path))
	if got := raw(t, path, "POST /api/v1/services/hello/restart HTTP/1.1\nHost: anything\nContent-Length: 0\n\n"); got.status != 200 {
		t.Errorf("got %d %s, want 200", got.status, got.body)
	}
	if runtime.GOOS != "linux" {
		t.Skip("only Linux is asked for the uid in this test")
	}
	want := fmt.Sprintf(`msg=action who="uid %d, pid %d" action=restart service=tend/hello status=200`, uid(), pid())
	if !strings.Contains(s.log.String(), want) {
		t.Errorf("log: got\n%swant %s", s.log, want)
	}
}

func TestFault11TokensAreInNoText(t *testing.T) {
	s := newSide(locked, hello())
	for _, text := range []string{fmt.Sprintf("%v", s.view.Access), fmt.Sprintf("%+v", s.view.Access), fmt.Sprintf("%#v", s.view.Access)} {
		if strings.Contains(text, token) || strings.Contains(text, readToken) {
			t.Errorf("a token is in %s", text)
		}
	}
	var ring strings.Builder
	slog.New(slog.NewJSONHandler(&ring, nil)).Info("m", "view", s.view.Access)
	for _, path := range []string{"/api/v1/tree", "/api/v1/info", "/api/v1/services/hello", "/api/v1/logs", "/login?next=" + token} {
		_, body := ask(s.handler, "GET", path, "Authorization", "Bearer "+token)
		if strings.Contains(strings.ReplaceAll(body, `value="`+token, ""), token) {
			t.Errorf("the token is in %s: %s", path, body)
		}
	}
}

func TestFault12TextsAreEscaped(t *testing.T) {
	evil := errors.New("first\nlevel=ERROR msg=forged\x1b[2J<script>alert(1)</script>")
	name := `<img src=x onerror="alert(1)">`
	inBubble(t, func(v *admin.View) {
		v.Drill = func(string, string) error { return evil }
	}, func(t *testing.T, s *side) {
		for _, path := range []string{"/api/v1/tree", "/readyz", "/readyz?verbose", "/api/v1/events", "/api/v1/services/" + url.PathEscape(name)} {
			_, body := ask(s.handler, "GET", path)
			if strings.ContainsAny(body, "\n\x1b<") || !strings.Contains(body, `\u001b[2J\u003cscript`) || !strings.Contains(body, `\u003cimg`) {
				t.Errorf("%s: %s", path, body)
			}
		}
		_, body := ask(s.handler, "POST", "/api/v1/services/"+url.PathEscape(name)+"/drill?mode="+url.QueryEscape(evil.Error()))
		if strings.ContainsAny(body, "\n\x1b<") {
			t.Errorf("problem: %s", body)
		}
		ask(s.handler, "GET", "/api/v1/tree", "Origin", "http://x\x1b.example")
		if log := s.log.String(); strings.Contains(log, "\nlevel=ERROR") || strings.Contains(log, "\x1b") || !strings.Contains(log, "action=drill") {
			t.Errorf("log:\n%s", log)
		}
	}, supervise.Child{Name: name, Service: supervise.Func(func(context.Context) error { return evil }), Policy: supervise.Policy{MinBackoff: time.Hour}})

	s := newSide(locked)
	_, page := ask(s.handler, "GET", "/login?next="+url.QueryEscape(`"><script>alert(1)</script>`))
	if strings.Contains(page, "<script") || !strings.Contains(html.UnescapeString(page), `"><script>alert(1)</script>`) {
		t.Errorf("login page: %s", page)
	}
}

func TestFault13AFloodOf401sIsSlowedAndTheTokenIsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSide(locked, hello())
		begun := time.Now()
		statuses := map[int]int{}
		var mu sync.Mutex
		var flood sync.WaitGroup
		for range 1000 {
			flood.Go(func() {
				status, _ := ask(s.handler, "GET", "/api/v1/tree", "Authorization", "Bearer wrong")
				mu.Lock()
				defer mu.Unlock()
				statuses[status]++
			})
		}
		synctest.Wait()
		if status, _ := ask(s.handler, "GET", "/api/v1/tree", "Authorization", "Bearer "+token); status != 200 || time.Since(begun) != 0 {
			t.Errorf("who has the token: got %d after %s, want 200 at once", status, time.Since(begun))
		}
		flood.Wait()
		if statuses[401] < 10 || statuses[401] > 50 || statuses[401]+statuses[429] != 1000 {
			t.Errorf("got %v, want some 401, and 429 for the rest", statuses)
		}
		if took := time.Since(begun); took < 4*time.Second || took > 6*time.Second {
			t.Errorf("the last 401 took %s, want some 5s", took)
		}
		if lines := strings.Count(s.log.String(), "\n"); lines > 60 {
			t.Errorf("the log has %d lines of it", lines)
		}
		time.Sleep(10 * time.Second)
		begun = time.Now()
		if ask(s.handler, "GET", "/api/v1/tree"); time.Since(begun) != 0 {
			t.Error("one that comes long after the flood is slowed, too")
		}
	})
}

func TestFault02AFloodOfForeignRequestsDoesNotFillTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSide(nil, hello())
		for range 1000 {
			r := httptest.NewRequest("GET", "/api/v1/tree", http.NoBody) // of example.com
			w := httptest.NewRecorder()
			s.handler.ServeHTTP(w, r)
			if w.Code != 421 {
				t.Fatalf("got %d, want 421", w.Code)
			}
		}
		if lines := strings.Count(s.log.String(), "status=421"); lines < 1 || lines > 50 {
			t.Errorf("the log has %d lines of it", lines)
		}
	})
}

func TestFault14ABodyOf32MiBIs413(t *testing.T) {
	s := newSide(nil, hello())
	addr := onTCP(t, s)
	const put = "PUT /api/v1/services/hello/policy HTTP/1.1\nHost: ADDR\nContent-Type: application/json\n"
	for name, request := range map[string]string{
		"announced":          put + "Content-Length: 33554432\n\n" + strings.Repeat(" ", 100_000),
		"in chunks":          put + "Transfer-Encoding: chunked\n\n" + strings.Repeat("4000\n"+strings.Repeat("x", 0x4000)+"\n", 2048),
		"of what needs none": "POST /api/v1/services/hello/restart HTTP/1.1\nHost: ADDR\nContent-Length: 33554432\n\n",
	} {
		if got := raw(t, addr, request); got.status != 413 {
			t.Errorf("%s: got %d %s, want 413", name, got.status, got.body)
		}
	}
	if got := raw(t, addr, put+"Content-Length: 15\n\n"+`"restart=never"`); got.status != 200 {
		t.Errorf("a small one: got %d %s", got.status, got.body)
	}
}

func TestFault15AThousandEventStreamsAreBounded(t *testing.T) {
	s := newSide(nil, hello())
	addr := onTCP(t, s)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	statuses := map[int]int{}
	var firsts []*bufio.Reader
	for range 1000 {
		var dialer net.Dialer
		conn, err := dialer.DialContext(t.Context(), "tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		fmt.Fprintf(conn, "GET /api/v1/events HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n\r\n", addr)
		reader := bufio.NewReaderSize(conn, 512)
		line, err := reader.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		var status int
		fmt.Sscanf(line, "HTTP/1.1 %d", &status)
		statuses[status]++
		if status == 200 {
			firsts = append(firsts, reader)
		}
	}
	if statuses[200] != 256 || statuses[503] != 744 {
		t.Errorf("got %v, want 256 streams, and 503 for the others", statuses)
	}
	for range 100 { // nobody reads: what does not fit into a socket's buffer waits, and the tree does not
		if err := s.view.Tree.Restart(t.Context(), "tend/hello"); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := (int64(after.HeapAlloc+after.StackInuse) - int64(before.HeapAlloc+before.StackInuse)) >> 20; grown > 64 {
		t.Errorf("the streams take %d MiB", grown)
	}
	if st := s.view.Tree.Status().Children[0]; st.Run != 101 {
		t.Errorf("the tree: got run %d, want 101", st.Run)
	}
	if !readsUntil(firsts[0], `"run":101`) {
		t.Error("a stream does not get to the last event")
	}
}

// readsUntil reads lines until one has want.
func readsUntil(r *bufio.Reader, want string) bool {
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return false
		}
		if strings.Contains(line, want) {
			return true
		}
	}
}

func TestTheDashboardSendsWhoHasNoTokenToTheLoginPageAndBack(t *testing.T) {
	s := newSide(func(v *admin.View) {
		locked(v)
		v.Dashboard = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "page ", r.URL.Path, " ", admin.MayAct(r), " ", admin.LoggedIn(r))
		})
	}, hello())
	post := func(target, form string, header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", target, strings.NewReader(form))
		r.Host = "localhost"
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		return w
	}
	for path, want := range map[string]int{"/": 303, "/services/tend/hello?x=1": 303, "/assets/a.css": 200, "/login": 200, "/api/v1/tree": 401} {
		if status, body := ask(s.handler, "GET", path); status != want {
			t.Errorf("GET %s: got %d %s, want %d", path, status, body, want)
		}
	}
	if w := post("/login", "token=wrong&next=/services/a"); w.Code != 401 || !strings.Contains(w.Body.String(), "not the token") || !strings.Contains(w.Body.String(), "/services/a") || len(w.Result().Cookies()) > 0 {
		t.Errorf("wrong token: %d %s", w.Code, w.Body)
	}
	if w := post("/login?token="+token, ""); w.Code != 401 {
		t.Errorf("token in the query: got %d, want 401", w.Code)
	}
	if w := post("/login", "token="+token, "Origin", "https://evil.example"); w.Code != 403 {
		t.Errorf("login by a foreign page: got %d, want 403", w.Code)
	}
	for next, want := range map[string]string{"/services/a?b": "/services/a?b", "//evil.example": "/", `/\evil.example`: "/", "https://evil.example": "/", "": "/"} {
		if w := post("/login", "token="+token+"&next="+url.QueryEscape(next)); w.Code != 303 || w.Header().Get("Location") != want {
			t.Errorf("next=%q: got %d to %s, want %s", next, w.Code, w.Header().Get("Location"), want)
		}
	}
	w := post("/login", "token="+readToken)
	cookies := w.Result().Cookies()
	if len(cookies) != 1 || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteStrictMode || cookies[0].Path != "/" || strings.Contains(cookies[0].Value, readToken) {
		t.Fatalf("cookies: %v", cookies)
	}
	cookie := cookies[0].Name + "=" + cookies[0].Value
	if status, body := ask(s.handler, "GET", "/", "Cookie", cookie); status != 200 || body != "page / false true" {
		t.Errorf("with the cookie: %d %s", status, body)
	}
	var info struct{ Role string }
	_, body := ask(s.handler, "GET", "/api/v1/info", "Cookie", cookie)
	if err := json.Unmarshal([]byte(body), &info); err != nil || info.Role != "read" {
		t.Errorf("info: %s", body)
	}
	if _, body := ask(s.handler, "GET", "/", "Authorization", "Bearer "+token); body != "page / true false" {
		t.Errorf("with the token: %s", body)
	}
	if status, _ := ask(s.handler, "POST", "/api/v1/services/hello/stop", "Cookie", cookie); status != 403 {
		t.Errorf("an action by who may only look: got %d, want 403", status)
	}
	if w := post("/logout", "", "Cookie", cookie); w.Code != 303 {
		t.Errorf("logout: %d", w.Code)
	}
	if status, _ := ask(s.handler, "GET", "/api/v1/info", "Cookie", cookie); status != 401 {
		t.Errorf("after logout: got %d, want 401", status)
	}
}

func TestASessionEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSide(locked, hello())
		r := httptest.NewRequest("POST", "/login", strings.NewReader("token="+token))
		r.Host = "localhost"
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		cookie := w.Result().Cookies()[0]
		for age, want := range map[time.Duration]int{11 * time.Hour: 200} {
			time.Sleep(age)
			if status, _ := ask(s.handler, "GET", "/api/v1/info", "Cookie", cookie.Name+"="+cookie.Value); status != want {
				t.Errorf("after %s: got %d, want %d", age, status, want)
			}
		}
		time.Sleep(2 * time.Hour)
		if status, _ := ask(s.handler, "GET", "/api/v1/info", "Cookie", cookie.Name+"="+cookie.Value); status != 401 {
			t.Errorf("after 13h: got %d, want 401", status)
		}
	})
}
