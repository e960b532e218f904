package dashboard_test

import (
	"testing"
	"time"

	"tend.example/tend/services/admin/dashboard"
)

// The first two are also held against assets/clock.js, by browser/clock_test.go.
func TestTimesAreWrittenShort(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		write func(time.Duration) string
		d     time.Duration
		want  string
	}{
		{dashboard.Span, -time.Second, "0 s"},
		{dashboard.Span, 59*time.Second + 999*time.Millisecond, "59 s"},
		{dashboard.Span, 60 * time.Second, "1 min"},
		{dashboard.Span, 59 * time.Minute, "59 min"},
		{dashboard.Span, 3*time.Hour + 5*time.Minute, "3 h 05 min"},
		{dashboard.Span, 2*day + 5*time.Hour, "2 d 5 h"},
		{dashboard.Span, 400 * day, "400 d"},
		{dashboard.Countdown, -time.Second, "now"},
		{dashboard.Countdown, 0, "now"},
		{dashboard.Countdown, 2340 * time.Millisecond, "in 2.3 s"},
		{dashboard.Countdown, 9*time.Second + 900*time.Millisecond, "in 9.9 s"},
		{dashboard.Countdown, 10*time.Second + 600*time.Millisecond, "in 11 s"},
		{dashboard.Countdown, 90 * time.Minute, "in 1 h 30 min"},
		{dashboard.Took, -1, "0 s"},
		{dashboard.Took, 900, "900 ns"},
		{dashboard.Took, 12345, "12.3 µs"},
		{dashboard.Took, 1234567, "1.23 ms"},
		{dashboard.Took, 999950 * time.Microsecond, "1000 ms"},
		{dashboard.Took, 123 * time.Second, "2 min 3 s"},
		{dashboard.Took, 5 * time.Hour, "5 h 00 min"},
	} {
		if got := c.write(c.d); got != c.want {
			t.Errorf("%s: got %q, want %q", c.d, got, c.want)
		}
	}
}

func TestThousandsAreParted(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -4321: "-4,321", -321: "-321"} {
		if got := dashboard.Number(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}

func TestWhatWouldNotBeSeenIs(t *testing.T) {
	for text, want := range map[string]string{
		"":                         "",
		"plain, äöü 世界 🙂":          "plain, äöü 世界 🙂",
		"a\nb\tc\r":                `a\nb\tc\r`,
		"\x1b[31m\x00\x7f":         `\x1b[31m\x00\x7f`,
		"\u202egnp.exe\u200b":      `\u202egnp.exe\u200b`,
		"\u2028\u2029\ufeff\ue000": `\u2028\u2029\ufeff\ue000`,
		"bad \xff\xfe utf-8":       `bad \xff\xfe utf-8`,
		"\ufffd is itself":         "\ufffd is itself",
		`a \ and a "`:              `a \ and a "`,
		"\U000e0041":               `\U000e0041`,
	} {
		if got := dashboard.Plain(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
