package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"tend.example/tend/internal/config"
	"tend.example/tend/internal/drill"
	"tend.example/tend/internal/logsink"
	"tend.example/tend/services"
	"tend.example/tend/services/admin"
	"tend.example/tend/services/admin/dashboard"
	"tend.example/tend/services/admin/journal"
	"tend.example/tend/services/admin/logring"
	"tend.example/tend/services/metrics"
	"tend.example/tend/services/router"
	"tend.example/tend/supervise"
)

// newTree is what runs, in which order it starts, and how each part is kept. It stops in the
// reverse order, so the operator can watch from the first moment to the last. upgrade replaces the process.
func newTree(cfg config.Config, book logbook, upgrade func(context.Context) error) (*supervise.Group, error) {
	var drills drill.Set
	log := book.Logger
	tree := &supervise.Group{Name: "tend", StopTimeout: cfg.ShutdownTimeout}
	measured, registry, events := &metrics.Tree{Group: tree}, prometheus.NewRegistry(), &journal.Journal{}
	tree.OnEvent = each(logEvents(tree.Name, log), measured.Observe, events.Observe)
	tree.Children = []supervise.Child{
		{Name: "admin", Service: &mustListen{HTTP: newAdmin(cfg, tree, &drills, book, events, metrics.Handler(registry, log), upgrade)}},
		{Name: "hello", Service: &mustListen{HTTP: newHello(cfg, log, measured.OnRequest)}, Policy: supervise.Policy{StopTimeout: drainTimeout + cfg.DrainDelay}},
		{Name: "timer", Service: &services.Job{Schedule: services.Every(cfg.TimerEvery), Do: tick(log)}},
	}
	for _, program := range cfg.Programs {
		child, err := newProgram(program, log)
		if err != nil {
			return nil, err
		}
		tree.Children = append(tree.Children, child)
	}
	tree.Children = slices.DeleteFunc(tree.Children, func(c supervise.Child) bool { return slices.Contains(cfg.Without, c.Name) })
	if err := cfg.Policies.Apply(tree); err != nil {
		return nil, err
	}
	if cfg.Drill {
		drills.Wrap(tree)
	}
	if err := errors.Join(measured.Register(registry), metrics.RegisterRuntime(registry)); err != nil {
		return nil, err
	}
	return tree, nil
}

// newAdmin is the operator's view of the tree.
func newAdmin(cfg config.Config, tree *supervise.Group, drills *drill.Set, book logbook, events *journal.Journal, metrics http.Handler, upgrade func(context.Context) error) *services.HTTP {
	view := admin.View{
		Tree: tree, Journal: events, Metrics: metrics, Logs: book.lines, LogLevel: book.level, Log: book.Logger, Version: version(), Pprof: cfg.Admin.Pprof,
		Access:   admin.Access{Token: string(cfg.Admin.Token), ReadToken: string(cfg.Admin.ReadToken), Hosts: cfg.Admin.Hosts},
		Draining: services.Draining, Overlap: services.ErrOverlap, Upgrade: upgrade,
	}
	if cfg.Drill {
		view.Drill = drills.Fail
	}
	view.Dashboard = dashboard.Dashboard{
		Tree: tree, Journal: events, Version: view.Version, Drill: cfg.Drill, MayAct: admin.MayAct, LoggedIn: admin.LoggedIn,
	}.Handler()
	return &services.HTTP{Addr: cfg.AdminAddr, Handler: view.Handler(), ConnContext: admin.ConnContext, Log: book.Logger}
}

// each tells several observers, one after another.
func each(observers ...func(supervise.Event)) func(supervise.Event) {
	return func(e supervise.Event) {
		for _, observe := range observers {
			observe(e)
		}
	}
}

// drainTimeout is what hello has to finish what is in flight, besides the time in which it still accepts.
const drainTimeout = 10 * time.Second

func newHello(cfg config.Config, log *slog.Logger, onRequest func(*http.Request, int, time.Duration)) *services.HTTP {
	engine := router.Config{Log: log.With(slog.String("service", "tend/hello")), OnRequest: onRequest}.Engine()
	engine.GET("/hello", func(c *gin.Context) { c.String(http.StatusOK, "Hello World!") })
	return &services.HTTP{Addr: cfg.HTTPAddr, Handler: engine, Log: log, DrainDelay: cfg.DrainDelay}
}

// newProgram is a program that the operator wants to run, all the time or by a schedule.
func newProgram(p config.Program, log *slog.Logger) (supervise.Child, error) {
	command := &services.Command{Args: p.Args, Log: log}
	if p.Schedule == "" {
		return supervise.Child{Name: p.Name, Service: command}, nil
	}
	schedule, err := services.Cron(p.Schedule, p.Zone)
	if err != nil {
		return supervise.Child{}, &supervise.ExitError{Code: exitUsage, Err: fmt.Errorf("%s: %w", p.Flag, err)}
	}
	job := &services.Job{Schedule: schedule, Do: command.Run, Log: log, OnRun: logRun(log.With(slog.String("service", "tend/"+p.Name)))}
	return supervise.Child{Name: p.Name, Service: job}, nil
}

// logRun logs that a run of a job has ended, and how.
func logRun(log *slog.Logger) func(services.JobRun) {
	return func(r services.JobRun) {
		log.Info("job run ended", slog.Int("job_run", r.ID), slog.String("outcome", r.Outcome.String()), slog.Duration("took", r.Ended.Sub(r.Started)))
	}
}

func tick(log *slog.Logger) func(context.Context) error {
	return func(ctx context.Context) error {
		log.LogAttrs(ctx, slog.LevelInfo, "tick", slog.String("service", supervise.Path(ctx)))
		return nil
	}
}

// logEvents logs every state entered, and says "ready" when the root is running.
func logEvents(root string, log *slog.Logger) func(supervise.Event) {
	logState := supervise.LogEvents(log)
	return func(e supervise.Event) {
		logState(e)
		if e.Path == root && e.State == supervise.Running {
			log.Info("ready")
		}
	}
}

// Exit codes of sysexits.
const (
	exitUsage       = 64 // EX_USAGE
	exitUnavailable = 69 // EX_UNAVAILABLE: an address not to be had
)

// mustListen is an HTTP service that ends the program when its first run cannot have its address:
// nothing has been served yet, and whoever starts a program waits to read why it didn't. A later
// run that cannot have it is an ordinary failure, for the policy to decide.
type mustListen struct {
	*services.HTTP
	tried bool // runs never overlap
}

// Serve is that of services.HTTP.
func (m *mustListen) Serve(ctx context.Context) error {
	first := !m.tried
	m.tried = true
	err := m.HTTP.Serve(ctx)
	var refused *services.ListenError
	if first && errors.As(err, &refused) {
		return supervise.Fatal(&supervise.ExitError{Code: exitUnavailable, Err: err})
	}
	return err
}

// logbook is the log, and what the operator can see and change of it.
type logbook struct {
	*slog.Logger
	sink  *logsink.Sink
	lines *logring.Ring
	level *slog.LevelVar
}

func newLogbook(cfg config.Config, w io.Writer) logbook {
	book := logbook{lines: &logring.Ring{}, level: &slog.LevelVar{}}
	book.level.Set(cfg.LogLevel)
	book.sink = logsink.New(w, logsink.Format(cfg.LogFormat, book.level, w, os.Getenv))
	book.Logger = slog.New(book.lines.Tee(book.sink.Handler()))
	return book
}
