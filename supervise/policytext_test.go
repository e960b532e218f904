package supervise_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tend.example/tend/supervise"
)

func TestPolicyTextIsReadAndWritten(t *testing.T) {
	for text, want := range map[string]supervise.Policy{
		"":                                 {},
		"restart=on-failure":               {Restart: supervise.OnFailure},
		"restart=never":                    {Restart: supervise.Never},
		"backoff=100ms..30s":               {MinBackoff: 100 * time.Millisecond, MaxBackoff: 30 * time.Second},
		"backoff=2s":                       {MinBackoff: 2 * time.Second},
		"backoff=..1h":                     {MaxBackoff: time.Hour},
		"backoff=none":                     {MinBackoff: -1},
		"backoff=none..1m":                 {MinBackoff: -1, MaxBackoff: time.Minute},
		"reset=1h30m":                      {ResetAfter: 90 * time.Minute},
		"limit=5/1m":                       {MaxRestarts: 5, Window: time.Minute},
		"limit=5":                          {MaxRestarts: 5},
		"limit=0/1m":                       {MaxRestarts: -1, Window: time.Minute},
		"limit=0":                          {MaxRestarts: -1},
		"limit=none/2m":                    {Window: 2 * time.Minute},
		"start=fail":                       {FailStart: true},
		"start-timeout=none":               {StartTimeout: -1},
		"start-timeout=5s":                 {StartTimeout: 5 * time.Second},
		"stop-timeout=none":                {StopTimeout: -1},
		"stop-timeout=1m30s":               {StopTimeout: 90 * time.Second},
		"panic=crash":                      {CrashOnPanic: true},
		"restart=never,limit=1/10s":        {Restart: supervise.Never, MaxRestarts: 1, Window: 10 * time.Second},
		"backoff=1s..2s,stop-timeout=20ms": {MinBackoff: time.Second, MaxBackoff: 2 * time.Second, StopTimeout: 20 * time.Millisecond},
	} {
		got, err := supervise.ParsePolicy(text)
		if err != nil {
			t.Errorf("ParsePolicy(%q): %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("ParsePolicy(%q) (-want +got):\n%s", text, diff)
		}
		if got.String() != text {
			t.Errorf("ParsePolicy(%q).String() = %q", text, got.String())
		}
	}
}

func TestPolicyTextHasMoreThanOneForm(t *testing.T) {
	for text, want := range map[string]string{
		" restart = never , start=fail ": "restart=never,start=fail",
		"restart=always":                 "",
		"backoff=0s":                     "backoff=none",
		"limit=none":                     "",
		"start=retry,panic=restart":      "",
		"start=fail,restart=never":       "restart=never,start=fail",
		"reset=60m":                      "reset=1h",
	} {
		got, err := supervise.ParsePolicy(text)
		if err != nil || got.String() != want {
			t.Errorf("ParsePolicy(%q) = %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestPolicyTextErrorsNameKeyAndValue(t *testing.T) {
	for text, want := range map[string]string{
		"backof=1s":           `policy key "backof": unknown; the keys are restart, backoff, reset, limit, start, start-timeout, stop-timeout, panic`,
		"restart":             `policy "restart": not of the form key=value`,
		"restart=maybe":       `policy key "restart": value "maybe": want always, on-failure or never`,
		"restart=never,":      `policy "": not of the form key=value`,
		"reset=1s,reset=2s":   `policy key "reset": given twice`,
		"reset=0s":            `policy key "reset": value "0s": "0s" is zero`,
		"reset=-1s":           `policy key "reset": value "-1s": "-1s" is negative`,
		"stop-timeout=0s":     `policy key "stop-timeout": value "0s": zero would be no time at all; say "none" for no bound`,
		"stop-timeout=10":     `policy key "stop-timeout": value "10": "10" is no duration; want one like 500ms, 10s or 1m`,
		"backoff=2s..1s":      `policy key "backoff": 2s is more than 1s`,
		"backoff=":            `policy key "backoff": value "": want MIN..MAX, MIN, ..MAX or none: "" is no duration; want one like 500ms, 10s or 1m`,
		"backoff=1s..":        `policy key "backoff": value "1s..": want MIN..MAX, MIN, ..MAX or none: "" is no duration; want one like 500ms, 10s or 1m`,
		"limit=many":          `policy key "limit": value "many": want N/WINDOW, N or none, as in 5/1m`,
		"limit=-1/1m":         `policy key "limit": value "-1/1m": want N/WINDOW, N or none, as in 5/1m`,
		"limit=5/0s":          `policy key "limit": value "5/0s": "0s" is zero`,
		"start=now":           `policy key "start": value "now": want retry or fail`,
		"panic=crash,panic=x": `policy key "panic": given twice`,
	} {
		_, err := supervise.ParsePolicy(text)
		if err == nil || err.Error() != want {
			t.Errorf("ParsePolicy(%q):\n got %v\nwant %s", text, err, want)
		}
	}
}

func TestPolicyTextsAreLaidOneOverAnother(t *testing.T) {
	p, err := supervise.ParsePolicy("backoff=1s..10s,limit=5/1m")
	if err != nil {
		t.Fatal(err)
	}
	if err := p.UnmarshalText([]byte("limit=none,restart=never")); err != nil {
		t.Fatal(err)
	}
	if got, want := p.String(), "restart=never,backoff=1s..10s"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	before := p
	if err := p.UnmarshalText([]byte("restart=always,limit=x")); err == nil || p != before {
		t.Errorf("a faulty text: %v, and the policy is %q, want it left at %q", err, p, before)
	}
}

func FuzzParsePolicy(f *testing.F) {
	for _, seed := range []string{
		"", "restart=on-failure,backoff=100ms..30s,limit=5/1m,start=fail", "limit=0/1m", "backoff=none..1h",
		"start-timeout=none,stop-timeout=1h0m1s,panic=crash", "reset=9223372036854775807ns", "=,=", "limit=none/3s",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := supervise.ParsePolicy(text)
		if err != nil {
			if strings.ContainsRune(err.Error(), '\n') {
				t.Errorf("ParsePolicy(%q): error of more than one line: %v", text, err)
			}
			return
		}
		again, err := supervise.ParsePolicy(p.String())
		if err != nil || again != p {
			t.Errorf("ParsePolicy(%q) = %+v, written %q, read again %+v, %v", text, p, p.String(), again, err)
		}
	})
}
