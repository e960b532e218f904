package services_test

import (
	"bytes"
	"context"
	"errors"
	"runtime/pprof"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

func TestTimeoutIsTheDeadlineOfTheContextOfARun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		job := &services.Job{
			Schedule: services.Every(time.Minute), Timeout: 3 * time.Second, OnError: services.Log, Log: quietLog(),
			Do: func(ctx context.Context) error {
				if deadline, ok := ctx.Deadline(); !ok || deadline.Sub(start) != 63*time.Second {
					t.Errorf("deadline: got %v (%t), want three seconds from now", deadline, ok)
				}
				<-ctx.Done()
				if err, cause := ctx.Err(), context.Cause(ctx); err != context.DeadlineExceeded || cause != services.ErrTimeout { //nolint:errorlint // as they are
					t.Errorf("got %v because of %v, want DeadlineExceeded because of ErrTimeout", err, cause)
				}
				return ctx.Err()
			},
		}
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		job.Serve(ctx)
		run := detail(job).Last[0]
		if run.Outcome != services.TimedOut || !errors.Is(run.Err, services.ErrTimeout) || !errors.Is(run.Err, context.DeadlineExceeded) {
			t.Errorf("got %s (%v), want timed out, with both errors", run.Outcome, run.Err)
		}
	})
}

func TestARunThatIsCancelledBeforeItsTimeoutSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cause error
		job := &services.Job{Schedule: services.Every(time.Minute), Timeout: time.Hour, Do: func(ctx context.Context) error {
			<-ctx.Done()
			cause = context.Cause(ctx)
			return ctx.Err()
		}}
		tr := serve(t, supervise.Child{Name: "job", Service: job})
		time.Sleep(61 * time.Second)
		job.Cancel()
		synctest.Wait()
		if got := detail(job).Last[0].Outcome; got != services.Cancelled || !errors.Is(cause, services.ErrCancelled) {
			t.Errorf("got %s (%v), want cancelled", got, cause)
		}
		tr.stop()
	})
}

func TestRunsHaveThePprofLabelJob(t *testing.T) {
	labels := func() string {
		var profile bytes.Buffer
		if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
			t.Error(err)
		}
		return profile.String()
	}
	ran := make(chan struct{}, 1)
	job := func(want string) *services.Job {
		return &services.Job{Schedule: services.AtOnce(services.Every(time.Hour)), Do: func(ctx context.Context) error {
			if got, _ := pprof.Label(ctx, "job"); got != want {
				t.Errorf("Label: got %q, want %q", got, want)
			}
			bare := `{"job":"` + want + `", "service":"test/child"}`
			inside := `{"job":"` + want + `", "service":"test/child", "step":"one"}`
			pprof.Do(ctx, pprof.Labels("step", "one"), func(context.Context) {
				if got := labels(); !strings.Contains(got, inside) {
					t.Errorf("inside Do: got\n%s\nwant %s in it", got, inside)
				}
			})
			if got := labels(); !strings.Contains(got, bare) {
				t.Errorf("after Do: got\n%s\nwant %s in it", got, bare)
			}
			ran <- struct{}{}
			return nil
		}}
	}
	for name, service := range map[string]supervise.Service{
		"alone": job("child"),
		"many":  &services.Jobs{Jobs: map[string]*services.Job{"tidy": job("tidy")}},
	} {
		t.Run(name, func(t *testing.T) {
			tr := serve(t, supervise.Child{Name: "child", Service: service})
			<-ran
			if err := tr.stop(); err != nil {
				t.Error(err)
			}
		})
	}
}
