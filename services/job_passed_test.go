package services_test

import (
	"math"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

// What is made up for is the latest times, however unevenly they lie.
func TestMakesUpForAsManyAsMaxMissed(t *testing.T) {
	monday := time.Date(2026, 1, 5, 8, 59, 0, 0, time.UTC)
	day := 24 * time.Hour
	for _, c := range []struct {
		schedule services.Schedule
		down     time.Duration
		most     int
		first    time.Time // that is made up for
		madeUp   int
	}{
		{services.MustCron("*/5 9-17 * * MON-FRI", time.UTC), 3*day + 59*time.Minute, 10, time.Date(2026, 1, 2, 17, 10, 0, 0, time.UTC), 10},
		{services.MustCron("*/5 9-17 * * MON-FRI", time.UTC), 3*day + 59*time.Minute, 1, time.Date(2026, 1, 2, 17, 55, 0, 0, time.UTC), 1},
		{services.MustCron("*/5 9-17 * * MON-FRI", time.UTC), 3*day + 59*time.Minute, math.MaxInt, time.Date(2026, 1, 2, 9, 0, 0, 0, time.UTC), 108},
		{services.MustCron("* * * 12 *", time.UTC), 400 * day, 10, time.Date(2025, 12, 31, 23, 50, 0, 0, time.UTC), 10},
		{services.MustCron("* * * * * *", time.UTC), 400 * day, 3, monday.Add(-3 * time.Second), 4},
		{services.MustCron("@yearly", time.UTC), 800 * day, 10, time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), 3},
		{services.AtOnce(services.EveryFrom(monday.Add(-401*day-time.Second), time.Minute)), 400 * day, 3, monday.Add(-3*time.Minute - time.Second), 4},
		{services.EveryFrom(monday.Add(-10*time.Hour-2*time.Minute), time.Hour), 5*time.Hour - 2*time.Minute, math.MaxInt, monday.Add(-4*time.Hour - 2*time.Minute), 5},
	} {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(monday))
			file := filepath.Join(t.TempDir(), "state")
			writeState(t, file, monday.Add(-c.down))
			job := &services.Job{Schedule: c.schedule, Missed: services.MissedAll, MaxMissed: c.most, StateFile: file, Do: newJournal().doing(0), Log: quietLog()}
			tr := serve(t, supervise.Child{Name: "job", Service: job})
			synctest.Wait()
			got := detail(job)
			tr.stop()
			if len(got.Last) == 0 || got.Counts.MadeUp != c.madeUp {
				t.Fatalf("%s, at most %d: got %+v, want %d made up for", c.schedule, c.most, got.Counts, c.madeUp)
			}
			if first := got.Last[len(got.Last)-1].Scheduled; len(got.Last) < 50 && !first.Equal(c.first) {
				t.Errorf("%s, at most %d: first made up for %s, want %s", c.schedule, c.most, first, c.first)
			}
		})
	}
}
