package logring_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime"
	"strings"
	"testing"
	"testing/slogtest"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"tend.example/tend/services/admin/logring"
)

func TestALineIsKeptAsItWasLogged(t *testing.T) {
	var ring logring.Ring
	var out bytes.Buffer
	log := slog.New(ring.Tee(slog.NewTextHandler(&out, nil))).With("service", "tend/hello").WithGroup("request").With("id", 7)
	log.Debug("not enabled")
	log.Warn("slow", "took", 1500*time.Millisecond, "err", errors.New("x\ny"), "ok", true, slog.Group("peer", "uid", uint(3), slog.Group("", "gid", 4)), "part", math.NaN())
	lines := ring.Recent(10)
	if len(lines) != 1 {
		t.Fatalf("got %d lines, want the one that was enabled", len(lines))
	}
	if got := lines[0].Path(); got != "tend/hello" {
		t.Errorf("Path: got %q", got)
	}
	got, err := json.Marshal(lines[0])
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(got, &fields); err != nil {
		t.Fatal(err)
	}
	delete(fields, "time")
	want := map[string]any{"id": 1.0, "level": "WARN", "msg": "slow", "attrs": map[string]any{
		"service": "tend/hello", "request.id": 7.0, "request.took": "1.5s", "request.err": "x\ny", "request.ok": true,
		"request.peer.uid": 3.0, "request.peer.gid": 4.0, "request.part": "NaN",
	}}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if text := out.String(); !strings.Contains(text, `msg=slow service=tend/hello request.id=7 request.took=1.5s`) || strings.Count(text, "\n") != 1 {
		t.Errorf("the handler behind it got %s", text)
	}
}

func TestTheHandlerBehindItIsStillAHandler(t *testing.T) {
	var out bytes.Buffer
	var ring logring.Ring
	err := slogtest.TestHandler(ring.Tee(slog.NewJSONHandler(&out, nil)), func() []map[string]any {
		var all []map[string]any
		for line := range bytes.Lines(out.Bytes()) {
			var m map[string]any
			if err := json.Unmarshal(line, &m); err != nil {
				t.Fatal(err)
			}
			all = append(all, m)
		}
		return all
	})
	if err != nil {
		t.Error(err)
	}
}

type changing struct{ text string }

func (c *changing) String() string { return c.text }

func TestALineDoesNotChangeWithWhatWasLogged(t *testing.T) {
	var ring logring.Ring
	log := slog.New(ring.Tee(slog.DiscardHandler))
	log.Info("discarded") // as Enabled says no
	log = slog.New(ring.Tee(slog.NewTextHandler(&bytes.Buffer{}, nil)))
	value := &changing{"before"}
	log.Info("m", "value", value)
	value.text = "after"
	for range 3 {
		log.Info("a line with more", "value", "other", "b", 1, "c", 2)
	}
	lines := ring.Recent(1000)
	if len(lines) != 4 || lines[0].Attrs[0].Value.String() != "before" {
		t.Errorf("got %v", lines)
	}
	kept := lines[0].Attrs[0].Value.String()
	for i := range 2000 {
		log.Info(fmt.Sprint("m", i), "value", i)
	}
	if lines[0].Attrs[0].Value.String() != kept {
		t.Error("what was read has changed, as its place in the ring is used again")
	}
}

func TestLongTextsAndManyLinesAreBounded(t *testing.T) {
	var ring logring.Ring
	log := slog.New(ring.Tee(slog.NewTextHandler(&bytes.Buffer{}, nil)))
	var many []any
	for i := range 200 {
		many = append(many, slog.Int(fmt.Sprint(i), i))
	}
	log.Info(strings.Repeat("é", 10_000), "a", strings.Repeat("b", 10_000))
	log.Info("m", many...)
	lines := ring.Recent(2)
	if got := len(lines[0].Message); got > 4200 || !strings.HasSuffix(lines[0].Message, "...") {
		t.Errorf("message: got %d bytes", got)
	}
	if got := len(lines[0].Attrs[0].Value.String()); got > 4200 {
		t.Errorf("attribute: got %d bytes", got)
	}
	if got := len(lines[1].Attrs); got > 64 {
		t.Errorf("got %d attributes", got)
	}
	for i := range 1500 {
		log.Info(fmt.Sprint("m", i))
	}
	if got := ring.Recent(5000); len(got) != 1000 || got[999].ID != 1502 {
		t.Errorf("got %d lines, want the last 1000 of 1502", len(got))
	}
}

func TestWhatIsInAGroupIsBoundedToo(t *testing.T) {
	var ring logring.Ring
	log := slog.New(ring.Tee(slog.NewTextHandler(&bytes.Buffer{}, nil)))
	var group []any
	for i := range 200 {
		group = append(group, slog.String(fmt.Sprint(strings.Repeat("k", 5000), i), strings.Repeat("v", 5000)))
	}
	log.With(slog.Group("with", group...)).Info("m", slog.Group("own", group...))
	size := 0
	for _, a := range ring.Recent(1)[0].Attrs {
		size += len(a.Key) + len(a.Value.String())
	}
	if size > 64<<10 {
		t.Errorf("a line has %d bytes", size)
	}
}

func TestAPartOfALongTextDoesNotKeepItAlive(t *testing.T) {
	var ring logring.Ring
	log := slog.New(ring.Tee(slog.NewTextHandler(&bytes.Buffer{}, nil)))
	gone := make(chan struct{})
	func() {
		long := bytes.Repeat([]byte("x"), 1<<20)
		runtime.AddCleanup(&long[0], func(gone chan struct{}) { close(gone) }, gone)
		part := unsafe.String(&long[0], 10)
		log.Info(part, "part", part)
	}()
	runtime.GC()
	select {
	case <-gone:
	case <-time.After(10 * time.Second):
		t.Error("the text that a part was logged of is still there")
	}
	if got := ring.Recent(1)[0]; got.Message != "xxxxxxxxxx" || got.Attrs[0].Value.String() != "xxxxxxxxxx" {
		t.Errorf("got %v", got)
	}
}

func TestEveryKindOfValueIsKept(t *testing.T) {
	var ring logring.Ring
	at := time.Date(2024, 2, 29, 12, 0, 0, 123456789, time.FixedZone("", 5400))
	odd := at.In(time.FixedZone("", 40_000*60)) // a zone that has no binary form
	want := []slog.Attr{
		slog.String("", "s"), slog.Int64("i", math.MinInt64), slog.Uint64("u", math.MaxUint64), slog.Float64("f", math.Inf(-1)),
		slog.Bool("yes", true), slog.Bool("no", false), slog.Duration("d", -time.Nanosecond), slog.Time("t", at), slog.String("empty", ""),
	}
	log := slog.New(ring.Tee(slog.NewTextHandler(&bytes.Buffer{}, nil)))
	log.LogAttrs(t.Context(), slog.LevelInfo, "", want...)
	log.LogAttrs(t.Context(), slog.LevelInfo, "m", slog.Time("t", odd))
	lines := ring.Recent(2)
	if got := fmt.Sprint(lines[0].Attrs); got != fmt.Sprint(want) {
		t.Errorf("got\n%s, want\n%s", got, fmt.Sprint(want))
	}
	if got := lines[1].Attrs[0].Value.Time(); !got.Equal(odd) {
		t.Errorf("got %s, want %s", got, odd)
	}
}

func TestSinceAndWatchFollowTheLog(t *testing.T) {
	var ring logring.Ring
	log := slog.New(ring.Tee(slog.NewTextHandler(&bytes.Buffer{}, nil)))
	woken, stop := ring.Watch()
	defer stop()
	log.Info("a")
	log.Info("b")
	<-woken
	if got, gap := ring.Since(1); gap || len(got) != 1 || got[0].Message != "b" {
		t.Errorf("Since(1): got %v, gap %v", got, gap)
	}
	if got, gap := ring.Since(99); !gap || len(got) != 2 {
		t.Errorf("Since(99), of another process: got %v, gap %v", got, gap)
	}
}

func BenchmarkTee(b *testing.B) {
	var ring logring.Ring
	handler := ring.Tee(slog.DiscardHandler)
	r := slog.NewRecord(time.Now(), slog.LevelInfo, "request", 0)
	r.AddAttrs(slog.String("route", "GET /hello"), slog.Int("status", 200), slog.Duration("took", time.Millisecond), slog.Int("bytes", 12), slog.String("id", "x"))
	b.ReportAllocs()
	for b.Loop() {
		_ = handler.Handle(b.Context(), r)
	}
}
