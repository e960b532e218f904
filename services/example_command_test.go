package services_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"syscall"
	"time"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

// plainLog writes records without what differs from run to run.
func plainLog() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == "pid" {
				return slog.Attr{}
			}
			return a
		},
	}))
}

// A program in a tree: its output is in the log, and the next child starts when it says that it is up.
func ExampleCommand() {
	ctx, stop := context.WithCancel(context.Background())
	server := &services.Command{
		Args:      []string{"sh", "-c", "echo listening on :9000; exec sleep 60"},
		ReadyLine: regexp.MustCompile(`^listening on`),
		Log:       plainLog(),
	}
	client := supervise.Func(func(context.Context) error {
		stop()
		return nil
	})
	shop := &supervise.Group{Name: "shop", Children: []supervise.Child{
		{Name: "server", Service: server},
		{Name: "client", Service: client, Policy: supervise.Policy{Restart: supervise.Never}},
	}}
	fmt.Println(shop.Serve(ctx))
	// Output:
	// level=INFO msg="program started" service=shop/server program=sh
	// level=INFO msg=output service=shop/server stream=stdout line="listening on :9000"
	// <nil>
}

// A program that fails says how, with the last lines of its standard error.
func ExampleExitStatusError() {
	migrate := &services.Command{
		Args: []string{"sh", "-c", "echo 'no such table: users' >&2; exit 3"},
		Log:  slog.New(slog.DiscardHandler),
	}
	err := migrate.Run(context.Background())
	fmt.Println(err)
	if status := (*services.ExitStatusError)(nil); errors.As(err, &status) {
		fmt.Println("code", status.Code)
	}
	// Output:
	// sh: exit code 3; stderr: no such table: users
	// code 3
}

// A program as a job: once a night, and left to finish when the tree stops.
func ExampleCommand_Run() {
	backup := &services.Command{Args: []string{"./backup.sh", "--full"}, Dir: "/srv/shop"}
	nightly := &services.Job{Schedule: services.Every(24 * time.Hour), Do: backup.Run}
	fmt.Println(nightly)
	// Output: job every 24h0m0s
}

// A program that answers HTTP when it is up, ends by SIGINT, and says by exit code 78 that its
// configuration is wrong: then no restart helps.
func ExampleCommand_server() {
	web := &services.Command{
		Args:       []string{"./server", "--port", "9000"},
		Env:        []string{"GOMAXPROCS=2"},
		Dir:        "/srv/web",
		ReadyURL:   "http://127.0.0.1:9000/healthz",
		StopSignal: syscall.SIGINT,
		FatalCodes: []int{78},
	}
	child := supervise.Child{Name: "web", Service: web, Policy: supervise.Policy{
		StartTimeout: 10 * time.Second,
		StopTimeout:  20 * time.Second,
	}}
	fmt.Println(child.Service)
	// Output: command ./server
}

// A program that talks to systemd finds the same here: it says that it is up, and that it is alive.
func ExampleCommand_notify() {
	db := &services.Command{
		Args:        []string{"/usr/lib/db/serve"},
		Env:         []string{"WATCHDOG_USEC=30000000"}, // as long as Heartbeat
		ReadyNotify: true,
	}
	child := supervise.Child{Name: "db", Service: db, Policy: supervise.Policy{Heartbeat: 30 * time.Second}}
	fmt.Println(child.Service)
	// Output: command /usr/lib/db/serve
}
