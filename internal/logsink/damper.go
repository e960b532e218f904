package logsink

import (
	"context"
	"hash/maphash"
	"log/slog"
	"slices"
	"sync"
	"time"
)

const (
	shown      = 5                // of failures that are the same, before they are summed up
	firstSum   = 10 * time.Second // until the first summary; each takes twice as long as the one before
	lastSum    = 5 * time.Minute  // and this at most
	mostKinds  = 1000             // of failures that are remembered
	repeatsKey = "repeats"        // in a summary, how many records it stands for
)

// varying are the attributes by which failures may differ and still be the same.
func varying(key string) bool {
	switch key {
	case "run", "delay", "stack", "pid", "job_run", "took", "id", "dropped":
		return true
	default:
		return false
	}
}

// telling are the attributes by which a record is of a failure, or of what a failure brings: a child in a loop of
// crashes is starting and running again and again, too, and so is its program. Output of programs is never held back.
func telling(key string) bool { return key == "err" || key == "state" || key == "program" }

// damper holds back failures that are the same.
type damper struct {
	poke func() // next has changed

	mu    sync.Mutex
	seed  maphash.Seed
	kinds map[uint64]*kind
	held  int // kinds of which something is held back
}

// kind is what is known of failures that are the same.
type kind struct {
	service string
	shown   int
	until   time.Time     // the next summary, or until it is forgotten
	every   time.Duration // between summaries
	count   int           // held back
	last    slog.Record   // of those
	next    slog.Handler  // for it
}

func newDamper(poke func()) *damper {
	return &damper{poke: poke, seed: maphash.MakeSeed(), kinds: map[uint64]*kind{}}
}

// holds tells whether a record is to be held back, and keeps it then. One that is news of a service has what is held
// back of that logged before.
func (d *damper) holds(key uint64, service string, r slog.Record, next slog.Handler) bool {
	if d.news(key, service) {
		d.sumUp(time.Now(), func(k *kind) bool { return k.service == service })
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	k := d.kinds[key]
	if k == nil {
		return false // there is no room to remember it
	}
	if k.shown < shown {
		k.shown++
		return false
	}
	k.count++
	k.last, k.next = r.Clone(), next
	if k.count == 1 {
		d.held++
		d.poke()
	}
	return true
}

// news tells whether a failure has not been seen for long, and remembers it.
func (d *damper) news(key uint64, service string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	k := d.kinds[key]
	switch {
	case k != nil && (k.count > 0 || now.Before(k.until)):
		return false
	case k == nil && len(d.kinds) >= mostKinds && !d.forget(now):
		return false
	}
	d.kinds[key] = &kind{service: service, shown: 1, until: now.Add(firstSum), every: firstSum}
	return true
}

// forget makes room for another kind. The caller holds mu.
func (d *damper) forget(now time.Time) bool {
	for key, k := range d.kinds {
		if k.count == 0 && !now.Before(k.until) {
			delete(d.kinds, key)
		}
	}
	return len(d.kinds) < mostKinds
}

// next is when a summary is due; zero: none is.
func (d *damper) next() (at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.held == 0 {
		return at
	}
	for _, k := range d.kinds {
		if k.count > 0 && (at.IsZero() || k.until.Before(at)) {
			at = k.until
		}
	}
	return at
}

// expire logs the summaries that are due.
func (d *damper) expire(now time.Time) {
	d.sumUp(now, func(k *kind) bool { return !now.Before(k.until) })
}

// release logs all summaries.
func (d *damper) release(now time.Time) {
	d.sumUp(now, func(*kind) bool { return true })
}

func (d *damper) sumUp(now time.Time, due func(*kind) bool) {
	d.mu.Lock()
	var sums []kind
	for _, k := range d.kinds {
		if k.count == 0 || !due(k) {
			continue
		}
		sums = append(sums, *k)
		d.held--
		k.every = min(2*k.every, lastSum)
		k.until = now.Add(k.every)
		k.count, k.last, k.next = 0, slog.Record{}, nil
	}
	d.mu.Unlock()
	slices.SortFunc(sums, func(a, b kind) int { return a.last.Time.Compare(b.last.Time) })
	for _, k := range sums {
		k.last.AddAttrs(slog.Int(repeatsKey, k.count))
		_ = k.next.Handle(context.Background(), k.last) // into the queue, which takes everything
	}
}

// dampedHandler passes on what is not held back.
type dampedHandler struct {
	damper *damper
	next   slog.Handler
	attrs  []slog.Attr // of all records, in no group
	groups bool        // there is one, and attributes of records belong to it
}

// Enabled is that of the handler after it.
func (h *dampedHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// Handle holds back the sixth of records that are the same.
func (h *dampedHandler) Handle(ctx context.Context, r slog.Record) error {
	if h.failure(r) {
		key, service := h.key(r)
		if h.damper.holds(key, service, r, h.next) {
			return nil
		}
	}
	return h.next.Handle(ctx, r)
}

// WithAttrs adds attributes to all records.
func (h *dampedHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.next = h.next.WithAttrs(attrs)
	with.attrs = slices.Concat(h.attrs, attrs)
	return &with
}

// WithGroup puts what comes into a group.
func (h *dampedHandler) WithGroup(name string) slog.Handler {
	with := *h
	with.next = h.next.WithGroup(name)
	with.groups = true
	return &with
}

func (h *dampedHandler) failure(r slog.Record) (is bool) {
	if h.groups {
		return false
	}
	r.Attrs(func(a slog.Attr) bool {
		is = telling(a.Key)
		return !is
	})
	return is
}

// key is the same for failures that are the same. They are of the same service then.
func (h *dampedHandler) key(r slog.Record) (key uint64, service string) {
	var hash maphash.Hash
	hash.SetSeed(h.damper.seed)
	part := func(text string) {
		_, _ = hash.WriteString(text) // which never fails
		_ = hash.WriteByte(0)
	}
	add := func(a slog.Attr) bool {
		if varying(a.Key) {
			return true
		}
		text := a.Value.Resolve().String()
		part(a.Key)
		part(text)
		if a.Key == "service" {
			service = text
		}
		return true
	}
	part(r.Level.String())
	part(r.Message)
	for _, a := range h.attrs {
		add(a)
	}
	r.Attrs(add)
	return hash.Sum64(), service
}
