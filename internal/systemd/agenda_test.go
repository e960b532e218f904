package systemd

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// seen is what an agenda has due for a while, with when, while something happens now and then.
func seen(watchdog, happens, until time.Duration) (got []string) {
	begin := time.Now()
	a := newAgenda(watchdog)
	defer a.timer.Stop()
	events := time.NewTicker(happens)
	defer events.Stop()
	for {
		select {
		case now := <-a.timer.C:
			settle, ping, look := a.due(now)
			for what, due := range map[string]bool{"settle": settle, "ping": ping, "look": look} {
				if due {
					got = append(got, fmt.Sprint(what, " ", now.Sub(begin)))
				}
			}
		case <-events.C:
			a.settleWithin(gap)
		}
		if time.Since(begin) >= until {
			return got
		}
	}
}

func TestALookIsNotPutOffByWhatGoesOnHappening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		want := []string{"settle 0s", "settle 85ms", "settle 155ms"}
		if diff := cmp.Diff(want, seen(0, 35*time.Millisecond, 200*time.Millisecond)); diff != "" {
			t.Errorf("due (-want +got):\n%s", diff)
		}
	})
}

func TestPingsAndLooksComeInTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		want := []string{"settle 0s", "ping 700ms", "look 1s", "ping 1.4s", "look 2s", "ping 2.1s"}
		if diff := cmp.Diff(want, seen(700*time.Millisecond, time.Hour, 2100*time.Millisecond)); diff != "" {
			t.Errorf("due (-want +got):\n%s", diff)
		}
	})
}
