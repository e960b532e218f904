package supervise

import (
	"math"
	"testing"
	"time"
)

func TestDelayIsTheFormulaForAnyNumberAndAnyDuration(t *testing.T) {
	for _, c := range []struct {
		least, most time.Duration
		n           int
		random      float64
		want        time.Duration
	}{
		{100, 1000, 0, 0, 100},
		{100, 1000, 3, 0, 800},
		{100, 1000, 4, 0, 1000},
		{100, 1000, math.MaxInt, 0.5, 1250},
		{100, 1000, 0, 0.5, 125},
		{1000, 1000, 7, 0, 1000},
		{none, 1000, 7, 0.9, 0},
		{1, math.MaxInt64, 62, 0, 1 << 62},
		{1, math.MaxInt64, 63, 0.99, math.MaxInt64},
		{math.MaxInt64, math.MaxInt64, 5, 0.99, math.MaxInt64},
	} {
		p := Policy{MinBackoff: c.least, MaxBackoff: c.most}
		if got := p.delay(c.n, c.random); got != c.want {
			t.Errorf("delay(%d, %v) of %d..%d = %d, want %d", c.n, c.random, c.least, c.most, got, c.want)
		}
	}
}

func TestDefaultsAreIdempotentAndFollowEachOther(t *testing.T) {
	for _, p := range []Policy{{}, {MinBackoff: time.Minute}, {MinBackoff: -7, MaxRestarts: -3, StopTimeout: -2}, {MaxBackoff: time.Hour}} {
		for _, patient := range []bool{false, true} {
			got := p.withDefaults(patient)
			if again := got.withDefaults(patient); again != got {
				t.Errorf("defaults of %+v: %+v, and again %+v", p, got, again)
			}
			if got.MaxBackoff < got.MinBackoff || got.ResetAfter < got.MaxBackoff {
				t.Errorf("defaults of %+v contradict each other: %+v", p, got)
			}
		}
	}
}
