package config_test

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tend.example/tend/internal/config"
	"tend.example/tend/supervise"
)

func TestDefaults(t *testing.T) {
	got, err := config.Parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := config.Config{
		HTTPAddr:        ":8080",
		TimerEvery:      30 * time.Second,
		AdminAddr:       "127.0.0.1:8081",
		ShutdownTimeout: 30 * time.Second,
		UpgradeTimeout:  30 * time.Second,
		LogLevel:        slog.LevelInfo,
		LogFormat:       "auto",
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(config.Policies{})); diff != "" {
		t.Errorf("Parse (-want +got):\n%s", diff)
	}
}

func TestEveryFlagIsRead(t *testing.T) {
	got, err := config.Parse([]string{
		"--http-addr=[::1]:http", "--timer-every=1m", "--admin-addr", "localhost:0", "--shutdown-timeout=0", "--drain-delay=5s", "--upgrade-timeout=1m",
		"--log-level=debug", "--log-format=json", "--drill",
		"--policy=restart=never", "--policy", "hello:backoff=1s..2s,restart=always",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := config.Config{
		HTTPAddr:   "[::1]:http",
		TimerEvery: time.Minute,
		AdminAddr:  "localhost:0",
		DrainDelay: 5 * time.Second,

		UpgradeTimeout: time.Minute,

		LogLevel:  slog.LevelDebug,
		LogFormat: "json",
		Drill:     true,
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(config.Config{}, "Policies")); diff != "" {
		t.Errorf("Parse (-want +got):\n%s", diff)
	}
	if got, want := got.Policies.String(), "restart=never hello:backoff=1s..2s,restart=always"; got != want {
		t.Errorf("Policies: got %s, want %s", got, want)
	}
}

func TestFaultsOfTheCommandLineAreNamedInOneLine(t *testing.T) {
	cases := []struct {
		args string
		want string // in the error
	}{
		{"--bogus", "unknown flag: --bogus"},
		{"-x", "unknown shorthand flag: 'x' in -x"},
		{"stray", `unexpected argument "stray"`},
		{"--bo\ngus", `unknown flag: --bo\ngus`},
		{"--drill=maybe", `"--drill" flag`},
		{"--http-addr", "flag needs an argument: --http-addr"},
		{"--http-addr=nowhere", `--http-addr: "nowhere": missing port in address`},
		{"--http-addr=host:", `--http-addr: "host:": missing port`},
		{"--http-addr=:99999", `--http-addr: ":99999": invalid port`},
		{"--admin-addr=::1:80", `--admin-addr: "::1:80": too many colons in address`},
		{"--admin-addr=:no-such-service", `--admin-addr: ":no-such-service": `},
		{"--timer-every=often", `"--timer-every" flag`},
		{"--timer-every=0s", "--timer-every: 0s is not positive"},
		{"--upgrade-timeout=0", "--upgrade-timeout: 0s is not positive"},
		{"--shutdown-timeout=-1s", "--shutdown-timeout: -1s is negative"},
		{"--admin-read-token-file=x", "--admin-read-token-file: goes with --admin-token-file only"},
		{"--drain-delay=-1s", "--drain-delay: -1s is negative"},
		{"--drain-delay=30s", "--drain-delay: 30s leaves nothing of --shutdown-timeout, 30s"},
		{"--http-addr=unix:", `--http-addr: "unix:": missing path`},
		{"--log-level=loud", `"--log-level" flag`},
		{"--log-format=xml", `--log-format: "xml" is neither auto, text nor json`},
		{"--policy=restrat=never", "restrat"},
		{"--policy=hello:restart=sometimes", "sometimes"},
		{"--policy=:restart=never", "no path before the colon"},
		{"--policy=hello:", "no key=value"},
		{"--policy=", "no key=value"},
	}
	for _, c := range cases {
		t.Run(c.args, func(t *testing.T) {
			_, err := config.Parse([]string{c.args})
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error: got %v, want one line with %s", err, c.want)
			}
			if got := supervise.ExitCode(err); got != 64 {
				t.Errorf("exit code: got %d, want 64", got)
			}
		})
	}
}

// newTree is a tree with a group in it.
func newTree() *supervise.Group {
	return &supervise.Group{Name: "tend", Children: []supervise.Child{
		{Name: "hello", Policy: supervise.Policy{Restart: supervise.OnFailure, StopTimeout: time.Second}},
		{Name: "jobs", Service: &supervise.Group{Children: []supervise.Child{{Name: "sweep:1"}}}},
	}}
}

func TestPoliciesAreLaidOverTheTreesOwnKeyByKey(t *testing.T) {
	cfg, err := config.Parse([]string{
		"--policy=jobs/sweep:1:backoff=3s..4s", // a name may hold a colon
		"--policy=tend/hello:limit=5/1m",
		"--policy=backoff=1s..2s",
		"--policy=hello:restart=never",
		"--policy=jobs:stop-timeout=7s",
	})
	if err != nil {
		t.Fatal(err)
	}
	tree := newTree()
	if err := cfg.Policies.Apply(tree); err != nil {
		t.Fatal(err)
	}
	backoff := supervise.Policy{MinBackoff: time.Second, MaxBackoff: 2 * time.Second}
	hello, jobs := backoff, backoff
	hello.Restart, hello.StopTimeout, hello.MaxRestarts, hello.Window = supervise.Never, time.Second, 5, time.Minute
	jobs.StopTimeout = 7 * time.Second
	sweep := supervise.Policy{MinBackoff: 3 * time.Second, MaxBackoff: 4 * time.Second}
	got := []supervise.Policy{
		tree.Children[0].Policy, tree.Children[1].Policy,
		tree.Children[1].Service.(*supervise.Group).Children[0].Policy,
	}
	if diff := cmp.Diff([]supervise.Policy{hello, jobs, sweep}, got); diff != "" {
		t.Errorf("policies (-want +got):\n%s", diff)
	}
}

func TestPoliciesOfAPoolAndOfItsMembers(t *testing.T) {
	cfg, err := config.Parse([]string{"--policy=heartbeat=1m", "--policy=conns:limit=5/1m", "--policy=conns/*:restart=never"})
	if err != nil {
		t.Fatal(err)
	}
	pool := &supervise.Pool{}
	tree := &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "conns", Service: pool}}}
	if err := cfg.Policies.Apply(tree); err != nil {
		t.Fatal(err)
	}
	want := []supervise.Policy{
		{MaxRestarts: 5, Window: time.Minute}, // a pool itself has no heartbeat
		{Restart: supervise.Never, Heartbeat: time.Minute},
	}
	if diff := cmp.Diff(want, []supervise.Policy{tree.Children[0].Policy, pool.Policy}); diff != "" {
		t.Errorf("policies (-want +got):\n%s", diff)
	}
}

func TestUnknownPathIsAUsageErrorThatSaysWhatThereIs(t *testing.T) {
	cases := []struct{ path, want string }{
		{"helo", `--policy "helo:restart=never": no service "helo"; did you mean hello? there are hello, jobs, jobs/sweep:1`},
		{"tend/job", `--policy "tend/job:restart=never": no service "tend/job"; did you mean jobs? there are hello, jobs, jobs/sweep:1`},
		{"tend", `--policy "tend:restart=never": no service "tend"; there are hello, jobs, jobs/sweep:1`},
	}
	for _, c := range cases {
		cfg, err := config.Parse([]string{"--policy=" + c.path + ":restart=never"})
		if err != nil {
			t.Fatal(err)
		}
		err = cfg.Policies.Apply(newTree())
		if err == nil || err.Error() != c.want {
			t.Errorf("Apply: got %v, want %s", err, c.want)
		}
		var exit *supervise.ExitError
		if !errors.As(err, &exit) || exit.Code != 64 {
			t.Errorf("Apply: got %#v, want an ExitError with code 64", err)
		}
	}
}
