package config_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tend.example/tend/internal/config"
)

const shown = `http-addr: 127.0.0.1:9000
policies: {default: backoff=1s..2s, workers/mail: limit=5/1m}
services:
  - name: web
    policy: restart=on-failure
    http:
      routes:
        /: {static: public}
        /api/: {proxy: workers/app, strip: true}
        /up/: {proxy: "http://u:hunter2@127.0.0.1:99"}
  - name: workers
    group:
      strategy: one-for-all
      services:
        - name: app
          command: {run: ./app --token hunter2 --x, port: 9001, env: {A: hunter2}}
        - name: mail
          command: {run: [./mail], dir: sub}
  - name: left-out
    command: {run: x}
`

func TestShowTellsWhatHoldsAndWhereItCameFrom(t *testing.T) {
	path := write(t, "tend.yaml", shown)
	s := mustSettings(t, config.Loader{
		Args: []string{"--config", path, "--policy=workers/app:limit=1/1s", "--without=left-out"},
		Env:  []string{"TEND_LOG_LEVEL=debug", "TEND_JOB=late: @daily UTC: backup"},
	})
	want := `# "FILE"
http-addr: "127.0.0.1:9000"  # FILE:1:12
timer-every: 30s  # default
admin-addr: "127.0.0.1:8081"  # default
admin-host: []  # default
admin-token-file: ""  # default
admin-read-token-file: ""  # default
pprof: false  # default
# without: [left-out]  # flag
shutdown-timeout: 30s  # default
drain-delay: 0s  # default
upgrade-timeout: 30s  # default
log-level: debug  # TEND_LOG_LEVEL
log-format: auto  # default
crash-log: ""  # default
watch: false  # default
drill: false  # default
services:
- name: web  # FILE:4:5
  policy: restart=on-failure
  http:
    addr: "127.0.0.1:9000"
    routes:
      /:
        static: DIR/public
      /api/:
        proxy: "http://127.0.0.1:9001"
        strip: true
      /up/:
        proxy: "http://u:****@127.0.0.1:99"
    drain-delay: 0s
- name: workers  # FILE:11:5
  group:
    strategy: one-for-all
    services:
      - name: app  # FILE:15:11
        command:
          run: ["./app", "--token", "****", "--x"]
          dir: DIR
          env:
            A: "****"
          port: 9001
          ready-addr: "127.0.0.1:9001"
      - name: mail  # FILE:17:11
        command:
          run: ["./mail"]
          dir: DIR/sub
- name: late  # TEND_JOB
  job:
    run: [backup]
    schedule: "@daily"
    zone: UTC
policies:
  admin: backoff=1s..2s  # FILE:2:21
  web: "restart=on-failure,backoff=1s..2s,stop-timeout=10s"  # FILE:5:13, FILE:2:21
  workers: backoff=1s..2s  # FILE:2:21
  workers/app: "backoff=1s..2s,limit=1/1s"  # FILE:2:21, flag
  workers/mail: "backoff=1s..2s,limit=5/1m"  # FILE:2:21, FILE:2:51
  late: backoff=1s..2s  # FILE:2:21
`
	got := strings.ReplaceAll(strings.ReplaceAll(s.Show(), path, "FILE"), filepath.Dir(path), "DIR")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if strings.Contains(got, "hunter2") {
		t.Error("a secret is shown")
	}
}

func TestWhatIsShownIsAFileThatMeansTheSame(t *testing.T) {
	s := mustSettings(t, config.Loader{Args: []string{"--config", write(t, "tend.yaml", shown), "--log-level=warn"}})
	again := mustSettings(t, config.Loader{Args: []string{"--config", write(t, "tend.yaml", s.Show())}})
	plain := func(text string) (lines []string) {
		for line := range strings.Lines(text) {
			line, _, _ = strings.Cut(strings.TrimRight(line, "\n"), "  # ")
			if !strings.HasPrefix(line, "# ") {
				lines = append(lines, line)
			}
		}
		return lines
	}
	if diff := cmp.Diff(plain(s.Show()), plain(again.Show())); diff != "" {
		t.Errorf("(-first +second):\n%s", diff)
	}
}

func TestTheTemplateIsAFileAndSoIsWhatItCommentsOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tend.yaml")
	if err := config.WriteTemplate(path); err != nil {
		t.Fatal(err)
	}
	if s := mustSettings(t, config.Loader{Args: []string{"--config", path}}); len(s.Services) != 2 {
		t.Errorf("as it is: got %d services, want hello and timer", len(s.Services))
	}
	if err := config.WriteTemplate(path); err == nil || !strings.HasSuffix(err.Error(), "it is there already, and stays as it is") {
		t.Errorf("over one: got %v, want it refused", err)
	}
	text := strings.ReplaceAll(config.Template(), "#:", "")
	s := mustSettings(t, config.Loader{Args: []string{"--config", write(t, "tend.yaml", text)}})
	var names []string
	for _, service := range s.Services {
		names = append(names, service.Name)
	}
	if diff := cmp.Diff([]string{"app", "web", "nightly", "workers"}, names); diff != "" {
		t.Errorf("uncommented (-want +got):\n%s", diff)
	}
	for _, key := range config.Keys() {
		if !strings.Contains(text, "\n"+key.Name+": ") {
			t.Errorf("%s is not in the template", key.Name)
		}
	}
}
