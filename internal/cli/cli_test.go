package cli_test

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"tend.example/tend/internal/cli"
	"tend.example/tend/supervise"
)

// TestOutput compares what commands print with testdata/golden, with their exit codes. After a change that is meant:
// go test ./internal/cli -run TestOutput -update.
func TestOutput(t *testing.T) {
	for name, c := range map[string]struct {
		args string
		code int
	}{
		"status":             {"status", 3},
		"status_wide":        {"status -o wide", 3},
		"status_json":        {"status tend/web jobs/off -o json", 3},
		"status_well":        {"status jobs/off old /tend/conns/c7/", 0},
		"status_stopped":     {"status 日本", 3},
		"status_unknown":     {"status wbe jobs/off nightly nothing", 4},
		"tree":               {"tree", 0},
		"tree_wide":          {"tree jobs -o wide", 0},
		"tree_json":          {"tree jobs/sweep --output json", 0},
		"events":             {"events", 0},
		"events_wide":        {"events -o wide -n 2", 0},
		"events_json":        {"events -o json", 0},
		"logs":               {"logs", 0},
		"logs_wide":          {"logs -o wide", 0},
		"logs_json":          {"logs -o json -n 1", 0},
		"stacks":             {"stacks web", 0},
		"stacks_all":         {"stacks --cpu 1", 0},
		"stacks_json":        {"stacks web -o json", 0},
		"next":               {"next", 0},
		"next_wide":          {"next -o wide", 0},
		"next_json":          {"next -o json", 0},
		"next_one":           {"next jobs/nightly -n 2", 0},
		"next_one_json":      {"next jobs/nightly -n 2 -o json", 0},
		"next_paused":        {"next jobs/off -n 1", 0},
		"next_stopped":       {"next jobs/sweep -n 1", 0},
		"restart":            {"restart web tend/web", 0},
		"restart_json":       {"restart web -o json", 0},
		"restart_unknown":    {"restart weeb web", 4},
		"pause":              {"pause jobs/nightly", 0},
		"cancel":             {"cancel jobs/nightly jobs/sweep jobs/off", 0},
		"cancel_json":        {"cancel jobs/nightly jobs/sweep jobs/off -o json", 0},
		"start_slow":         {"start jobs --timeout 1ms", 1},
		"reset_refused":      {"reset web", 1},
		"stop_read_only":     {"stop web", 77},
		"trigger":            {"trigger jobs/nightly --wait", 1},
		"trigger_json":       {"trigger jobs/nightly -w -o json", 1},
		"trigger_no_job":     {"trigger web", 1},
		"policy":             {"policy web", 0},
		"policy_members":     {"policy conns/*", 0},
		"policy_no_members":  {"policy web/*", 1},
		"policy_root":        {"policy tend", 1},
		"policy_set":         {"policy web backoff=1s..2s", 0},
		"policy_replace":     {"policy web restart=on-failure --replace -o wide", 0},
		"log_level":          {"log-level", 0},
		"log_level_set":      {"log-level warn -o json", 0},
		"drill":              {"drill web panic", 0},
		"drill_json":         {"drill web panic -o json", 0},
		"version":            {"version", 0},
		"config_show":        {"config show --drill --timer-every=5s", 0},
		"config_check":       {"config check", 0},
		"config_check_fault": {"config check --timer-every=0s", 64},
		"help":               {"--help", 0},
		"help_status":        {"help status", 0},
		"help_config":        {"config --help", 0},
		"serve":              {"--http-addr=:1", 0},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDaemon(t)
			got := run(t.Context(), d.URL, strings.Fields(c.args)...)
			if got.code != c.code {
				t.Errorf("exit code: got %d, want %d", got.code, c.code)
			}
			golden(t, name+".txt", strings.ReplaceAll("$ tend "+c.args+"\n"+got.stdout+got.stderr, d.URL, "ADDRESS"))
		})
	}
}

// TestNothingOfTheDaemonReachesTheTerminalRaw looks at all that TestOutput has printed: what it was given is full of
// control characters.
func TestNothingOfTheDaemonReachesTheTerminalRaw(t *testing.T) {
	files, err := filepath.Glob("testdata/golden/*.txt")
	if err != nil || len(files) < 40 {
		t.Fatalf("found %d files, error %v", len(files), err)
	}
	for _, file := range files {
		for i, r := range readFile(t, file) {
			if r != '\n' && r != '\t' && !unicode.IsPrint(r) {
				t.Errorf("%s: %q at byte %d", file, r, i)
			}
		}
	}
}

func TestRequestsAreThoseOfTheAPI(t *testing.T) {
	for args, want := range map[string][]string{
		"restart web --timeout 5s":                {"POST /api/v1/services/web/restart?timeout=5s"},
		"stop a_b?c":                              {"POST /api/v1/services/a%20b%3Fc/stop?timeout=30s"},
		"pause jobs/nightly":                      {"POST /api/v1/services/jobs/nightly/pause"},
		"trigger jobs/nightly":                    {"POST /api/v1/services/jobs/nightly/trigger"},
		"trigger jobs/nightly --wait":             {"POST /api/v1/services/jobs/nightly/trigger?wait=true&timeout=30s"},
		"policy web limit=5/1m":                   {`PATCH /api/v1/services/web/policy "limit=5/1m"`},
		"policy web limit=5/1m --replace":         {`PUT /api/v1/services/web/policy "limit=5/1m"`},
		"log-level debug":                         {`PUT /api/v1/log-level "debug"`},
		"drill web panic":                         {"POST /api/v1/services/web/drill?mode=panic"},
		"next jobs/nightly -n 3":                  {"GET /api/v1/services/jobs/nightly/next?n=3"},
		"stacks web --cpu 2":                      {"GET /api/v1/services/web/goroutines?seconds=2"},
		"events jobs/off":                         {"GET /api/v1/info", "GET /api/v1/tree", "GET /api/v1/events?path=tend%2Fjobs%2Foff"},
		"logs -n 3":                               {"GET /api/v1/info", "GET /api/v1/logs"},
		"status /web/":                            {"GET /api/v1/tree"},
		"config check --policy=restart=never":     nil,
		"version":                                 nil,
		"completion bash":                         nil,
		"__complete status we":                    {"GET /api/v1/tree"},
		"__complete config show --http-addr= foo": nil,
	} {
		d := newDaemon(t)
		words := strings.Fields(args)
		for i := range words {
			words[i] = strings.ReplaceAll(words[i], "_b", " b")
		}
		run(t.Context(), d.URL, words...)
		if diff := cmp.Diff(want, d.requests()); diff != "" {
			t.Errorf("tend %s: requests (-want +got):\n%s", args, diff)
		}
	}
}

func TestFaultsOfTheCommandLineAreOneLineAndExit64(t *testing.T) {
	for args, want := range map[string]string{
		"statsu":                       `unknown command "statsu"; did you mean status?`,
		"statsu -w":                    `unknown command "statsu"; did you mean status?`,
		"stray":                        `unknown command "stray"; tend --help has them all`,
		"--help stray":                 `unknown command "stray"; tend --help has them all`,
		"help stray":                   `unknown command "stray"; tend --help has them all`,
		"completion":                   `completion: which shell? there are bash, fish, powershell, zsh`,
		"completion bsh":               `completion: unknown command "bsh"; did you mean bash?`,
		"completion csh9":              `completion: unknown command "csh9"; there are bash, fish, powershell, zsh`,
		"help statsu":                  `unknown command "statsu"; did you mean status?`,
		"help config chek":             `config: unknown command "chek"; did you mean check?`,
		"config":                       `config: which command? there are check, show`,
		"config foo":                   `config: unknown command "foo"; there are check, show`,
		"--drlil":                      `unknown flag: --drlil; did you mean --drill?`,
		"--bogus":                      `unknown flag: --bogus`,
		"status --otput json":          `unknown flag: --otput; did you mean --output?`,
		"status -o xml":                `invalid argument "xml" for "-o, --output" flag: want table, wide or json`,
		"restart":                      `restart: missing PATH; usage: tend restart PATH... [flags]`,
		"drill web":                    `drill: missing MODE: error, panic, goexit, hang, fatal; usage: tend drill PATH MODE [flags]`,
		"trigger a b":                  `trigger: unexpected argument "b"; usage: tend trigger PATH [flags]`,
		"restart / x":                  `restart: argument 1 is empty`,
		"restart web --timeout=0s":     `--timeout: 0s is not positive`,
		"trigger web -w --timeout=-1s": `--timeout: -1s is not positive`,
		"events -n=-2":                 `--lines: -2 is negative`,
		"next -n 3":                    `--number: of which job? there is no PATH`,
		"next jobs/nightly -n 0":       `--number: 0 is not positive`,
		"stacks --cpu 61":              `--cpu: 61 is not from 0 to 60`,
		"policy web --replace":         `--replace: with what? there is no key=value`,
		"top":                          `top: this is no terminal that it could be shown on; there is tend status`,
		"--admin x:1":                  `--admin is for commands, such as tend status; the daemon has --admin-addr`,
		"--token-file x":               `--token-file is for commands, such as tend status; the daemon has --admin-token-file`,
		"status --admin nowhere":       `--admin: "nowhere": missing port in address`,
		"status --admin /run/tend":     `--admin: "/run/tend": want host:port, unix:PATH or a URL`,
		"status --admin unix:":         `--admin: "unix:": missing path`,
		"status --admin ftp://x":       `--admin: "ftp://x": want http or https`,
		"status --admin http://a@x":    `--admin: "http://a@x": want a host and at most a path`,
		"status \x1b[2J\n -o xml":      `invalid argument "xml" for "-o, --output" flag: want table, wide or json`,
		"stat\x1bu":                    `unknown command "stat\x1bu"; did you mean status?`,
	} {
		d := newDaemon(t)
		got := run(t.Context(), d.URL, strings.Split(args, " ")...)
		if diff := cmp.Diff(result{64, "", "tend: " + want + "\n"}, got, cmp.AllowUnexported(result{})); diff != "" {
			t.Errorf("tend %s (-want +got):\n%s", args, diff)
		}
	}
}

func TestCompletionOffersWhatThereIs(t *testing.T) {
	d := newDaemon(t)
	for args, want := range map[string]string{
		"status ":             "web jobs jobs/nightly jobs/sweep jobs/off conns 日本 old last", // and no name that would turn the line around
		"status web ":         "jobs jobs/nightly jobs/sweep jobs/off conns 日本 old last",
		"stop tend/":          "tend/web tend/jobs tend/jobs/nightly tend/jobs/sweep tend/jobs/off tend/conns tend/日本 tend/old tend/last",
		"trigger ":            "jobs/nightly jobs/sweep jobs/off",
		"trigger jobs/off ":   "",
		"drill web ":          "error panic goexit hang fatal",
		"log-level ":          "debug info warn error",
		"status -o ":          "table wide json",
		"policy web start=1,": "start=1,restart= start=1,backoff= start=1,reset= start=1,limit= start=1,start-timeout= start=1,stop-timeout= start=1,heartbeat= start=1,panic=",
		"config c":            "check",
		"help log":            "log-level logs",
	} {
		got := run(t.Context(), d.URL, append([]string{"__complete"}, strings.Split(args, " ")...)...)
		var names []string
		for line := range strings.Lines(got.stdout) {
			if name, _, _ := strings.Cut(strings.TrimSpace(line), "\t"); !strings.HasPrefix(name, ":") {
				names = append(names, name)
			}
		}
		if strings.HasPrefix(args, "help") || strings.HasPrefix(args, "config") { // the shell sifts the others itself
			names = slices.DeleteFunc(names, func(n string) bool { return !strings.HasPrefix(n, strings.Fields(args)[1]) })
		}
		if diff := cmp.Diff(want, strings.Join(names, " ")); diff != "" || got.code != 0 {
			t.Errorf("%q: code %d (-want +got):\n%s", args, got.code, diff)
		}
	}
}

func TestCompletionWithoutADaemonIsSilent(t *testing.T) {
	got := run(t.Context(), "127.0.0.1:1", "__complete", "status", "")
	if want := (result{0, ":4\n", "Completion ended with directive: ShellCompDirectiveNoFileComp\n"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// brokenPipe is a stdout whose reader has gone.
type brokenPipe struct{ err error }

func (b brokenPipe) Write([]byte) (int, error) { return 0, b.err }

func TestACommandWhoseReaderHasGoneEndsQuietly(t *testing.T) {
	d := newDaemon(t)
	var stderr strings.Builder
	for _, args := range []string{"status", "events", "logs -o json", "tree", "stacks web", "version", "restart web"} {
		program := cli.Program{
			Stdout: brokenPipe{&fs.PathError{Op: "write", Path: "|1", Err: errPipe}}, Stderr: &stderr, Now: noon,
			Env: func(string) string { return d.URL[len("http://"):] }, // TEND_ADMIN_TOKEN_FILE, too, but that is not there
		}
		program.Env = func(key string) string { return map[string]string{"TEND_ADMIN": d.URL}[key] }
		if code := program.Run(t.Context(), strings.Fields(args)); code != 141 || stderr.Len() > 0 {
			t.Errorf("tend %s: got code %d and %q, want 141 and silence", args, code, stderr.String())
		}
	}
}

func TestAnInterruptedCommandEndsQuietlyWithTheCodeOfTheSignal(t *testing.T) {
	d := newDaemon(t)
	for code, cause := range map[int]error{
		130: errors.New("cancelled"),
		143: &supervise.ExitError{Code: 143, Err: errors.New("terminated signal received")},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		if got, want := run(ctx, d.URL, "events", "-w"), (result{code: code}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}
