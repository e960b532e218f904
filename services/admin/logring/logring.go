// Package logring remembers the last lines of a log.
//
//	var ring logring.Ring
//	log := slog.New(ring.Tee(slog.NewTextHandler(os.Stderr, nil)))
package logring

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tend.example/tend/services/admin/internal/recent"
)

const (
	most    = 1000     // lines
	longest = 4 << 10  // bytes of a message, of a key, and of the text of an attribute
	widest  = 64       // attributes of a line
	fattest = 16 << 10 // bytes of a line, after which no attribute begins
	roomy   = 1 << 10  // bytes that a place goes on having for the line after
)

// Ring keeps the last 1,000 lines of a log. Long texts are shortened, and what is no plain value becomes text at once,
// so a line neither keeps alive what was logged nor shows it as it is later. Of lines with one message and level that a
// logger logs in one second it keeps 100, and one that says so: the requests of a busy server leave room for the rest.
// The zero value is an empty ring. It may be used from several goroutines.
type Ring struct {
	news    recent.Bell
	floods  floods
	loggers atomic.Uint64 // that there have been

	mu    sync.Mutex
	last  uint64 // ID
	lines recent.Ring[kept]
}

// kept is a line as the ring has it. A thousand of them are nothing to look at for the garbage collector, and a short
// text does not keep a long one alive that it was cut out of.
type kept struct {
	time  time.Time
	level slog.Level
	text  []byte // the message and the attributes, packed
}

// Line is a line of the log.
type Line struct {
	ID      uint64 // lines of a ring count from 1
	Time    time.Time
	Level   slog.Level
	Message string
	Attrs   []slog.Attr // resolved; groups are spelled with dots, as in "request.id"
}

// Path is the service that the line is of: its attribute service, or "".
func (l Line) Path() string {
	for i := range l.Attrs {
		if l.Attrs[i].Key == "service" {
			return l.Attrs[i].Value.String()
		}
	}
	return ""
}

// MarshalJSON is {"time":..., "level":"INFO", "msg":..., "attrs":{...}}.
func (l Line) MarshalJSON() ([]byte, error) {
	attrs := make(map[string]any, len(l.Attrs))
	for _, a := range l.Attrs {
		attrs[a.Key] = plain(a.Value)
	}
	return json.Marshal(struct {
		ID    uint64         `json:"id"`
		Time  time.Time      `json:"time"`
		Level string         `json:"level"`
		Msg   string         `json:"msg"`
		Attrs map[string]any `json:"attrs,omitempty"`
	}{l.ID, l.Time, l.Level.String(), l.Message, attrs})
}

// plain is a value that JSON knows.
func plain(v slog.Value) any {
	switch v.Kind() {
	case slog.KindBool, slog.KindInt64, slog.KindUint64, slog.KindTime:
		return v.Any()
	default:
		return v.String() // a float may be no number
	}
}

// Recent is the last n lines, the newest last.
func (r *Ring) Recent(n int) []Line {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tail(n)
}

// Since is what came after the line with that ID, the newest last. gap tells that some of it is gone, or that there
// has been no such line; what is left is returned all the same.
func (r *Ring) Since(id uint64) (lines []Line, gap bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, gap := r.lines.After(id, r.last)
	return r.tail(n), gap
}

func (r *Ring) tail(n int) []Line {
	begin := max(0, r.lines.Len()-max(0, n))
	lines := make([]Line, 0, r.lines.Len()-begin)
	for i := begin; i < r.lines.Len(); i++ {
		lines = append(lines, r.lines.At(i).line(r.last-uint64(r.lines.Len()-1-i)))
	}
	return lines
}

// Watch tells of news: woken receives when something has come since the last receive. It never makes the log
// wait. Who is done with it calls stop.
func (r *Ring) Watch() (woken <-chan struct{}, stop func()) { return r.news.Watch() }

// Tee is a handler that gives every record to next, and keeps it.
func (r *Ring) Tee(next slog.Handler) slog.Handler {
	return &tee{Handler: next, ring: r, logger: r.loggers.Add(1)}
}

type tee struct {
	slog.Handler
	ring   *Ring
	logger uint64 // which one this is
	prefix string // of keys: the groups that are open, each with a dot
	attrs  packer // those of With
}

// Handle keeps the record first: next may block.
func (t *tee) Handle(ctx context.Context, record slog.Record) error {
	t.keep(&record)
	return t.Handler.Handle(ctx, record)
}

// WithAttrs is slog.Handler's.
func (t *tee) WithAttrs(attrs []slog.Attr) slog.Handler {
	sub := *t
	sub.Handler, sub.logger = t.Handler.WithAttrs(attrs), t.ring.loggers.Add(1)
	sub.attrs.text = slices.Clip(t.attrs.text)
	for _, a := range attrs {
		sub.attrs = sub.attrs.add(t.prefix, a)
	}
	return &sub
}

// WithGroup is slog.Handler's.
func (t *tee) WithGroup(name string) slog.Handler {
	if name == "" {
		return t
	}
	sub := *t
	sub.Handler, sub.logger = t.Handler.WithGroup(name), t.ring.loggers.Add(1)
	sub.prefix = t.prefix + name + "."
	return &sub
}

func (t *tee) keep(record *slog.Record) {
	switch alike := t.ring.floods.count(t.logger, record); {
	case alike == mostAlike+1:
		line, attrs := omission(record)
		t.ring.add(&line, t.attrs.text, attrs)
		return
	case alike > mostAlike:
		return
	}
	var room [256]byte // on the stack
	own := packer{text: room[:0]}
	record.Attrs(func(a slog.Attr) bool {
		own = own.add(t.prefix, a) // which asks foreign code, so not under the lock
		return !own.full()
	})
	t.ring.add(record, t.attrs.text, own.text)
}

func (r *Ring) add(record *slog.Record, shared, own []byte) {
	message := cut(record.Message)
	r.mu.Lock()
	r.last++
	place := r.lines.Next(most)
	if cap(place.text) > roomy {
		place.text = nil
	}
	text := slices.Grow(place.text[:0], lengthSize+len(message)+len(shared)+len(own))
	text = append(append(appendText(text, "", message), shared...), own...)
	*place = kept{record.Time, record.Level, text}
	r.mu.Unlock()
	r.news.Ring()
}

// cut shortens s.
func cut(s string) string {
	if len(s) <= longest {
		return s
	}
	return strings.ToValidUTF8(s[:longest], "") + "..."
}
