package main

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"tend.example/tend/supervise"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestGroupRunsAndStopsBelowASutureTree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := slog.New(slog.NewTextHandler(t.Output(), nil))
		group := newGroup(log)
		ctx, cancel := context.WithCancel(t.Context())
		ended := newSupervisor(group, log).ServeBackground(ctx)
		synctest.Wait()
		if got := group.Status().State; got != supervise.Running {
			t.Errorf("group is %s, want running", got)
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("suture: %v, want context.Canceled", err)
		}
		synctest.Wait()
		if got := group.Status().State; got != supervise.Stopped {
			t.Errorf("group is %s, want stopped", got)
		}
	})
}
