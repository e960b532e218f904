package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tend.example/tend/internal/config"
	"tend.example/tend/supervise"
)

const longEnough = "0123456789abcdef0123456789abcdef"

// tokenFile is a file with that text in it.
func tokenFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTokensAreReadFromTheirFiles(t *testing.T) {
	got, err := config.Parse([]string{
		"--admin-addr=:8081", "--admin-host=tend.internal,tend", "--pprof",
		"--admin-token-file", tokenFile(t, longEnough+"\n"), "--admin-read-token-file", tokenFile(t, "  "+longEnough+"-read\r\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.Admin.Token != longEnough || got.Admin.ReadToken != longEnough+"-read" || !got.Admin.Pprof || strings.Join(got.Admin.Hosts, " ") != "tend.internal tend" {
		t.Errorf("got %q, %q, %v, %v", string(got.Admin.Token), string(got.Admin.ReadToken), got.Admin.Pprof, got.Admin.Hosts)
	}
}

func TestATokenThatIsNoneIsAFaultOfTheConfiguration(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "blank": strings.Repeat(" ", 64), "31 characters": longEnough[1:], "two lines": longEnough + "\n" + longEnough,
		"a control character": longEnough + "\x1b", "beyond ASCII": longEnough + "é", "no end": strings.Repeat("x", 5000),
	} {
		_, err := config.Parse([]string{"--admin-token-file", tokenFile(t, text)})
		if supervise.ExitCode(err) != 78 || !strings.HasPrefix(err.Error(), "--admin-token-file: ") || strings.Contains(err.Error(), longEnough[1:]) {
			t.Errorf("%s: got %v with code %d, want 78 and not the token", name, err, supervise.ExitCode(err))
		}
	}
	if _, err := config.Parse([]string{"--admin-token-file", filepath.Join(t.TempDir(), "none")}); supervise.ExitCode(err) != 78 {
		t.Errorf("no file: got %v, want code 78", err)
	}
}

func TestAnAddressThatOthersCanReachWantsAToken(t *testing.T) {
	file := tokenFile(t, longEnough)
	for addr, open := range map[string]bool{
		":8081": true, "0.0.0.0:8081": true, "[::]:8081": true, "192.0.2.1:8081": true, "tend.internal:8081": true, "localhost.evil.example:1": true,
		"127.0.0.1:8081": false, "127.1.2.3:8081": false, "[::1]:8081": false, "[::ffff:127.0.0.1]:1": false, "localhost:8081": false, "LocalHost:8081": false, "unix:/run/tend": false,
	} {
		_, err := config.Parse([]string{"--admin-addr", addr})
		if want := map[bool]int{true: 69, false: 0}[open]; supervise.ExitCode(err) != want {
			t.Errorf("%s: got %v with code %d, want %d", addr, err, supervise.ExitCode(err), want)
		}
		for _, more := range []string{"--admin-token-file=" + file, "--without=admin"} {
			if _, err := config.Parse([]string{"--admin-addr", addr, more}); err != nil {
				t.Errorf("%s %s: %v", addr, more, err)
			}
		}
	}
}

func TestASecretIsNotPrinted(t *testing.T) {
	c, err := config.Parse([]string{"--admin-token-file", tokenFile(t, longEnough)})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	slog.New(slog.NewTextHandler(&out, nil)).Info("m", "config", c, "token", c.Admin.Token)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "config", c, "token", c.Admin.Token)
	fmt.Fprintf(&out, "%v %+v %#v %s %q", c, c, c, c.Admin.Token, c.Admin.Token)
	if err := json.NewEncoder(&out).Encode(c); err != nil {
		t.Error(err)
	}
	if strings.Contains(out.String(), longEnough) {
		t.Errorf("the token is in %s", out.String())
	}
}

func TestAllFaultsOfTokensAreToldWithTheOthers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tend.yaml")
	text := "admin-token-file: none\nadmin-read-token-file: short\nlog-format: loud\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	short := filepath.Join(filepath.Dir(file), "short")
	if err := os.WriteFile(short, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := config.Loader{Args: []string{"--config", file}}.Load()
	want := file + ":1:19: admin-token-file: open " + filepath.Join(filepath.Dir(file), "none") + ": no such file or directory\n" +
		file + ":2:24: admin-read-token-file: " + short + ": a token has 32 characters at least, this one has 1; try: openssl rand -hex 32\n" +
		file + `:3:13: log-format: "loud" is neither auto, text nor json`
	if got := fmt.Sprint(err); got != want || supervise.ExitCode(err) != 78 {
		t.Errorf("got, with code %d,\n%s\nwant, with 78,\n%s", supervise.ExitCode(err), got, want)
	}
}
