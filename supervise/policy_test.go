package supervise

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// everyPolicy is every legal combination of edge values.
func everyPolicy(yield func(Policy)) {
	const huge = time.Duration(math.MaxInt64)
	for _, low := range []time.Duration{-huge, -1, 0, 1, time.Second, time.Hour, huge} {
		for _, high := range []time.Duration{0, 1, time.Second, time.Minute, huge} {
			for _, other := range []time.Duration{0, 1, time.Minute, huge} {
				for _, timeout := range []time.Duration{-huge, -1, 0, 1, huge} {
					for _, restarts := range []int{math.MinInt, -1, 0, 5} {
						p := Policy{
							MinBackoff: low, MaxBackoff: high, ResetAfter: other, Window: other,
							StartTimeout: timeout, StopTimeout: timeout, MaxRestarts: restarts,
						}
						if p.check() == nil {
							yield(p)
						}
					}
				}
			}
		}
	}
}

func TestDefaultsAreTheDocumentedOnes(t *testing.T) {
	const s, m = time.Second, time.Minute
	zero := Policy{
		MinBackoff: 100 * time.Millisecond, MaxBackoff: 30 * s, ResetAfter: 30 * s, Window: m,
		StartTimeout: 30 * s, StopTimeout: 10 * s,
	}
	with := func(change func(p *Policy)) Policy {
		p := zero
		change(&p)
		return p
	}
	set := Policy{
		Restart: OnFailure, MinBackoff: 1, MaxBackoff: 2, ResetAfter: 3, MaxRestarts: 4, Window: 5,
		FailStart: true, StartTimeout: 6, StopTimeout: 7, CrashOnPanic: true,
	}
	for name, c := range map[string]struct {
		patient  bool
		in, want Policy
	}{
		"zero":              {in: Policy{}, want: zero},
		"patient":           {true, Policy{}, with(func(p *Policy) { p.StartTimeout, p.StopTimeout = -1, -1 })},
		"patient with some": {true, Policy{StartTimeout: s, StopTimeout: m}, with(func(p *Policy) { p.StartTimeout, p.StopTimeout = s, m })},
		"all set":           {in: set, want: set},
		"all set, patient":  {true, set, set},
		"long MinBackoff":   {in: Policy{MinBackoff: m}, want: with(func(p *Policy) { p.MinBackoff, p.MaxBackoff, p.ResetAfter = m, m, m })},
		"short MaxBackoff":  {in: Policy{MaxBackoff: s}, want: with(func(p *Policy) { p.MaxBackoff, p.ResetAfter = s, 10*s })},
		"tiny MaxBackoff":   {in: Policy{MaxBackoff: 1}, want: with(func(p *Policy) { p.MinBackoff, p.MaxBackoff, p.ResetAfter = 1, 1, 10*s })},
		"negatives": {
			in:   Policy{MinBackoff: -5, MaxRestarts: -5, StartTimeout: -5, StopTimeout: -5},
			want: with(func(p *Policy) { p.MinBackoff, p.MaxRestarts, p.StartTimeout, p.StopTimeout = -1, -1, -1, -1 }),
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, c.in.withDefaults(c.patient)); diff != "" {
				t.Errorf("with defaults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFillingInDefaultsTwiceChangesNothing(t *testing.T) {
	everyPolicy(func(p Policy) {
		for _, patient := range []bool{false, true} {
			once := p.withDefaults(patient)
			if twice := once.withDefaults(patient); twice != once {
				t.Fatalf("%#v, patient %t: once %#v, twice %#v", p, patient, once, twice)
			}
		}
	})
}

func TestDefaultsOfALegalPolicyAreLegalAndHaveAText(t *testing.T) {
	everyPolicy(func(p Policy) {
		full := p.withDefaults(false)
		if err := full.check(); err != nil {
			t.Fatalf("check of %#v: got %v, want nil", full, err)
		}
		if got, err := ParsePolicy(full.String()); err != nil || got != full {
			t.Fatalf("ParsePolicy(%q): got %#v, %v; want %#v", full, got, err, full)
		}
	})
}

func TestDelayDoublesUpToMaxBackoffAndNeverOverflows(t *testing.T) {
	const huge = time.Duration(math.MaxInt64)
	for _, c := range []struct {
		min, max time.Duration
		n        int
		want     time.Duration // without the random part
	}{
		{100, 1000, 0, 100},
		{100, 1000, 1, 200},
		{100, 1000, 3, 800},
		{100, 1000, 4, 1000},
		{100, 1000, math.MaxInt, 1000},
		{100, 1000, -1, 100},
		{100, 800, 3, 800},
		{100, 799, 3, 799},
		{500, 500, 0, 500},
		{1, huge, 61, 1 << 61},
		{1, huge, 62, 1 << 62},
		{1, huge, 63, huge},
		{1, huge, 64, huge},
		{3, huge, 62, huge},
		{huge, huge, 0, huge},
		{huge, huge, 1, huge},
		{huge, huge, math.MaxInt, huge},
		{-1, 1000, 0, 0},
		{-1, 1000, math.MaxInt, 0},
		{-1, huge, 1, 0},
	} {
		p := Policy{MinBackoff: c.min, MaxBackoff: c.max}
		if got := p.delay(c.n, 0); got != c.want {
			t.Errorf("delay %d of %q: got %d, want %d", c.n, p, got, c.want)
		}
	}
}

func TestDelayGetsUpToHalfOfItselfMoreAtRandom(t *testing.T) {
	p := Policy{MinBackoff: 100, MaxBackoff: 1000}
	almostOne := math.Nextafter(1, 0)
	for _, c := range []struct {
		n      int
		random float64
		want   time.Duration
	}{
		{0, 0, 100},
		{0, 0.5, 125},
		{0, almostOne, 149},
		{2, 0.5, 500},
		{9, 0.5, 1250},
		{9, almostOne, 1499},
	} {
		if got := p.delay(c.n, c.random); got != c.want {
			t.Errorf("delay %d with random %g: got %d, want %d", c.n, c.random, got, c.want)
		}
	}
}

func TestDelayIsWithinItsBoundsForEveryPolicy(t *testing.T) {
	everyPolicy(func(p Policy) {
		full := p.withDefaults(false)
		for _, n := range []int{0, 1, 30, 62, 63, 64, math.MaxInt} {
			base := full.delay(n, 0)
			if most := max(full.MinBackoff, 0); base < most && full.MinBackoff > 0 || base > full.MaxBackoff {
				t.Fatalf("delay %d of %q: got %s, out of bounds", n, full, base)
			}
			for _, random := range []float64{0.3, math.Nextafter(1, 0)} {
				// rounding of float64 is allowed for: a microsecond in 146 years
				if got := full.delay(n, random); got < base || got-base > base/2+time.Microsecond {
					t.Fatalf("delay %d of %q with random %g: got %s, want %s and up to half of it", n, full, random, got, base)
				}
			}
		}
	})
}

func TestCheckRefusesWhatHasNoMeaningAndNamesTheField(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		policy Policy
		want   string // "": legal
	}{
		{Policy{}, ""},
		{Policy{Restart: Never}, ""},
		{Policy{MinBackoff: -s, MaxRestarts: -5, StartTimeout: -s, StopTimeout: -s}, ""},
		{Policy{MinBackoff: s, MaxBackoff: s}, ""},
		{Policy{MinBackoff: time.Hour}, ""},
		{Policy{MaxBackoff: 1}, ""},
		{Policy{MinBackoff: -s, MaxBackoff: s}, ""},
		{Policy{Restart: 3}, "Restart: unknown: 3"},
		{Policy{Restart: -1}, "Restart: unknown: -1"},
		{Policy{MinBackoff: 2 * s, MaxBackoff: s}, "MinBackoff: 2s is more than MaxBackoff, 1s"},
		{Policy{MaxBackoff: -s}, "MaxBackoff: negative: -1s"},
		{Policy{MinBackoff: s, MaxBackoff: -s}, "MaxBackoff: negative: -1s"},
		{Policy{ResetAfter: -s}, "ResetAfter: negative: -1s"},
		{Policy{Window: -s}, "Window: negative: -1s"},
	} {
		got := ""
		if err := c.policy.check(); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("check of %#v: got %q, want %q", c.policy, got, c.want)
		}
	}
}

func FuzzParsePolicy(f *testing.F) {
	for _, text := range []string{
		"", "restart=on-failure,backoff=1ms..2ms,reset=3m,limit=4/5h,start=fail,start-timeout=6s,stop-timeout=7s,panic=crash",
		"backoff=none..1m30s,limit=0/1h10m", "backoff=..1ns,limit=none/10m,start-timeout=none,stop-timeout=none",
		" restart = never ,", "backof=1s", "backoff=1s...5s", "backoff=0..0", "limit=none/0", "limit=-1/-1s", "reset=1e9s",
		"reset=0.0000000001s", "reset=-0s", "panic=\x00\xff", strings.Repeat("restart,", 1000), strings.Repeat("🌲", 100) + "=1",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePolicy(text)
		if err != nil {
			if s := err.Error(); len(s) > 400 || strings.ContainsAny(s, "\n\r") {
				t.Errorf("error: got %d bytes, want one line of up to 400: %q", len(s), s)
			}
			return
		}
		s := p.String()
		if len(s) > 300 {
			t.Errorf("String: got %d bytes, want up to 300: %q", len(s), s)
		}
		if again, err := ParsePolicy(s); err != nil || again != p {
			t.Errorf("%q, read as %#v, written as %q, read again: got %#v, %v", text, p, s, again, err)
		}
		if err := p.check(); err != nil {
			t.Errorf("%q is read, and refused as a policy: %v", text, err)
		}
	})
}
