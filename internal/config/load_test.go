package config_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tend.example/tend/internal/config"
	"tend.example/tend/internal/tendfile"
	"tend.example/tend/supervise"
)

// write makes a file of a temporary folder.
func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func mustSettings(t *testing.T, l config.Loader) *config.Settings {
	t.Helper()
	s, err := l.Load()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// originOf is where the value of a setting came from.
func originOf(s *config.Settings, key string) (origin string) {
	s.Each(func(name, _, from string) {
		if name == key {
			origin = from
		}
	})
	return origin
}

func TestAFlagBeatsTheEnvironmentThatTheFileThatTheDefault(t *testing.T) {
	path := write(t, "tend.yaml", "http-addr: :1\nadmin-addr: 127.0.0.1:1\ntimer-every: 1s\nwithout: [timer]\ndrain-delay: 0\n")
	s := mustSettings(t, config.Loader{
		Args: []string{"--config", path, "--http-addr=:3"},
		Env:  []string{"TEND_HTTP_ADDR=:2", "TEND_ADMIN_ADDR=127.0.0.1:2", "TEND_WITHOUT=hello", "TEND_DRAIN_DELAY="},
	})
	got := map[string]string{}
	for _, key := range []string{"http-addr", "admin-addr", "timer-every", "without", "drain-delay", "log-level"} {
		got[key] = originOf(s, key)
	}
	want := map[string]string{
		"http-addr": "flag", "admin-addr": "TEND_ADMIN_ADDR", "timer-every": path + ":3:14",
		"without": "TEND_WITHOUT", "drain-delay": path + ":5:14", "log-level": "default",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("origins (-want +got):\n%s", diff)
	}
	if s.HTTPAddr != ":3" || s.AdminAddr != "127.0.0.1:2" || s.TimerEvery.String() != "1s" || fmt.Sprint(s.Without) != "[hello]" {
		t.Errorf("got %+v, want http-addr :3, admin-addr 127.0.0.1:2, timer-every 1s, without hello", s.Config)
	}
}

func TestEveryFlagHasAVariableAndAKey(t *testing.T) {
	for _, key := range config.Keys() {
		value, text := "1s", "1s"
		switch {
		case key.Type == "bool":
			value, text = "true", "true"
		case strings.HasSuffix(key.Name, "addr"):
			value, text = "127.0.0.1:1", "127.0.0.1:1"
		case strings.HasSuffix(key.Name, "token-file"):
			value = tokenFile(t, longEnough+key.Name)
			text = value
		case key.Name == "log-level":
			value, text = "debug", "debug"
		case key.Name == "log-format":
			value, text = "json", "json"
		case key.Name == "without":
			value, text = "timer", "timer"
		}
		args := []string{"--config", write(t, "x", "")}
		if key.Name == "admin-read-token-file" {
			args = append(args, "--admin-token-file", tokenFile(t, longEnough))
		}
		s := mustSettings(t, config.Loader{Args: args, Env: []string{config.Variable(key.Name) + "=" + value}})
		if got := originOf(s, key.Name); got != config.Variable(key.Name) {
			t.Errorf("%s: got it from %s, want the environment", key.Name, got)
		}
		path := write(t, "tend.yaml", key.Name+": "+text)
		if got := originOf(mustSettings(t, config.Loader{Args: append(args, "--config", path)}), key.Name); !strings.HasPrefix(got, path+":1:") {
			t.Errorf("%s: got it from %q, want the file", key.Name, got)
		}
	}
}

func TestTheFileIsLookedForInTheUsualPlaces(t *testing.T) {
	xdg := write(t, "tend/tend.yaml", "timer-every: 5s")
	home := write(t, ".config/tend/tend.yaml", "timer-every: 6s")
	asked := write(t, "x", "timer-every: 7s")
	xdgHome, homeDir := filepath.Dir(filepath.Dir(xdg)), filepath.Dir(filepath.Dir(filepath.Dir(home)))
	for name, c := range map[string]struct {
		args, env []string
		want      string
	}{
		"asked for":   {[]string{"--config", asked}, []string{"XDG_CONFIG_HOME=" + xdgHome}, asked},
		"environment": {nil, []string{"TEND_CONFIG=" + asked, "XDG_CONFIG_HOME=" + xdgHome}, asked},
		"XDG":         {nil, []string{"XDG_CONFIG_HOME=" + xdgHome, "HOME=" + homeDir}, xdg},
		"home":        {nil, []string{"XDG_CONFIG_HOME=relative", "HOME=" + homeDir}, home},
		"none there":  {nil, []string{"XDG_CONFIG_HOME=/nowhere"}, ""},
	} {
		if _, err := os.Stat("/etc/tend/tend.yaml"); err == nil && c.want == "" {
			c.want = "/etc/tend/tend.yaml"
		}
		if got := mustSettings(t, config.Loader{Args: c.args, Env: c.env}).File; got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestFaultsOfFileAndEnvironmentAreToldAtOnce(t *testing.T) {
	path := write(t, "tend.yaml", `timer-every: 0s
log-level: loud
shutdown-timeout: 1s
without: [wbe]
policies:
  default: restart=always
  helo: restart=never
  workers: heartbeat=1s
services:
  - name: web
    http: {routes: {/: {proxy: apps}, /b/: {proxy: nobody}, /c/: {proxy: workers/app}}, drain-delay: 2s}
  - name: api
    http: {addr: 127.0.0.1:8081, routes: {/: {hello: true}}}
  - name: admin
    command: {run: x}
  - name: web
    command: {run: x}
  - name: app
    command: {run: x, port: 80}
    significant: true
  - name: workers
    group: {services: [{name: app, command: {run: x}}, {name: app, command: {run: x, port: 80}}]}
  - name: j
    job: {run: x, schedule: never}
`)
	_, err := config.Loader{
		Args:     []string{"--config", path},
		Env:      []string{"TEND_DRILL=maybe", "TEND_POLICY=nobody:restart=never\nrestart=sometimes", "TEND_COMMAND=app: x", "TEND_JOB=k: never: x", "TEND_DRAIN_DELAY=3s"},
		Schedule: func(string, string) error { return errors.New("it never comes") },
	}.Load()
	if got := supervise.ExitCode(err); got != 78 {
		t.Errorf("exit code: got %d, want 78", got)
	}
	want := `FILE:1:14: timer-every: 0s is not positive
FILE:2:12: log-level: "loud" is none of debug, info, warn, error
FILE:4:10: without: no service "wbe"; did you mean web? there are admin, web, api, admin, web, app, workers, j
FILE:7:9: policy "restart=never": no service "helo"; there are admin, api, app, j, web, workers, workers/app
FILE:11:32: web: proxy: no command "apps"; did you mean app?
FILE:11:52: web: proxy: no command "nobody"; there are admin, app, web, workers/app
FILE:11:102: web: drain-delay: 2s leaves nothing of shutdown-timeout, 1s
FILE:13:18: api: addr: 127.0.0.1:8081 is that of admin
FILE:14:11: services: the name admin is taken
FILE:16:11: services: the name "web" is there twice
FILE:20:18: app: significant: needs a policy with restart=on-failure or restart=never: with always it is never done
FILE:22:31: workers/app: port 80 is that of app
FILE:22:63: services: the name "app" is there twice
FILE:24:29: services[6].job.schedule: it never comes
TEND_COMMAND: app: "app" is taken
TEND_DRAIN_DELAY: 3s leaves nothing of --shutdown-timeout, 1s
TEND_DRILL: "maybe": want true or false
TEND_JOB: k: it never comes
TEND_POLICY: "nobody:restart=never": no service "nobody"; there are admin, api, app, j, web, workers, workers/app
TEND_POLICY: policy key "restart": "sometimes": unknown; want always, on-failure or never`
	got := strings.ReplaceAll(fmt.Sprint(err), path, "FILE")
	var faults tendfile.Faults
	if !errors.As(err, &faults) {
		t.Fatalf("got %v, want tendfile.Faults", err)
	}
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

func TestAFaultOfAFlagIsOneOfUsageWhateverTheFileHas(t *testing.T) {
	bad := write(t, "tend.yaml", "x: y\nservices: [{name: a, command: {run: x}}]")
	for args, want := range map[string]string{
		"--http-addr=nowhere":              `--http-addr: "nowhere": missing port in address`,
		"--policy=nobody:restart=never":    `--policy "nobody:restart=never": no service "nobody"`,
		"--command=a: x":                   `--command "a: x": "a" is taken`,
		"--without=nobody":                 `--without: no service "nobody"; there are admin, a`,
		"--drain-delay=1h":                 "--drain-delay: 1h0m0s leaves nothing of --shutdown-timeout, 30s",
		"--policy=a:heartbeat=1s,panic=no": "panic",
	} {
		_, err := config.Loader{Args: []string{args, "--config", bad}}.Load()
		if got := fmt.Sprint(err); !strings.Contains(got, want) || strings.Contains(got, "\n") || supervise.ExitCode(err) != 64 {
			t.Errorf("%s: got %s with code %d, want one line with %s, and 64", args, got, supervise.ExitCode(err), want)
		}
	}
}

func TestAFileThatIsNotThereIsAFaultOnlyIfItWasAskedFor(t *testing.T) {
	for name, args := range map[string][]string{"no such file or directory": {"--config", "/nowhere/tend.yaml"}, "is a directory": {"--config", t.TempDir()}} {
		_, err := config.Loader{Args: args}.Load()
		if supervise.ExitCode(err) != 78 || !strings.HasSuffix(fmt.Sprint(err), args[1]+": "+name) {
			t.Errorf("%q: got %v, want %s and code 78", args, err, name)
		}
	}
	_, err := config.Loader{Args: []string{"--watch"}, Env: []string{"XDG_CONFIG_HOME=/nowhere"}}.Load()
	if _, there := os.Stat("/etc/tend/tend.yaml"); there != nil && fmt.Sprint(err) != "--watch: there is no configuration file" {
		t.Errorf("--watch without a file: got %v", err)
	}
}

func TestVariablesThatAreAllButOursAreToldAndOthersAreNot(t *testing.T) {
	s := mustSettings(t, config.Loader{Args: []string{"--config", write(t, "x", "")}, Env: []string{
		"TEND_HTTP_ADRR=:1", "TEND_LOG_LEVELS=x", "TEND_SERVICE_HOST=10.0.0.1", "TEND_SERVICE_PORT=80", "TEND_PORT=tcp://10.0.0.1:80",
		"TEND_PORT_80_TCP_ADDR=10.0.0.1", "TEND_TOKEN=x", "HTTP_ADDR=y",
	}})
	want := []string{
		"TEND_HTTP_ADRR is no variable of tend; did you mean TEND_HTTP_ADDR?",
		"TEND_LOG_LEVELS is no variable of tend; did you mean TEND_LOG_LEVEL?",
	}
	if diff := cmp.Diff(want, s.Warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}
