package logring_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"tend.example/tend/services/admin/logring"
)

// everything is a handler that takes all there is.
type everything struct{ slog.Handler }

func (everything) Enabled(context.Context, slog.Level) bool { return true }

// at logs a line at a second of its own choice.
func at(h slog.Handler, second int64, level slog.Level, message string, attrs ...slog.Attr) {
	r := slog.NewRecord(time.Unix(second, 0), level, message, 0)
	r.AddAttrs(attrs...)
	h.Handle(context.Background(), r)
}

// kept is how many lines of the ring have each message.
func kept(ring *logring.Ring) map[string]int {
	n := map[string]int{}
	for _, line := range ring.Recent(1000) {
		n[line.Message]++
	}
	return n
}

const omitted = "more like this are left out until the next second"

func TestAFloodOfLinesThatAreAlikeLeavesRoomForTheRest(t *testing.T) {
	var ring logring.Ring
	behind := 0
	h := ring.Tee(counting{everything{slog.DiscardHandler}, &behind}).WithAttrs([]slog.Attr{slog.String("service", "tend/web")})
	at(h, 0, slog.LevelInfo, "listening")
	for second := range int64(3) {
		for i := range 20_000 {
			at(h, second, slog.LevelInfo, "request", slog.Int("i", i))
		}
	}
	if got := kept(&ring); got["listening"] != 1 || got["request"] != 300 || got[omitted] != 3 {
		t.Errorf("got %v, want what was before the flood, a hundred lines of each second, and one that tells of the others", got)
	}
	last := ring.Recent(1)[0]
	if last.Message != omitted || last.Path() != "tend/web" || last.Attrs[1].String() != "like=request" {
		t.Errorf("got %+v, want to be told what is left out, and of which service", last)
	}
	if behind != 60_001 {
		t.Errorf("the handler behind it got %d lines, want all of them", behind)
	}
}

// counting counts what it hands on.
type counting struct {
	slog.Handler
	n *int
}

func (c counting) Handle(ctx context.Context, r slog.Record) error {
	*c.n++
	return c.Handler.Handle(ctx, r)
}

func (c counting) WithAttrs(attrs []slog.Attr) slog.Handler {
	return counting{c.Handler.WithAttrs(attrs), c.n}
}

func TestLinesThatDifferAreNoFlood(t *testing.T) {
	long := strings.Repeat("long", 100)
	for name, log := range map[string]func(h slog.Handler, i int){
		"in their message": func(h slog.Handler, i int) { at(h, 0, slog.LevelInfo, fmt.Sprint("job ", i)) },
		"in their logger": func(h slog.Handler, i int) {
			at(h.WithAttrs([]slog.Attr{slog.Int("job", i)}), 0, slog.LevelInfo, "begun")
		},
		"in their group":  func(h slog.Handler, _ int) { at(h.WithGroup("g"), 0, slog.LevelInfo, "begun") },
		"in their level":  func(h slog.Handler, i int) { at(h, 0, slog.Level(i), "begun") },
		"in their second": func(h slog.Handler, i int) { at(h, int64(i), slog.LevelInfo, "begun") },
		"who knows where": func(h slog.Handler, _ int) { at(h, 0, slog.LevelInfo, long) },
	} {
		t.Run(name, func(t *testing.T) {
			var ring logring.Ring
			h := ring.Tee(everything{slog.DiscardHandler})
			for i := range 500 {
				log(h, i)
			}
			if got := ring.Recent(1000); len(got) != 500 {
				t.Errorf("got %d lines, want 500", len(got))
			}
		})
	}
}

// A record without a time is of the present.
func TestAFloodWithoutTimesIsOneOfThePresent(t *testing.T) {
	var ring logring.Ring
	h := ring.Tee(everything{slog.DiscardHandler})
	for range 10_000 {
		h.Handle(context.Background(), slog.NewRecord(time.Time{}, slog.LevelInfo, "request", 0))
	}
	if got := kept(&ring)["request"]; got < 100 || got >= 1000 {
		t.Errorf("got %d lines, want a hundred of each second", got)
	}
}
