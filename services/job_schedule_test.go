package services_test

import (
	"testing"
	"testing/synctest"
	"time"

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
