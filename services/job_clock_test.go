package services_test

import (
	"context"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

func TestClockThatIsSetBackByMoreThanAMinuteIsNoticedOnce(t *testing.T) {
	base := time.Now()
	var moments []time.Time
	for i, step := range []time.Duration{0, -time.Minute, -time.Minute, -62 * time.Second, -62 * time.Second, time.Hour, time.Hour - time.Minute, time.Hour - 2*time.Minute, 0} {
		moments = append(moments, set(base.Add(time.Duration(i)*time.Second), step))
	}
	want := []bool{false, false, false, true, false, false, false, true, true}
	if diff := cmp.Diff(want, services.HeapSetsBack(base, moments...)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The state file of a job has a time that is yet to come after the clock was set back.
func TestJobIsNotSilentWhenTheClockWasSetBack(t *testing.T) {
	const ten, eleven, noon = "10:00", "11:00", "12:00"
	for name, c := range map[string]struct {
		schedule services.Schedule
		ahead    time.Duration // of the last time, at 9:30
		want     []string      // until one
		told     int
	}{
		"elapsed time":                          {services.EveryFrom(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Hour), 2 * time.Hour, []string{ten, eleven, noon}, 1},
		"elapsed time, since the job began":     {services.Every(90 * time.Minute), 2 * time.Hour, []string{eleven, "12:30"}, 1},
		"every hour":                            {services.MustCron("0 * * * *", time.UTC), 2 * time.Hour, []string{ten, eleven, noon}, 1},
		"every hour, and once at the beginning": {services.AtOnce(services.MustCron("0 * * * *", time.UTC)), 2 * time.Hour, []string{ten, eleven, noon}, 1},
		"a minute is waited for":                {services.EveryFrom(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 30*time.Minute), time.Minute, []string{ten, "10:30", eleven, "11:30", noon, "12:30"}, 0},
		"hours that come twice":                 {services.MustCron("0 9-17 * * *", time.UTC), 90 * time.Minute, []string{noon}, 0},
		"a clock that was wrong":                {services.MustCron("0 9-17 * * *", time.UTC), 4 * time.Hour, []string{ten, eleven, noon}, 1},
		"a clock that was wrong for years":      {services.MustCron("0 9-17 * * *", time.UTC), 40000 * time.Hour, []string{ten, eleven, noon}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				morning := time.Date(2026, 1, 5, 9, 30, 0, 0, time.UTC)
				time.Sleep(time.Until(morning))
				var log records
				var got []string
				file := filepath.Join(t.TempDir(), "state")
				writeState(t, file, morning.Add(c.ahead))
				job := &services.Job{Schedule: c.schedule, StateFile: file, Log: log.logger(), Missed: services.MissedAll}
				job.Do = func(context.Context) error { got = append(got, time.Now().UTC().Format("15:04")); return nil }
				tr := serve(t, supervise.Child{Name: "job", Service: job})
				time.Sleep(3*time.Hour + 29*time.Minute)
				tr.stop()
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("runs at (-want +got):\n%s", diff)
				}
				if told := log.count("job planned anew, as the clock was set back") + log.count("read the state file"); told != c.told {
					t.Errorf("log: got %s", log.String())
				}
			})
		})
	}
}
