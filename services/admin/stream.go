package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"tend.example/tend/services/admin/journal"
	"tend.example/tend/services/admin/logring"
)

const (
	mostStreams    = 256                    // at a time
	streamGap      = 100 * time.Millisecond // between two batches, so that a busy tree costs no more than a lively one
	streamBeat     = 15 * time.Second       // a comment, by which a proxy sees that the stream lives
	streamPatience = 10 * time.Second       // for a client that does not read
)

// streams counts those that are open.
type streams struct{ open atomic.Int64 }

// feed is something to stream.
type feed struct {
	event string
	last  func() uint64 // ID
	since func(id uint64) (items []item, gap bool)
	watch func() (woken <-chan struct{}, stop func())
}

// item is a part of a feed.
type item struct {
	id    uint64
	path  string
	value json.Marshaler
}

func (s *server) events(w http.ResponseWriter, r *http.Request) {
	top := s.top(r)
	if !wantsStream(r) {
		reply(w, http.StatusOK, s.recentEvents(top))
		return
	}
	s.stream(w, r, top, feed{
		event: "state",
		last: func() uint64 {
			if last := s.Journal.Recent("", 1); len(last) > 0 {
				return last[0].ID
			}
			return 0
		},
		since: func(id uint64) ([]item, bool) {
			entries, gap := s.Journal.Since(id)
			items := make([]item, len(entries))
			for i, e := range entries {
				items[i] = item{e.ID, e.Path, e}
			}
			return items, gap
		},
		watch: s.Journal.Watch,
	})
}

// recentEvents is what is kept of a path and all below it. The path's own last hundred may be older than the rest.
func (s *server) recentEvents(top string) []journal.Entry {
	entries := s.Journal.Recent("", 1000)
	if top == "" {
		return append([]journal.Entry{}, entries...)
	}
	kept := append([]journal.Entry{}, s.Journal.Recent(top, 100)...)
	for _, e := range entries {
		if e.Path != top && under(e.Path, top) {
			kept = append(kept, e)
		}
	}
	slices.SortFunc(kept, func(a, b journal.Entry) int { return int(a.ID) - int(b.ID) })
	return kept
}

func (s *server) logs(w http.ResponseWriter, r *http.Request) {
	top := s.top(r)
	if !wantsStream(r) {
		lines := slices.DeleteFunc(s.Logs.Recent(1000), func(l logring.Line) bool { return top != "" && !under(l.Path(), top) })
		reply(w, http.StatusOK, append([]logring.Line{}, lines...))
		return
	}
	s.stream(w, r, top, feed{
		event: "log",
		last: func() uint64 {
			if last := s.Logs.Recent(1); len(last) > 0 {
				return last[0].ID
			}
			return 0
		},
		since: func(id uint64) ([]item, bool) {
			lines, gap := s.Logs.Since(id)
			items := make([]item, len(lines))
			for i, l := range lines {
				items[i] = item{l.ID, l.Path(), l}
			}
			return items, gap
		},
		watch: s.Logs.Watch,
	})
}

// top is the path that a feed is about, with what is below; "": all.
func (s *server) top(r *http.Request) string {
	path := r.URL.Query().Get("path")
	if path == "" || path == s.Tree.Name {
		return ""
	}
	full, _, _ := s.find(path)
	return full
}

func wantsStream(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/event-stream")
}

// stream sends a feed until the client, the server or the session comes to its end.
func (s *server) stream(w http.ResponseWriter, r *http.Request, top string, f feed) {
	if s.streams.open.Add(1) > mostStreams {
		s.streams.open.Add(-1)
		w.Header().Set("Retry-After", "10")
		fail(w, r, http.StatusServiceUnavailable, "too many streams are open")
		return
	}
	defer s.streams.open.Add(-1)
	out := &sender{w: w, control: http.NewResponseController(w), boot: s.boot, feed: f, top: top}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would keep it
	w.WriteHeader(http.StatusOK)
	ctx, free := s.untilDraining(r.Context())
	defer free()
	woken, stop := f.watch()
	defer stop()
	beat := time.NewTicker(streamBeat)
	defer beat.Stop()
	out.begin(r.Header.Get("Last-Event-ID"))
	beaten := func() bool {
		out.beat()
		return s.gate.identify(r).role != nobody // who has logged out sees no more
	}
	for open := out.send(); open; {
		open = awaitNews(ctx, woken, beat.C, beaten) && out.send()
	}
	if errors.Is(context.Cause(ctx), errDraining) {
		out.send() // how it came to that
	}
}

// awaitNews waits until there is something to send, but for a moment at least. It tells whether the stream goes on.
func awaitNews(ctx context.Context, woken <-chan struct{}, beat <-chan time.Time, beaten func() bool) bool {
	gap := time.NewTimer(streamGap)
	defer gap.Stop()
	select {
	case <-gap.C:
	case <-ctx.Done():
		return false
	}
	select {
	case <-woken:
		return true
	case <-beat:
		return beaten()
	case <-ctx.Done():
		return false
	}
}

// sender writes one stream.
type sender struct {
	w       http.ResponseWriter
	control *http.ResponseController
	boot    string
	feed    feed
	top     string

	cursor uint64 // ID of the last item that was looked at
	text   bytes.Buffer
}

// begin goes on after the event that the client had last. Those of another process are gone.
func (o *sender) begin(lastEventID string) {
	o.text.WriteString("retry: 2000\n\n")
	if lastEventID == "" {
		o.cursor = o.feed.last()
		return
	}
	boot, number, _ := strings.Cut(lastEventID, "-")
	id, err := strconv.ParseUint(number, 10, 64)
	if boot != o.boot || err != nil || id > o.feed.last() {
		o.gap()
		return
	}
	o.cursor = id
}

// send sends what is new, and tells whether that went well.
func (o *sender) send() bool {
	items, gap := o.feed.since(o.cursor)
	if gap && o.cursor > 0 {
		o.gap()
	}
	for _, item := range items {
		o.cursor = item.id
		if o.top != "" && !under(item.path, o.top) {
			continue
		}
		if data, err := item.value.MarshalJSON(); err == nil {
			fmt.Fprintf(&o.text, "event: %s\nid: %s-%d\ndata: %s\n\n", o.feed.event, o.boot, item.id, data)
		}
	}
	return o.flush()
}

func (o *sender) gap() { o.text.WriteString("event: gap\ndata: {}\n\n") }

// beat is a comment, and an ID without an event: what the client was spared need not be sent when it comes back.
func (o *sender) beat() { fmt.Fprintf(&o.text, ":\nid: %s-%d\n\n", o.boot, o.cursor) }

// flush writes what has been collected. A client that does not read is given up.
func (o *sender) flush() bool {
	if o.text.Len() == 0 {
		return true
	}
	_ = o.control.SetWriteDeadline(time.Now().Add(streamPatience)) // where there are deadlines
	_, err := o.w.Write(o.text.Bytes())
	if err == nil {
		err = o.control.Flush()
	}
	_ = o.control.SetWriteDeadline(time.Time{})
	if o.text.Cap() > 64<<10 {
		o.text = bytes.Buffer{}
	}
	o.text.Reset()
	return err == nil
}
