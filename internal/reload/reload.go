package reload

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"tend.example/tend/internal/config"
	"tend.example/tend/internal/kinds"
	"tend.example/tend/internal/tendfile"
	"tend.example/tend/supervise"
)

// exitConfig is EX_CONFIG of sysexits.
const exitConfig = 78

// Loop loads the configuration again when it is told to, one after another, and applies what has changed.
type Loop struct {
	// Tree is what serves. Required.
	Tree *supervise.Group

	// Loader finds the configuration. Required.
	Loader config.Loader

	// Make makes the children of Tree for a configuration. Required.
	Make func(*config.Settings) ([]supervise.Child, *kinds.Batch, error)

	// Now is the configuration of the tree as it is. Required.
	Now *config.Settings

	// Applying is called before what has changed is applied, and what it returns after that. nil: nobody is told.
	Applying func() (done func())

	// Set is told of the settings that are no services' own, when they have been applied. nil: nobody is told.
	Set func(config.Config)

	// LogLevel is that of Log. Required.
	LogLevel *slog.LevelVar

	// Log is told of every reload, and of all that is wrong with one. Required.
	Log *slog.Logger

	mu     sync.Mutex
	begun  chan struct{} // closed when there is something to update
	asked  chan request
	ended  chan struct{} // closed when nobody listens any more
	counts Stats
}

// Stats counts what a Loop has done.
type Stats struct {
	Reloads int    `json:"reloads"` // that were applied, also those that changed nothing
	Refused int    `json:"refused"` // the old settings stayed
	Err     string `json:"err,omitzero"`
}

// Report is what a reload did, or would do.
type Report struct {
	Changes []Change `json:"changes"`
	DryRun  bool     `json:"dry_run,omitzero"`
	Err     string   `json:"err,omitzero"` // what did not go well, though it is done
}

// request is a reload that somebody waits for.
type request struct {
	dryRun bool
	done   chan<- answer // has room for one
}

type answer struct {
	report Report
	err    error
}

// ErrEnding is the answer when the tree has ended, or is about to.
var ErrEnding = errors.New("tend is about to end")

// Stats tells what has happened so far.
func (l *Loop) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts
}

// Begin says that the tree is served: from then on it can be updated. It is for the OnEvent of the tree.
func (l *Loop) Begin() {
	l.init()
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.begun:
	default:
		close(l.begun)
	}
}

func (l *Loop) init() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.begun == nil {
		l.begun, l.asked, l.ended = make(chan struct{}), make(chan request), make(chan struct{})
	}
}

// Reload asks for a reload and waits for its end, or for that of ctx, which does not undo it. After the end of Serve the error
// is ErrEnding.
//
// Its error is that of Loader.Load when the configuration is not right, and then the old one stays.
func (l *Loop) Reload(ctx context.Context, dryRun bool) (Report, error) {
	l.init()
	done := make(chan answer, 1)
	select {
	case l.asked <- request{dryRun, done}:
	case <-l.ended:
		return Report{}, ErrEnding
	case <-ctx.Done():
		return Report{}, context.Cause(ctx)
	}
	select {
	case a := <-done:
		return a.report, a.err
	case <-l.ended:
		return Report{}, ErrEnding
	case <-ctx.Done():
		return Report{}, context.Cause(ctx)
	}
}

// Serve is to be called once. It reloads at every signal, at every call of Reload, and, with Now.Watch, when the file
// has changed, until ctx is done. What comes during a reload is done after it, several signals by one.
func (l *Loop) Serve(ctx context.Context, signals <-chan os.Signal) {
	l.init()
	defer close(l.ended)
	select {
	case <-l.begun:
	case <-ctx.Done():
		return
	}
	changed, stop := l.watch(ctx)
	defer stop()
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-signals:
			_, _ = l.reload(ctx, s.String(), false) // the log has it
		case <-changed:
			_, _ = l.reload(ctx, "the file has changed", false)
		case r := <-l.asked:
			report, err := l.reload(ctx, "request", r.dryRun)
			r.done <- answer{report, err}
		}
	}
}

func (l *Loop) reload(ctx context.Context, why string, dryRun bool) (Report, error) {
	loader := l.Loader
	loader.Again, loader.File = true, l.Now.File // or its loss would be taken for the wish to have none
	next, err := loader.Load()
	if err == nil && len(bytes.TrimSpace(next.Text)) == 0 && len(bytes.TrimSpace(l.Now.Text)) > 0 {
		err = emptied(next.File)
	}
	if err != nil {
		l.refuse(why, err, dryRun)
		return Report{}, err
	}
	report := Report{Changes: plan(l.Now, next), DryRun: dryRun}
	if dryRun {
		return report, nil
	}
	if l.Applying != nil {
		defer l.Applying()()
	}
	l.Log.Info("reload", slog.String("why", why), slog.String("file", next.File), slog.Int("changes", len(report.Changes)))
	for _, c := range report.Changes {
		l.Log.Info("reload: change", slog.String("action", c.Action), slog.String("path", c.Path), slog.String("what", c.What))
	}
	unclean, err := l.apply(ctx, next)
	if err != nil {
		l.refuse(why, err, false)
		return Report{}, err
	}
	if unclean != nil {
		report.Err = unclean.Error()
		l.Log.Warn("reload: done, but not all is well", slog.Any("err", unclean))
	}
	l.count(func(s *Stats) { s.Reloads++; s.Err = report.Err })
	return report, nil
}

// emptied is what is wrong with a file that had something in it, and now is being written, or was cut off by a full disk.
func emptied(file string) error {
	return &supervise.ExitError{Code: exitConfig, Err: tendfile.Faults{{
		Place: tendfile.Place{File: file}, Text: "nothing is in it any more; if that is meant, say so by a comment in it",
	}}}
}

// refuse tells why the old settings stay.
func (l *Loop) refuse(why string, err error, dryRun bool) {
	if dryRun {
		return
	}
	l.count(func(s *Stats) { s.Refused++; s.Err = err.Error() })
	var faults tendfile.Faults
	if !errors.As(err, &faults) {
		l.Log.Error("reload refused: the old settings stay", slog.String("why", why), slog.Any("err", err))
		return
	}
	l.Log.Error("reload refused: the old settings stay", slog.String("why", why), slog.Int("faults", len(faults)))
	for _, f := range faults {
		l.Log.Error("configuration fault", slog.String("at", f.Place.String()), slog.String("err", f.Text))
	}
}

func (l *Loop) count(do func(*Stats)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	do(&l.counts)
}

// apply updates the tree. err is why the old settings stay, unclean what did not go well although they don't.
func (l *Loop) apply(ctx context.Context, next *config.Settings) (unclean, err error) {
	children, batch, err := l.Make(next)
	if err != nil {
		return nil, fmt.Errorf("make the tree: %w", err)
	}
	err = l.Tree.Update(ctx, children)
	if err != nil && !updated(l.Tree.Current(), children) {
		return nil, err
	}
	batch.Keep()
	if next.LogLevel != l.Now.LogLevel { // or one that an operator has set would be gone
		l.LogLevel.Set(next.LogLevel)
	}
	errs := []error{err, l.Tree.SetStopTimeout(next.ShutdownTimeout)}
	if l.Set != nil {
		l.Set(next.Config)
	}
	l.Now = next
	for _, path := range batch.Changed() {
		errs = append(errs, l.restart(ctx, path))
	}
	return errors.Join(errs...), nil
}

// updated tells whether a tree has the list that it was given.
func updated(now, wanted []supervise.Child) bool {
	if len(now) != len(wanted) {
		return false
	}
	for i, c := range wanted {
		_, isGroup := c.Service.(*supervise.Group) // of which the one that is there may stay
		if now[i].Name != c.Name || now[i].Policy != c.Policy || !isGroup && now[i].Service != c.Service {
			return false
		}
	}
	return true
}

// restart lets a server go on with its new settings, unless an operator has stopped it: it then has them when it is
// started.
func (l *Loop) restart(ctx context.Context, path string) error {
	if s, ok := find(l.Tree.Status(), path); !ok || s.State == supervise.Stopped || s.State == supervise.Idle {
		return nil
	}
	return l.Tree.Restart(ctx, path)
}

func find(s supervise.Status, path string) (supervise.Status, bool) {
	if s.Path == path {
		return s, true
	}
	for _, child := range s.Children {
		if found, ok := find(child, path); ok {
			return found, true
		}
	}
	return supervise.Status{}, false
}
