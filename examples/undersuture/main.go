// Command undersuture puts a group below a suture.Supervisor that is already there: the group
// orders its children and keeps them by their policies, and to suture it is one service.
package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/thejerf/suture/v4"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	err := newSupervisor(newGroup(log), log).Serve(ctx)
	if errors.Is(err, context.Canceled) { // suture's answer to being told to stop
		err = nil
	}
	os.Exit(supervise.ExitCode(err))
}

// newSupervisor is somebody's own tree. It waits for each of its services for as long as Timeout
// says, so that has to be more than the group's StopTimeout.
func newSupervisor(group *supervise.Group, log *slog.Logger) *suture.Supervisor {
	s := suture.New("theirs", suture.Spec{
		Timeout:   group.StopTimeout + time.Second,
		EventHook: func(e suture.Event) { log.Warn("suture", "event", e.String()) },
	})
	s.Add(group)
	return s
}

func newGroup(log *slog.Logger) *supervise.Group {
	return &supervise.Group{
		Name:        "shop",
		StopTimeout: 20 * time.Second,
		OnEvent:     supervise.LogEvents(log),
		Children: []supervise.Child{
			{Name: "feed", Service: supervise.Func(feed), WaitReady: true},
			{Name: "report", Service: &services.Job{Schedule: services.Every(time.Minute), Do: report}},
		},
	}
}

func feed(ctx context.Context) error {
	supervise.Ready(ctx)
	<-ctx.Done()
	return nil
}

func report(context.Context) error { return nil }
