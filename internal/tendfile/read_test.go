package tendfile_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tend.example/tend/internal/tendfile"
)

var rules = tendfile.Rules{
	Keys: []tendfile.Key{
		{Name: "http-addr", Type: "text"},
		{Name: "log-level", Type: "text"},
		{Name: "timer-every", Type: "duration"},
		{Name: "drill", Type: "bool"},
		{Name: "limit", Type: "number"},
		{Name: "without", Type: "list"},
	},
	Schedule: func(schedule, _ string) error {
		if strings.Count(schedule, " ") != 4 && schedule[0] != '@' {
			return errors.New("want five fields")
		}
		return nil
	},
}

// good is a file that says something of everything.
const good = `# with comments
http-addr: 127.0.0.1:8080
timer-every: 30s
drill: true
limit: 5
without: [a, b]
policies: {default: "backoff=1s..2s", workers/mail: restart=never, conns/*: limit=1/1s}
services:
  - name: web
    policy: restart=on-failure
    wait-ready: true
    significant: true
    http:
      addr: unix:/run/web
      routes:
        /hello: {hello: true}
        /: {static: ./public}
        example.org/api/: {proxy: workers/app, strip: true}
        /up/: {proxy: "http://127.0.0.1:99"}
      drain-delay: 0
      cert-file: c.pem
      key-file: k.pem
      h2c: true
      max-conns: 100
  - name: workers
    group:
      strategy: one-for-all
      stop-timeout: 1m30s
      services:
        - name: app
          command:
            run: ./app --name 'a b'
            dir: /srv
            env: {A: 1, B: true, C: 1.5, D: "x", E: 0x10}
            port: 9001
            stop-signal: INT
            done-codes: [0, 3]
            fatal-codes: []
            ready-url: http://127.0.0.1:9001/healthz
        - name: mail
          command: {run: [./mail, "a b"], ready-line: "^up"}
  - name: both
    group: {concurrent: true, services: [{name: a, command: {run: x, ready-notify: true}}, {name: b, command: {run: x, ready-addr: ":80"}}]}
  - name: nightly
    job:
      run: >-
        ./backup.sh
        --full
      schedule: 0 3 * * *
      zone: Europe/Berlin
      timeout: 1h
      jitter: 5m
      retries: 3
      retry-after: 10s
      overlap: queue
      missed: once
      on-error: log
      state-file: /var/lib/tend/nightly
`

func TestEverythingIsRead(t *testing.T) {
	f, err := rules.Read("x.yaml", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	var w tendfile.Writer
	w.Services(f.Services, func(path string) string { return path })
	want := `- name: web  # web
  policy: restart=on-failure
  wait-ready: true
  significant: true
  http:
    addr: "unix:/run/web"
    routes:
      /:
        static: "./public"
      /hello:
        hello: true
      /up/:
        proxy: "http://127.0.0.1:99"
      example.org/api/:
        proxy: workers/app
        strip: true
    drain-delay: 0s
    cert-file: c.pem
    key-file: k.pem
    h2c: true
    max-conns: 100
- name: workers  # workers
  group:
    strategy: one-for-all
    stop-timeout: 1m30s
    services:
      - name: app  # workers/app
        command:
          run: ["./app", "--name", "a b"]
          dir: /srv
          env:
            A: "****"
            B: "****"
            C: "****"
            D: "****"
            E: "****"
          port: 9001
          ready-url: "http://127.0.0.1:9001/healthz"
          stop-signal: INT
          done-codes: [0, 3]
          fatal-codes: []
      - name: mail  # workers/mail
        command:
          run: ["./mail", "a b"]
          ready-line: "^up"
- name: both  # both
  group:
    concurrent: true
    services:
      - name: a  # both/a
        command:
          run: [x]
          ready-notify: true
      - name: b  # both/b
        command:
          run: [x]
          ready-addr: ":80"
- name: nightly  # nightly
  job:
    run: ["./backup.sh", "--full"]
    schedule: "0 3 * * *"
    zone: Europe/Berlin
    timeout: 1h0m0s
    jitter: 5m0s
    retries: 3
    retry-after: 10s
    overlap: queue
    missed: once
    on-error: log
    state-file: /var/lib/tend/nightly
`
	if diff := cmp.Diff(want, w.String()); diff != "" {
		t.Errorf("services (-want +got):\n%s", diff)
	}
	env := f.Services[1].Group.Services[0].Command.Env
	if diff := cmp.Diff(map[string]string{"A": "1", "B": "true", "C": "1.5", "D": "x", "E": "0x10"}, env); diff != "" {
		t.Errorf("env (-want +got):\n%s", diff)
	}
	var policies []string
	for _, p := range f.Policies {
		policies = append(policies, fmt.Sprintf("%s %s: %s", p.Place, p.Path, p.Text))
	}
	if diff := cmp.Diff([]string{"x.yaml:7:21 : backoff=1s..2s", "x.yaml:7:53 workers/mail: restart=never", "x.yaml:7:77 conns/*: limit=1/1s"}, policies); diff != "" {
		t.Errorf("policies (-want +got):\n%s", diff)
	}
	settings := map[string]string{}
	for key, s := range f.Settings {
		settings[key] = fmt.Sprint(s.Place, s.Values)
	}
	wantSettings := map[string]string{
		"drill": "x.yaml:4:8 [true]", "http-addr": "x.yaml:2:12 [127.0.0.1:8080]", "limit": "x.yaml:5:8 [5]",
		"timer-every": "x.yaml:3:14 [30s]", "without": "x.yaml:6:10 [a b]",
	}
	if diff := cmp.Diff(wantSettings, settings); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

func TestAllFaultsAreTold(t *testing.T) {
	text := `htp-addr: x
timer-every: 30
limit: 1.5
log-level: 5
drill: yes
without: {a: b}
log-level: info
policy: restart=never
command: x
"a\nb": c
policies:
  default: restart=sometimes
  helo: {}
  "": restart=never
services:
  - name: web
    http:
      adr: :80
      routes:
        api: {proxy: x}
        /b/: {proxy: x, static: x}
        /c//d: {hello: true}
        /e: {hello: false}
        /f: {static: x, strip: true}
        "/{g}": {hello: true}
        h:80/: {hello: true}
        /i/: {proxy: "ftp://u:secret@x"}
      cert-file: x
  - comand: {run: x}
    name: a/b
  - name: ""
    command: {run: "x 'y", ready-line: "(", port: 99999, stop-signal: TREM, ready-addr: x}
  - command: {}
  - name: j
    job: {schedule: nope, zone: Moon, run: [], timeout: -1s, env: {"": x, B: [1]}, retries: -1}
  - name: k
    job: {schedule: nope, run: x}
  - name: g
    group: {concurrent: true, strategy: one-for-all, services: []}
  - name: r
    command: {run: x, ready-addr: ":1", ready-line: x}
  - &x 7
  - *x
  - !!map {}
  - ~
  - name: twice
    name: twice
    command: {run: x}
    job: {run: x, schedule: "@daily"}
`
	want := `x.yaml:1:1: unknown key "htp-addr"; did you mean http-addr?
x.yaml:2:14: timer-every: want a duration, such as 90s, got a number
x.yaml:3:8: limit: want a number, got a number with a fraction
x.yaml:4:12: log-level: want text (in quotes, if YAML takes it for something else), got a number
x.yaml:5:8: drill: want true or false, got text
x.yaml:6:10: without: want text, or a list of texts, got a mapping
x.yaml:7:1: key "log-level" is there twice
x.yaml:8:1: unknown key "policy": policies has them
x.yaml:9:1: unknown key "command": services has them
x.yaml:10:1: unknown key "a\nb"; there are http-addr, log-level, timer-every, drill, limit, without, services, policies
x.yaml:12:12: policies.default: policy key "restart": "sometimes": unknown; want always, on-failure or never
x.yaml:13:9: policies.helo: want text (in quotes, if YAML takes it for something else), got a mapping
x.yaml:14:3: policies: an empty path; the one for all is default
`
	_, err := rules.Read("x.yaml", []byte(text))
	got := fmt.Sprint(err)
	want += `x.yaml:18:7: services[0].http: cert-file and key-file go together
x.yaml:18:7: unknown key "adr"; did you mean addr?
x.yaml:20:9: services[0].http.routes: route "api": want a path, such as / or /app/
x.yaml:21:14: services[0].http.routes./b/: want exactly one of hello, static, proxy, got static, proxy
x.yaml:22:9: services[0].http.routes: route "/c//d": want /c/d
x.yaml:23:13: services[0].http.routes./e: hello: say true, or leave it out
x.yaml:24:13: services[0].http.routes./f: strip is of a proxy
x.yaml:25:9: services[0].http.routes: route "/{g}": has a blank, or one of {}?#% in it
x.yaml:26:9: services[0].http.routes: route "h:80/": a host has no port
x.yaml:27:22: services[0].http.routes./i/.proxy: not an http or https URL with a host
x.yaml:29:5: services[1]: want exactly one of http, command, job, group, got none
x.yaml:29:5: unknown key "comand"; did you mean command?
x.yaml:30:11: services[1].name: name "a/b": is empty, or has a slash or a control character
x.yaml:31:11: services[2].name: name "": is empty, or has a slash or a control character
x.yaml:32:14: services[2].command: more than one of ready-line, ready-addr, ready-url and ready-notify
x.yaml:32:20: services[2].command.run: command: a quote is not closed
x.yaml:32:40: services[2].command.ready-line: error parsing regexp: missing closing ): ` + "`(`" + `
x.yaml:32:51: services[2].command.port: 99999: want a number from 1 to 65535
x.yaml:32:71: services[2].command.stop-signal: "TREM" is none of TERM, INT, HUP, QUIT, USR1, USR2, KILL, WINCH; did you mean TERM?
x.yaml:32:89: services[2].command.ready-addr: "x": missing port in address
x.yaml:33:5: services[3]: name is missing
x.yaml:33:14: services[3].command: run is missing
x.yaml:35:21: services[4].job.schedule: want five fields
x.yaml:35:33: services[4].job.zone: time zone "Moon": unknown
x.yaml:35:44: services[4].job.run: no command
x.yaml:35:57: services[4].job.timeout: -1s is negative
x.yaml:35:68: services[4].job.env: a variable is not empty, and has no = in its name
x.yaml:35:78: services[4].job.env.B: want text, got a list
x.yaml:35:93: services[4].job.retries: -1: want a number from 0 to 1000000
x.yaml:37:21: services[5].job.schedule: want five fields
x.yaml:39:12: services[6].group: concurrent does not go with one-for-all, which is about order
x.yaml:39:12: services[6].group: no services in it
x.yaml:41:14: services[7].command: more than one of ready-line, ready-addr, ready-url and ready-notify
x.yaml:42:5: services[8]: want a mapping, got an anchor or an alias
x.yaml:43:5: services[9]: want a mapping, got an anchor or an alias
x.yaml:44:5: services[10]: want a mapping, got a tag
x.yaml:45:5: services[11]: want a mapping, got nothing
x.yaml:46:5: services[12]: want exactly one of http, command, job, group, got command, job
x.yaml:47:5: key "name" is there twice`
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

func TestWhatIsNoYAMLIsToldWithItsPlace(t *testing.T) {
	for text, want := range map[string]string{
		"a: b: c\n":                       "x.yaml:1:4: mapping value is not allowed in this context",
		"http-addr: [1\n":                 "x.yaml:1:12: sequence end token ']' not found",
		"http-addr: @x\n":                 "x.yaml:1:12: '@' is a reserved character",
		"drill: true\n---\ndrill: true\n": "x.yaml:3:1: a second document: want one",
		"drill: true\npprof: \xfc\n":      "x.yaml:2:8: not UTF-8",
		"x":                               "x.yaml:1:1: the file: want a mapping, got text",
		"- a\n":                           "x.yaml:1:1: the file: want a mapping, got a list",
		"drill: \x00":                     "x.yaml: there is a zero byte in it: this is no text",
		strings.Repeat("[", 70_000):       "x.yaml:1:65: nested deeper than 64",
		strings.Repeat("- ", 70_000):      "x.yaml:1:129: nested deeper than 64",
		strings.Repeat("# x\n", 1<<18+1):  "x.yaml: 1048580 bytes, more than 1048576",
		"services: [{name: x, command: {run: ~/x -v, dir: ~/d}}, {name: y, command: {run: [~/y, x]}}]": "x.yaml:1:37: services[0].command.run: ~ is not expanded: say the whole path\n" +
			"x.yaml:1:50: services[0].command.dir: ~ is not expanded: say the whole path\nx.yaml:1:82: services[1].command.run: ~ is not expanded: say the whole path",
		"<<: {drill: true}\n":                 "x.yaml:1:1: the file: want text as a key, got an anchor or an alias",
		"? [a]\n: b\n":                        "x.yaml:2:1: found an invalid key for this map",
		"services: [{name: !!str x, job: 5}]": "x.yaml:1:19: services[0].name: want text (in quotes, if YAML takes it for something else), got a tag\nx.yaml:1:32: services[0].job: want a mapping, got a number",
	} {
		_, err := rules.Read("x.yaml", []byte(text))
		if got := fmt.Sprint(err); got != want {
			t.Errorf("%.30q: got %s\nwant %s", text, got, want)
		}
	}
}

func TestEmptyFilesSayNothing(t *testing.T) {
	for _, text := range []string{"", "# only a comment\n", "\ufeff# with a mark\n", "---\n", "\ufeffdrill: true\n"} {
		f, err := rules.Read("x.yaml", []byte(text))
		if err != nil || f.HasServices {
			t.Errorf("%q: got %v, %v, want nothing and no fault", text, f, err)
		}
	}
}

func TestSecretsAreMasked(t *testing.T) {
	for word, want := range map[string]string{
		"--password=hunter2":               "--password=****",
		"DB_PASS=hunter2":                  "DB_PASS=****",
		"--config=x":                       "--config=x",
		"postgres://u:hunter2@db/shop":     "postgres://u:****@db/shop",
		"Authorization: Bearer hunter2":    "Authorization: ****",
		"./x --token hunter2 -v  y":        "./x --token **** -v  y",
		"curl http://u:hunter2@db/ -o x":   "curl http://u:****@db/ -o x",
		"postgres://u@db/shop?x=a:b@c":     "postgres://u@db/shop?x=a:b@c",
		"http://u:hunter2@x@127.0.0.1:80/": "http://u:****@127.0.0.1:80/",
	} {
		if got := tendfile.MaskWords([]string{word})[0]; got != want {
			t.Errorf("%s: got %s, want %s", word, got, want)
		}
	}
	got := tendfile.MaskWords([]string{"app", "--api-key", "hunter2", "-v", "pass", "x"})
	if diff := cmp.Diff([]string{"app", "--api-key", "****", "-v", "pass", "x"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
