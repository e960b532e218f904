package supervise_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tend.example/tend/supervise"
)

// texts are policies and their text as String writes it.
var texts = []struct {
	text   string
	policy supervise.Policy
}{
	{"", supervise.Policy{}},
	{"restart=on-failure", supervise.Policy{Restart: supervise.OnFailure}},
	{"restart=never", supervise.Policy{Restart: supervise.Never}},
	{"backoff=100ms..30s", supervise.Policy{MinBackoff: 100 * time.Millisecond, MaxBackoff: 30 * time.Second}},
	{"backoff=1s..1s", supervise.Policy{MinBackoff: time.Second, MaxBackoff: time.Second}},
	{"backoff=1h", supervise.Policy{MinBackoff: time.Hour}},
	{"backoff=..1ns", supervise.Policy{MaxBackoff: 1}},
	{"backoff=none", supervise.Policy{MinBackoff: -1}},
	{"backoff=none..1m30s", supervise.Policy{MinBackoff: -1, MaxBackoff: 90 * time.Second}},
	{"reset=1h0m1s", supervise.Policy{ResetAfter: time.Hour + time.Second}},
	{"limit=5/1m", supervise.Policy{MaxRestarts: 5, Window: time.Minute}},
	{"limit=5", supervise.Policy{MaxRestarts: 5}},
	{"limit=0", supervise.Policy{MaxRestarts: -1}},
	{"limit=0/1h10m", supervise.Policy{MaxRestarts: -1, Window: 70 * time.Minute}},
	{"limit=none/10m", supervise.Policy{Window: 10 * time.Minute}},
	{"start=fail", supervise.Policy{FailStart: true}},
	{"start-timeout=10h", supervise.Policy{StartTimeout: 10 * time.Hour}},
	{"start-timeout=none", supervise.Policy{StartTimeout: -1}},
	{"stop-timeout=1.5s", supervise.Policy{StopTimeout: 1500 * time.Millisecond}},
	{"stop-timeout=none", supervise.Policy{StopTimeout: -1}},
	{"panic=crash", supervise.Policy{CrashOnPanic: true}},
	{
		"restart=on-failure,backoff=1ms..2ms,reset=3m,limit=4/5h,start=fail,start-timeout=6s,stop-timeout=7s,panic=crash",
		supervise.Policy{
			Restart: supervise.OnFailure, MinBackoff: time.Millisecond, MaxBackoff: 2 * time.Millisecond,
			ResetAfter: 3 * time.Minute, MaxRestarts: 4, Window: 5 * time.Hour, FailStart: true,
			StartTimeout: 6 * time.Second, StopTimeout: 7 * time.Second, CrashOnPanic: true,
		},
	},
	{
		"backoff=2562047h47m16.854775807s..2562047h47m16.854775807s",
		supervise.Policy{MinBackoff: math.MaxInt64, MaxBackoff: math.MaxInt64},
	},
}

func TestPolicyIsWrittenAsOneWouldWriteIt(t *testing.T) {
	for _, c := range texts {
		if got := c.policy.String(); got != c.text {
			t.Errorf("String of %#v: got %q, want %q", c.policy, got, c.text)
		}
	}
}

func TestPolicyIsReadBackAsItWas(t *testing.T) {
	for _, c := range texts {
		wantPolicy(t, c.text, c.policy)
	}
}

func TestOtherSpellingsOfAPolicyAreUnderstood(t *testing.T) {
	for text, want := range map[string]supervise.Policy{
		" \t":                                  {},
		"restart=always":                       {},
		"start=retry,panic=restart,limit=none": {},
		" restart = never , reset = 1m ":       {Restart: supervise.Never, ResetAfter: time.Minute},
		"reset=60s,restart=never":              {Restart: supervise.Never, ResetAfter: time.Minute},
		"backoff=1s .. 60s,limit=5 / 60s":      {MinBackoff: time.Second, MaxBackoff: time.Minute, MaxRestarts: 5, Window: time.Minute},
		"backoff=0s":                           {MinBackoff: -1},
		"backoff=0":                            {MinBackoff: -1},
		"backoff=0s..1m":                       {MinBackoff: -1, MaxBackoff: time.Minute},
		"reset=0.5s":                           {ResetAfter: 500 * time.Millisecond},
		"reset=1us":                            {ResetAfter: time.Microsecond},
		"limit=05":                             {MaxRestarts: 5},
	} {
		wantPolicy(t, text, want)
	}
}

func wantPolicy(t *testing.T, text string, want supervise.Policy) {
	t.Helper()
	got, err := supervise.ParsePolicy(text)
	if err != nil {
		t.Errorf("ParsePolicy(%q): %v", text, err)
	} else if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ParsePolicy(%q) (-want +got):\n%s", text, diff)
	}
}

const (
	keys         = "keys: restart, backoff, reset, limit, start, start-timeout, stop-timeout, heartbeat, panic"
	wantDuration = "want a duration, as in 100ms or 1m30s"
	wantBackoff  = "want MIN..MAX, MIN, ..MAX, none or none..MAX, with durations as in 100ms or 1m30s"
	wantLimit    = "want N/WINDOW, N, none or none/WINDOW, with a duration as in 1m30s"
)

func TestFaultInAPolicyIsNamedWithItsKeyAndValue(t *testing.T) {
	for text, want := range map[string]string{
		"backof=1s":                         `policy key "backof": unknown; did you mean "backoff"? ` + keys,
		"restrat=never":                     `policy key "restrat": unknown; did you mean "restart"? ` + keys,
		"Limit=5":                           `policy key "Limit": unknown; did you mean "limit"? ` + keys,
		"stop_timeout=1s":                   `policy key "stop_timeout": unknown; did you mean "stop-timeout"? ` + keys,
		"starttimeout=1s":                   `policy key "starttimeout": unknown; did you mean "start-timeout"? ` + keys,
		"colour=red":                        `policy key "colour": unknown; ` + keys,
		"never":                             `policy key "never": unknown; ` + keys,
		"=5":                                `policy key "": unknown; ` + keys,
		"a\nb=1":                            `policy key "a\nb": unknown; ` + keys,
		"restart":                           `policy key "restart": no value; want restart=VALUE: always, on-failure or never`,
		"reset= ":                           `policy key "reset": no value; want reset=VALUE: a duration, as in 100ms or 1m30s`,
		",":                                 `policy: a comma without a setting before or after it`,
		"restart=never, ":                   `policy: a comma without a setting before or after it`,
		"reset=1s,reset=2s":                 `policy key "reset": "2s": given before`,
		"restart=sometimes":                 `policy key "restart": "sometimes": unknown; want always, on-failure or never`,
		"restart=never=":                    `policy key "restart": "never=": unknown; want always, on-failure or never`,
		"start=crash":                       `policy key "start": "crash": unknown; want fail or retry`,
		"panic=fail":                        `policy key "panic": "fail": unknown; want crash or restart`,
		"reset=5":                           `policy key "reset": "5": not a duration; ` + wantDuration,
		"reset=.5s":                         `policy key "reset": ".5s": not a duration; ` + wantDuration,
		"reset=+5s":                         `policy key "reset": "+5s": not a duration; ` + wantDuration,
		"reset=-5s":                         `policy key "reset": "-5s": negative; ` + wantDuration,
		"reset=0s":                          `policy key "reset": "0s": zero; leave it out for the default; ` + wantDuration,
		"reset=none":                        `policy key "reset": "none": not a duration; ` + wantDuration,
		"reset=9999999h":                    `policy key "reset": "9999999h": not a duration; ` + wantDuration,
		"stop-timeout=0":                    `policy key "stop-timeout": "0": zero; leave it out for the default; ` + wantDuration + `, or none`,
		"start-timeout=-1ns":                `policy key "start-timeout": "-1ns": negative; ` + wantDuration + `, or none`,
		"backoff=2s..1s":                    `policy key "backoff": "2s..1s": upside down: MIN is more than MAX; ` + wantBackoff,
		"backoff=1s..":                      `policy key "backoff": "1s..": MAX: not a duration; ` + wantBackoff,
		"backoff=..":                        `policy key "backoff": "..": MAX: not a duration; ` + wantBackoff,
		"backoff=1s...5s":                   `policy key "backoff": "1s...5s": MAX: not a duration; ` + wantBackoff,
		"backoff=1s..none":                  `policy key "backoff": "1s..none": MAX: not a duration; ` + wantBackoff,
		"backoff=1s..0s":                    `policy key "backoff": "1s..0s": MAX: zero; leave it out for the default; ` + wantBackoff,
		"backoff=-1s..2s":                   `policy key "backoff": "-1s..2s": MIN: negative; ` + wantBackoff,
		"backoff=1s..-2s":                   `policy key "backoff": "1s..-2s": MAX: negative; ` + wantBackoff,
		"backoff=5..10s":                    `policy key "backoff": "5..10s": MIN: not a duration; ` + wantBackoff,
		"limit=-1":                          `policy key "limit": "-1": neither none nor a whole number from 0; ` + wantLimit,
		"limit=+1":                          `policy key "limit": "+1": neither none nor a whole number from 0; ` + wantLimit,
		"limit=/1m":                         `policy key "limit": "/1m": neither none nor a whole number from 0; ` + wantLimit,
		"limit=5/":                          `policy key "limit": "5/": WINDOW: not a duration; ` + wantLimit,
		"limit=5/0s":                        `policy key "limit": "5/0s": WINDOW: zero; leave it out for the default; ` + wantLimit,
		"limit=5/-1m":                       `policy key "limit": "5/-1m": WINDOW: negative; ` + wantLimit,
		"limit=5/none":                      `policy key "limit": "5/none": WINDOW: not a duration; ` + wantLimit,
		"limit=99999999999999999999":        `policy key "limit": "99999999999999999999": the number is too large; ` + wantLimit,
		"reset=" + strings.Repeat("x", 100): `policy key "reset": "` + strings.Repeat("x", 40) + `…": not a duration; ` + wantDuration,
	} {
		p, err := supervise.ParsePolicy(text)
		if err == nil || err.Error() != want {
			t.Errorf("ParsePolicy(%q):\n got %v\nwant %s", text, err, want)
		}
		if p != (supervise.Policy{}) {
			t.Errorf("ParsePolicy(%q): got %#v beside an error, want the zero Policy", text, p)
		}
	}
}

func TestUnmarshalSetsOnlyTheKeysNamed(t *testing.T) {
	full := texts[len(texts)-2].policy
	for text, change := range map[string]func(p *supervise.Policy){
		"":                   func(*supervise.Policy) {},
		"restart=always":     func(p *supervise.Policy) { p.Restart = supervise.Always },
		"backoff=1s":         func(p *supervise.Policy) { p.MinBackoff, p.MaxBackoff = time.Second, 0 },
		"backoff=..1s":       func(p *supervise.Policy) { p.MinBackoff, p.MaxBackoff = 0, time.Second },
		"backoff=none":       func(p *supervise.Policy) { p.MinBackoff, p.MaxBackoff = -1, 0 },
		"reset=1s":           func(p *supervise.Policy) { p.ResetAfter = time.Second },
		"limit=none":         func(p *supervise.Policy) { p.MaxRestarts, p.Window = 0, 0 },
		"limit=0":            func(p *supervise.Policy) { p.MaxRestarts, p.Window = -1, 0 },
		"start=retry":        func(p *supervise.Policy) { p.FailStart = false },
		"start-timeout=none": func(p *supervise.Policy) { p.StartTimeout = -1 },
		"stop-timeout=1s":    func(p *supervise.Policy) { p.StopTimeout = time.Second },
		"panic=restart":      func(p *supervise.Policy) { p.CrashOnPanic = false },
	} {
		want, got := full, full
		change(&want)
		if err := got.UnmarshalText([]byte(text)); err != nil {
			t.Errorf("UnmarshalText(%q): %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("UnmarshalText(%q) (-want +got):\n%s", text, diff)
		}
	}
}

func TestUnmarshalLeavesThePolicyAsItWasAfterAnError(t *testing.T) {
	want := texts[len(texts)-2].policy
	for _, text := range []string{"restart=never,bogus=1", "limit=1/1s,limit=2", "backoff=none,reset=0", "stop-timeout=1s,"} {
		got := want
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("UnmarshalText(%q): got nil, want an error", text)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("UnmarshalText(%q) (-before +after):\n%s", text, diff)
		}
	}
}

func TestPolicyIsATextInJSONAndAFlag(t *testing.T) {
	want := supervise.Policy{Restart: supervise.Never, MaxRestarts: 5}
	const text = `"restart=never,limit=5"`
	out, err := json.Marshal(want)
	if err != nil || string(out) != text {
		t.Errorf("json.Marshal: got %s, %v; want %s", out, err, text)
	}
	var got supervise.Policy
	if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
		t.Errorf("json.Unmarshal: got %q, %v; want %q", got, err, want)
	}
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	flags.TextVar(&got, "policy", supervise.Policy{}, "")
	if err := flags.Parse([]string{"-policy=restart=never", "-policy=limit=5"}); err != nil || got != want {
		t.Errorf("flag: got %q, %v; want %q", got, err, want)
	}
}

func TestIllegalPolicyHasATextThatIsRefused(t *testing.T) {
	for want, p := range map[string]supervise.Policy{
		"restart=restart(3)":  {Restart: 3},
		"restart=restart(-1)": {Restart: -1},
		"backoff=..none":      {MaxBackoff: -1},
		"backoff=2s..1s":      {MinBackoff: 2 * time.Second, MaxBackoff: time.Second},
		"reset=none":          {ResetAfter: -1},
		"limit=5/none":        {MaxRestarts: 5, Window: -1},
	} {
		if got := p.String(); got != want {
			t.Errorf("String of %#v: got %q, want %q", p, got, want)
		}
		if got, err := supervise.ParsePolicy(want); err == nil {
			t.Errorf("ParsePolicy(%q): got %#v, want an error", want, got)
		}
	}
}

func TestRestartHasItsNameInTheText(t *testing.T) {
	for r, want := range map[supervise.Restart]string{
		supervise.Always: "always", supervise.OnFailure: "on-failure", supervise.Never: "never", 7: "restart(7)",
	} {
		if got := r.String(); got != want {
			t.Errorf("String of %d: got %q, want %q", int(r), got, want)
		}
	}
}

func ExampleParsePolicy() {
	p, err := supervise.ParsePolicy("restart=on-failure, backoff=200ms..60s, limit=5/10m")
	fmt.Println(p.Restart, p.MinBackoff, p.MaxBackoff, p.MaxRestarts, p.Window, err)
	fmt.Println(p)

	_, err = supervise.ParsePolicy("backof=200ms")
	fmt.Println(err)
	// Output:
	// on-failure 200ms 1m0s 5 10m0s <nil>
	// restart=on-failure,backoff=200ms..1m,limit=5/10m
	// policy key "backof": unknown; did you mean "backoff"? keys: restart, backoff, reset, limit, start, start-timeout, stop-timeout, heartbeat, panic
}
