package services_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

var errBoom = errors.New("boom")

// clock notes when a job runs, in seconds since it was made.
type clock struct {
	start time.Time
	runs  []float64
}

func newClock() *clock       { return &clock{start: time.Now()} }
func (c *clock) note()       { c.runs = append(c.runs, time.Since(c.start).Seconds()) }
func (c *clock) at() float64 { return time.Since(c.start).Seconds() }

func TestEveryRunsAtItsTimesWithoutDrift(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClock()
		ctx, cancel := context.WithTimeout(t.Context(), 4500*time.Millisecond)
		defer cancel()
		err := (&services.Job{Schedule: services.Every(time.Second), Do: func(context.Context) error {
			c.note()
			time.Sleep(300 * time.Millisecond)
			return nil
		}}).Serve(ctx)
		if err != nil {
			t.Errorf("Serve: got %v, want nil", err)
		}
		if diff := cmp.Diff([]float64{1, 2, 3, 4}, c.runs); diff != "" {
			t.Errorf("runs at (-want +got):\n%s", diff)
		}
	})
}

func TestTimesThatPassDuringARunAreLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClock()
		ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
		defer cancel()
		busy := 0
		(&services.Job{Schedule: services.Every(time.Second), Do: func(context.Context) error {
			if busy++; busy > 1 {
				t.Error("two runs at a time")
			}
			c.note()
			time.Sleep(2500 * time.Millisecond)
			busy--
			return nil
		}}).Serve(ctx)
		if diff := cmp.Diff([]float64{1, 4, 7}, c.runs); diff != "" {
			t.Errorf("runs at (-want +got):\n%s", diff)
		}
	})
}

func TestErrorOfAJobIsAFailedRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := serve(t, supervise.Child{
			Name:   "job",
			Policy: supervise.Policy{Restart: supervise.Never},
			Service: &services.Job{Schedule: services.Every(time.Second), Do: func(context.Context) error {
				return errBoom
			}},
		})
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := tr.child(); got.State != supervise.Failed || !errors.Is(got.Err, errBoom) {
			t.Errorf("child: got %s (%v), want failed (boom)", got.State, got.Err)
		}
		tr.stop()
	})
}

func TestPanicOfAJobIsAFailedRunAndTheScheduleGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClock()
		tr := serve(t, supervise.Child{
			Name:   "job",
			Policy: supervise.Policy{MinBackoff: -1},
			Service: &services.Job{Schedule: services.Every(time.Second), Do: func(context.Context) error {
				c.note()
				if len(c.runs) == 1 {
					time.Sleep(500 * time.Millisecond)
					panic("boom")
				}
				return nil
			}},
		})
		time.Sleep(4500 * time.Millisecond)
		tr.stop()
		if diff := cmp.Diff([]float64{1, 2, 3, 4}, c.runs); diff != "" {
			t.Errorf("runs at (-want +got):\n%s", diff)
		}
	})
}

func TestHeartbeatFindsADoThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClock()
		tr := serve(t, supervise.Child{
			Name:   "job",
			Policy: supervise.Policy{MinBackoff: -1, Heartbeat: 3 * time.Second},
			Service: &services.Job{Schedule: services.Every(2 * time.Second), Do: func(ctx context.Context) error {
				c.note()
				if len(c.runs) == 3 {
					<-ctx.Done()
				}
				return nil
			}},
		})
		time.Sleep(11 * time.Second)
		synctest.Wait()
		got := tr.child()
		tr.stop()
		if diff := cmp.Diff([]float64{2, 4, 6, 10}, c.runs); diff != "" {
			t.Errorf("runs at (-want +got):\n%s", diff)
		}
		if got.Run != 2 || !errors.Is(got.Err, supervise.ErrHung) {
			t.Errorf("child: got run %d (%v), want run 2 (hung)", got.Run, got.Err)
		}
	})
}

func TestRunUnderWayIsFinishedWithinStopContextAndNoOtherBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClock()
		tr := serve(t, supervise.Child{Name: "job", Service: &services.Job{
			Schedule: services.Every(time.Second),
			Do: func(ctx context.Context) error {
				c.note()
				<-services.Draining(ctx)
				select {
				case <-ctx.Done():
					return errors.New("not finished")
				case <-time.After(5 * time.Second):
					return nil
				}
			},
		}})
		time.Sleep(1500 * time.Millisecond)
		if err := tr.stop(); err != nil {
			t.Errorf("Serve: got %v, want nil", err)
		}
		if diff := cmp.Diff([]float64{1}, c.runs); diff != "" {
			t.Errorf("runs at (-want +got):\n%s", diff)
		}
		if got := c.at(); got != 6.5 {
			t.Errorf("ended after %v s, want 6.5", got)
		}
	})
}

func TestJobThatWaitsStopsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClock()
		tr := serve(t, supervise.Child{Name: "job", WaitReady: true, Service: &services.Job{
			Schedule: services.Every(time.Hour),
			Do:       func(context.Context) error { return nil },
		}})
		synctest.Wait()
		if got := tr.child().State; got != supervise.Running {
			t.Errorf("child: got %s, want running", got)
		}
		if err := tr.stop(); err != nil {
			t.Errorf("Serve: got %v, want nil", err)
		}
		if got := c.at(); got != 0 {
			t.Errorf("ended after %v s, want 0", got)
		}
	})
}

// scheduleFunc is a schedule made of a function.
type scheduleFunc func(time.Time) time.Time

func (f scheduleFunc) Next(after time.Time) time.Time { return f(after) }

func TestJobIsDoneWhenItsScheduleHasNoFurtherTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClock()
		end := c.start.Add(2 * time.Second)
		err := (&services.Job{
			Schedule: scheduleFunc(func(after time.Time) time.Time {
				if !after.Before(end) {
					return time.Time{}
				}
				return after.Add(time.Second)
			}),
			Do: func(context.Context) error { c.note(); return nil },
		}).Serve(t.Context())
		if !errors.Is(err, supervise.ErrDone) {
			t.Errorf("Serve: got %v, want ErrDone", err)
		}
		if diff := cmp.Diff([]float64{1, 2}, c.runs); diff != "" {
			t.Errorf("runs at (-want +got):\n%s", diff)
		}
	})
}

func TestScheduleThatStandsStillIsAFailure(t *testing.T) {
	err := (&services.Job{
		Schedule: scheduleFunc(func(after time.Time) time.Time { return after }),
		Do:       func(context.Context) error { t.Error("the job ran"); return nil },
	}).Serve(t.Context())
	if err == nil || errors.Is(err, supervise.ErrDone) {
		t.Errorf("Serve: got %v, want a failure", err)
	}
}

func TestJobWithoutScheduleOrDoIsFatal(t *testing.T) {
	for _, job := range []*services.Job{{}, {Schedule: services.Every(time.Second)}} {
		if err := serve(t, supervise.Child{Name: "job", Service: job}).wait(); supervise.ExitCode(err) != 1 {
			t.Errorf("Serve: got %v, want a fatal error", err)
		}
	}
}

func TestEveryRefusesAnIntervalThatIsNotPositive(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Every(0) did not panic")
		}
	}()
	services.Every(0)
}

func TestJobPrintsAsItsSchedule(t *testing.T) {
	if got, want := (&services.Job{Schedule: services.Every(time.Minute)}).String(), "job every 1m0s"; got != want {
		t.Errorf("String: got %q, want %q", got, want)
	}
	if got, want := (&services.Job{}).String(), "job"; got != want {
		t.Errorf("String: got %q, want %q", got, want)
	}
}

func TestShortIntervalIsNotWalkedThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		job := &services.Job{Schedule: services.Every(time.Nanosecond), Do: func(context.Context) error {
			if runs++; runs == 10 {
				return supervise.ErrDone
			}
			time.Sleep(24 * time.Hour) // 86 trillion times are left out
			return nil
		}}
		if err := job.Serve(t.Context()); !errors.Is(err, supervise.ErrDone) {
			t.Errorf("Serve: %v", err)
		}
	})
}
