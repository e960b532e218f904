package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"tend.example/tend/internal/config"
	"tend.example/tend/internal/drill"
	"tend.example/tend/internal/kinds"
	"tend.example/tend/internal/logsink"
	"tend.example/tend/internal/reload"
	"tend.example/tend/services"
	"tend.example/tend/services/admin"
	"tend.example/tend/services/admin/dashboard"
	"tend.example/tend/services/admin/journal"
	"tend.example/tend/services/admin/logring"
	"tend.example/tend/services/metrics"
	"tend.example/tend/supervise"
)

// program is what runs, and how it is made of a configuration, as often as that changes.
type program struct {
	tree   *supervise.Group
	book   logbook
	events journal.Journal
	counts metrics.Tree
	shown  http.Handler // of the counts
	kinds  kinds.Maker
	drills drill.Set
	drill  bool // cannot be changed while it runs
	reload *reload.Loop
	around *neighbours
}

// newProgram makes what runs, in which order it starts, and how each part is kept.
func newProgram(l config.Loader, s *config.Settings, book logbook, around *neighbours) (*program, error) {
	p := &program{book: book, around: around, kinds: kinds.Maker{Log: book.Logger}, drill: s.Drill}
	p.tree = &supervise.Group{Name: config.Root, StopTimeout: s.ShutdownTimeout}
	p.reload = &reload.Loop{Tree: p.tree, Loader: l, Make: p.children, Now: s, LogLevel: book.level, Log: book.Logger}
	p.reload.Applying, p.reload.Set = around.manager.Reloading, around.set
	p.counts.Group, p.kinds.OnRequest, p.kinds.OnRun = p.tree, p.counts.OnRequest, p.counts.OnRun
	p.tree.OnEvent = each(logEvents(p.tree.Name, book.Logger), p.counts.Observe, p.events.Observe, func(supervise.Event) { p.reload.Begin() })
	registry := prometheus.NewRegistry()
	p.shown = metrics.Handler(registry, book.Logger)
	children, batch, err := p.children(s)
	if err != nil {
		return nil, err
	}
	p.tree.Children = children
	batch.Keep()
	return p, errors.Join(p.counts.Register(registry), metrics.RegisterRuntime(registry),
		registry.Register(p.reloads("applied", func(s reload.Stats) int { return s.Reloads })),
		registry.Register(p.reloads("refused", func(s reload.Stats) int { return s.Refused })))
}

// reloads counts those with one outcome.
func (p *program) reloads(outcome string, of func(reload.Stats) int) prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "tend_reloads_total", Help: "Reloads of the configuration, by what became of them.", ConstLabels: prometheus.Labels{"outcome": outcome},
	}, func() float64 { return float64(of(p.reload.Stats())) })
}

// serve serves the tree, and reloads at every signal meanwhile; asked is why ctx is done, or would be.
func (p *program) serve(ctx context.Context, hangups <-chan os.Signal) (err, asked error) {
	reloading, stop := context.WithCancel(ctx)
	var wait sync.WaitGroup
	wait.Go(func() { p.reload.Serve(reloading, hangups) })
	defer p.kinds.Close()
	defer wait.Wait()
	defer stop()
	return p.around.serve(ctx, p.tree)
}

// children are the list of the tree. It stops in the reverse order, so the operator can watch from the first moment to
// the last. A service that is there already with the same settings is the very same.
func (p *program) children(s *config.Settings) ([]supervise.Child, *kinds.Batch, error) {
	batch := p.kinds.Batch()
	next := &supervise.Group{Name: config.Root}
	if !slices.Contains(s.Without, "admin") {
		if err := p.around.guard(s.Admin); err != nil {
			return nil, nil, err
		}
		next.Children = []supervise.Child{{Name: "admin", Service: p.admin(batch, s)}}
	}
	next.Children = append(next.Children, batch.Children(config.Root, s.Services)...)
	if err := s.Policies.Apply(next); err != nil {
		return nil, nil, err
	}
	if p.drill {
		p.drills.Wrap(next)
	}
	return next.Children, batch, nil
}

// admin is the operator's view of the tree.
func (p *program) admin(batch *kinds.Batch, s *config.Settings) supervise.Service {
	return batch.Web(config.Root+"/admin", s.AdminAddr, s.Admin, func(h *services.HTTP) { h.ConnContext = admin.ConnContext }, func() http.Handler {
		view := admin.View{
			Tree: p.tree, Journal: &p.events, Metrics: p.shown, Logs: p.book.lines, LogLevel: p.book.level, Log: p.book.Logger, Version: version(), Pprof: s.Admin.Pprof,
			Access:   admin.Access{Token: string(s.Admin.Token), ReadToken: string(s.Admin.ReadToken), Hosts: s.Admin.Hosts},
			Draining: services.Draining, Overlap: services.ErrOverlap, Upgrade: p.around.upgrade,
			Reload:  func(ctx context.Context, dryRun bool) (any, error) { return p.reload.Reload(ctx, dryRun) },
			Reloads: func() any { return p.reload.Stats() },
		}
		if p.drill {
			view.Drill = p.drills.Fail
		}
		view.Dashboard = dashboard.Dashboard{
			Tree: p.tree, Journal: &p.events, Version: view.Version, Drill: p.drill, MayAct: admin.MayAct, LoggedIn: admin.LoggedIn,
		}.Handler()
		return view.Handler()
	})
}

// each tells several observers, one after another.
func each(observers ...func(supervise.Event)) func(supervise.Event) {
	return func(e supervise.Event) {
		for _, observe := range observers {
			observe(e)
		}
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
