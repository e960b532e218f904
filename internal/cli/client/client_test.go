package client_test

import (
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"tend.example/tend/internal/cli/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newClient(t *testing.T, addr, token string) *client.Client {
	t.Helper()
	c, err := client.New(addr, token)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// serve serves a handler, and returns a client of it.
func serve(t *testing.T, h http.HandlerFunc) *client.Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return newClient(t, strings.TrimPrefix(server.URL, "http://"), "")
}

func TestEveryFormOfAnAddressLeadsToTheDaemon(t *testing.T) {
	var hosts []string
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hosts = append(hosts, r.Host)
		w.Write([]byte(`"info"`))
	})
	server := httptest.NewServer(h)
	defer server.Close()
	addr := server.Listener.Addr().String()
	_, port, _ := net.SplitHostPort(addr)

	socket := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	local := &http.Server{Handler: h}
	served := make(chan error, 1)
	go func() { served <- local.Serve(listener) }()
	defer func() {
		local.Close()
		<-served
	}()

	forms := []string{addr, ":" + port, "0.0.0.0:" + port, "http://" + addr, "http://" + addr + "/", "unix:" + socket}
	for _, form := range forms {
		if level, err := newClient(t, form, "").LogLevel(t.Context()); err != nil || level != "info" {
			t.Errorf("%s: got %q, %v", form, level, err)
		}
	}
	if diff := cmp.Diff([]string{addr, addr, addr, addr, addr, "localhost"}, hosts); diff != "" {
		t.Errorf("Host (-want +got):\n%s", diff)
	}
}

func TestTheTokenGoesToTheDaemonAndNowhereElse(t *testing.T) {
	var elsewhere int
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	defer other.Close()
	t.Setenv("HTTP_PROXY", other.URL)
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Authorization"))
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	_, err := newClient(t, server.URL, "secret").Tree(t.Context())
	var foreign *client.ForeignError
	if !errors.As(err, &foreign) {
		t.Errorf("a redirect: got %v, want a ForeignError", err)
	}
	if diff := cmp.Diff([]string{"Bearer secret"}, got); diff != "" || elsewhere != 0 {
		t.Errorf("elsewhere %d times, Authorization (-want +got):\n%s", elsewhere, diff)
	}
	if err != nil && strings.Contains(err.Error(), "secret") {
		t.Errorf("the error has the token: %v", err)
	}
}

func TestReadToken(t *testing.T) {
	for text, want := range map[string]string{
		" abc\r\n":                "abc",
		"":                        "is empty",
		"\n \n":                   "is empty",
		"two words":               "more in it than one word",
		"two\nlines":              "more in it than one word",
		"zwölf":                   "more in it than one word",
		strings.Repeat("x", 5000): "is too long",
	} {
		file := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		token, err := client.ReadToken(file)
		if token != want && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.20q: got %q, %v, want %s", text, token, err, want)
		}
	}
	if _, err := client.ReadToken(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: got %v", err)
	}
}

func TestErrorsSayWhatIsThere(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := closed.Addr().String()
	closed.Close()
	missing := filepath.Join(t.TempDir(), "none")
	for addr, want := range map[string]string{
		addr:              "no daemon answers at " + addr + ": connection refused",
		"unix:" + missing: "no daemon answers at unix:" + missing + ": no such file or directory",
	} {
		_, err := newClient(t, addr, "").Tree(t.Context())
		var unreachable *client.UnreachableError
		if !errors.As(err, &unreachable) || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}

	for name, c := range map[string]struct {
		status            int
		media, text, want string
	}{
		"no JSON":         {200, "text/html", "<html>", "is no tend: invalid character '<' looking for beginning of value"},
		"another JSON":    {200, "application/json", `{"hello":"world"}`, "is no tend: it has no tree"},
		"another 404":     {404, "text/plain", "404 page not found", "is no tend: 404 Not Found"},
		"cut off":         {200, "application/json", `{"path":`, "is no tend: unexpected end of JSON input"},
		"a problem":       {409, "application/problem+json", `{"status":409,"detail":"not serving"}`, "not serving"},
		"a short problem": {401, "application/problem+json; charset=utf-8", `{}`, "unauthorized"},
	} {
		daemon := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", c.media)
			w.WriteHeader(c.status)
			w.Write([]byte(c.text))
		})
		_, err := daemon.Tree(t.Context())
		if err == nil || !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
		if client.IsProblem(err, c.status) != strings.Contains(c.media, "problem") {
			t.Errorf("%s: IsProblem is wrong about %v", name, err)
		}
	}
}

func TestAConnectionThatIsCutMidAnswerIsNoAnswer(t *testing.T) {
	daemon := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		w.Write([]byte(`{"path":"tend"`))
		panic(http.ErrAbortHandler)
	})
	_, err := daemon.Tree(t.Context())
	var unreachable *client.UnreachableError
	if !errors.As(err, &unreachable) {
		t.Errorf("got %v, want an UnreachableError", err)
	}
}
