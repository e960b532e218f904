package reload

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"

	"tend.example/tend/internal/config"
)

const (
	calm     = 250 * time.Millisecond // without a change, before the file is looked at: who writes it may need several writes
	patience = 2 * time.Second        // at the most, if there is no calm
	anyway   = 5 * time.Second        // without an event: the folder may be another by now, or one that tells of nothing
)

// watch tells when the file is another than the one that was loaded. It does nothing unless it is asked to. stop waits
// until it has ended.
//
// The folder is watched, not the file: an editor puts another file in its place, and of a ConfigMap it is a link two
// steps further that changes.
func (l *Loop) watch(ctx context.Context) (changed <-chan struct{}, stop func()) {
	if !l.Now.Watch || l.Now.File == "" {
		return nil, func() {}
	}
	file := l.Now.File
	watcher, err := fsnotify.NewWatcher()
	if err == nil {
		err = watcher.Add(filepath.Dir(file))
	}
	if err != nil {
		l.Log.Error("the configuration file cannot be watched", slog.String("file", file), slog.Any("err", err))
		if watcher != nil {
			_ = watcher.Close()
		}
		return nil, func() {}
	}
	tell, ended := make(chan struct{}, 1), make(chan struct{})
	ctx, cancel := context.WithCancel(ctx)
	go func() { // stop waits for it
		defer close(ended)
		defer watcher.Close()
		w := watch{watcher: watcher, file: file, last: l.Now.Text, tell: tell, log: l.Log}
		w.follow()
		w.serve(ctx)
	}()
	return tell, func() {
		cancel()
		<-ended
	}
}

// watch is one watched file.
type watch struct {
	watcher *fsnotify.Watcher
	file    string
	last    []byte // of the file, when it was looked at
	tell    chan<- struct{}
	log     *slog.Logger
}

func (w *watch) serve(ctx context.Context) {
	var first time.Time // of the events that have not been looked at
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case _, ok := <-w.watcher.Events:
			if !ok {
				return
			}
		case err, ok := <-w.watcher.Errors: // too many events, which are as good as one
			if !ok {
				return
			}
			w.log.Warn("the configuration file is watched with gaps", slog.Any("err", err))
		case <-timer.C: // also once in the beginning: it may have changed since it was loaded
			first = time.Time{}
			w.look()
			timer.Reset(anyway)
			continue
		}
		if first.IsZero() {
			first = time.Now()
		}
		timer.Reset(min(calm, max(0, patience-time.Since(first))))
	}
}

// look tells of a file that is another, or cannot be read.
func (w *watch) look() {
	w.follow()
	now, err := config.ReadAgain(w.file)
	if err != nil {
		now = nil
	}
	if bytes.Equal(now, w.last) && (err == nil || w.last == nil) {
		return
	}
	w.last = now
	select {
	case w.tell <- struct{}{}:
	default: // it is to be loaded anyway
	}
}

// follow also watches the folder of the file that a link leads to, and that of the file, which may have been made anew. One
// that is gone is watched no longer by itself.
func (w *watch) follow() {
	_ = w.watcher.Add(filepath.Dir(w.file)) // which does nothing if it is the same
	if target, err := filepath.EvalSymlinks(w.file); err == nil {
		_ = w.watcher.Add(filepath.Dir(target)) // which is more than was promised
	}
}
