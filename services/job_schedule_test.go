package services_test

import (
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

func TestAtOnceRunsWhenTheJobBeginsAndNotAgainAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJournal()
		job := &services.Job{Schedule: services.AtOnce(services.Every(time.Minute)), Do: j.doing(0)}
		tr := serve(t, supervise.Child{Name: "job", Service: job})
		time.Sleep(30 * time.Second)
		if err := tr.Restart(t.Context(), "test/job"); err != nil {
			t.Error(err)
		}
		time.Sleep(40 * time.Second)
		j.want(t, "0", inUnits("60"))
		tr.stop()
	})
}

func TestManyMissedTimesAreMadeUpForUpToTheCap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJournal()
		job := &services.Job{Schedule: services.Every(time.Second), Do: j.doing(0), Missed: services.MissedAll, MaxMissed: 3, Log: quietLog()}
		tr := serve(t, supervise.Child{Name: "job", Service: job})
		time.Sleep(1500 * time.Millisecond)
		if err := tr.Stop(t.Context(), "test/job"); err != nil {
			t.Error(err)
		}
		time.Sleep(72 * time.Hour) // some 260,000 times
		if err := tr.Start(t.Context(), "test/job"); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		// Three that were missed, and the one that is due.
		j.want(t, "1", "72h0m1.5 for 71h59m58", "72h0m1.5 for 71h59m59", "72h0m1.5 for 72h0m0", "72h0m1.5 for 72h0m1")
		tr.stop()
	})
}

// set is the moment t on a clock that was set by d since then: only its reading by the clock on the wall is another.
func set(t time.Time, d time.Duration) time.Time {
	const seconds = 1 << 30 // of its first word
	*(*uint64)(unsafe.Pointer(&t)) += uint64(int64(d/time.Second) * seconds)
	return t
}

func TestClockThatIsSetDoesNotMixUpJobs(t *testing.T) {
	base := time.Now()
	elapsed := base.Add(50 * time.Minute)          // as Every has it
	planned := base.Add(55 * time.Minute).Round(0) // as Cron does
	for name, c := range map[string]struct {
		after, set time.Duration
		want       int
	}{
		"nothing is due":                   {30 * time.Minute, 0, -1},
		"elapsed time":                     {51 * time.Minute, 0, 0},
		"put forward, so planned is first": {time.Minute, time.Hour, 1},
		"put back, so planned is later":    {56 * time.Minute, -time.Hour, 0},
	} {
		now := set(base.Add(c.after), c.set)
		if got := services.HeapDue(base, now, elapsed, planned); got != c.want {
			t.Errorf("%s: due is %d, want %d", name, got, c.want)
		}
	}
	if got := services.HeapDue(base, set(base.Add(40*time.Minute), -time.Hour), planned); got != -1 {
		t.Error("put back: a time that the clock does not show yet is due")
	}
}
