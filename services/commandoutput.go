package services

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"tend.example/tend/supervise"
)

const (
	maxLine     = 8 << 10     // bytes; what is longer is cut
	queuedLines = 128         // between the pipes and the log: at most 1 MiB, escapes aside
	logPatience = time.Second // for a log that takes nothing, before lines are dropped
	maxDrain    = 1 << 20     // bytes read after the group has ended: as much as a pipe can hold
	maxWords    = 5           // lines of standard error that are kept for an error
	maxWord     = 256         // bytes of each
)

// output takes what a program writes into the log.
type output struct {
	pipes     pipes
	seen      func(line string)
	lines     chan line
	readers   sync.WaitGroup
	logged    chan struct{} // closed when all lines are
	lastWords lastWords     // of the reader of stderr, and after end whoever's

	stalled atomic.Bool  // the log has taken nothing for long: lines are dropped at once until it does
	hurry   atomic.Bool  // there is no time left to log
	dropped atomic.Int64 // since the last line that was logged
}

// line is a record to be: a line of output, or a part of one, or what the program says on its NOTIFY_SOCKET.
type line struct {
	level   slog.Level
	message string
	attrs   []slog.Attr
}

// collect starts to read; end waits for all that begins here. The log is written by a goroutine of the run,
// because a handler that panics is to fail the run, and not the process.
func collect(ctx context.Context, log *slog.Logger, from pipes, seen func(string)) *output {
	o := &output{pipes: from, seen: seen, lines: make(chan line, queuedLines), logged: make(chan struct{})}
	o.readers.Go(func() { o.read(from.stdout.read, "stdout", slog.LevelInfo, nil) })
	o.readers.Go(func() { o.read(from.stderr.read, "stderr", slog.LevelWarn, &o.lastWords) })
	supervise.Go(ctx, func(context.Context) error {
		defer close(o.logged)
		o.write(ctx, log)
		return nil
	})
	return o
}

// end takes what is still in the pipes, and returns when it is logged, or there was no time for that. The
// group is gone, but whoever has left it may still hold the pipes, so the end of file can't be waited for.
func (o *output) end(until context.Context) {
	within, cancel := context.WithTimeout(until, logWithin)
	defer cancel()
	defer context.AfterFunc(within, func() { o.hurry.Store(true) })()
	for _, f := range []*os.File{o.pipes.stdout.read, o.pipes.stderr.read} {
		if f.SetReadDeadline(time.Now()) != nil {
			f.Close() // there are no deadlines on this system
		}
	}
	o.readers.Wait()
	close(o.lines)
	<-o.logged
}

// read takes one stream apart until it ends.
func (o *output) read(from *os.File, stream string, level slog.Level, words *lastWords) {
	defer from.Close()
	s := splitter{emit: func(part []byte, more bool) {
		text := printable(part)
		words.add(text)
		o.seen(text)
		attrs := []slog.Attr{slog.String("stream", stream), slog.String("line", text)}
		if more {
			attrs = append(attrs, slog.Bool("more", true))
		}
		o.put(line{level, "output", attrs})
	}}
	defer s.flush()
	chunk := make([]byte, maxLine)
	for {
		n, err := from.Read(chunk)
		s.write(chunk[:n])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			o.drain(from, &s, chunk)
			return
		}
		if err != nil {
			return
		}
	}
}

// drain takes what is in a pipe at this moment.
func (o *output) drain(from *os.File, s *splitter, chunk []byte) {
	if from.SetReadDeadline(time.Time{}) != nil {
		return
	}
	for total := 0; total < maxDrain; {
		n, err := readNow(from, chunk)
		if n <= 0 || err != nil {
			return
		}
		s.write(chunk[:n])
		total += n
	}
}

// put hands a line on to the log, or drops it when that has taken nothing for long.
func (o *output) put(l line) {
	select {
	case o.lines <- l:
		return
	default:
	}
	if !o.stalled.Load() && !o.hurry.Load() {
		timer := time.NewTimer(logPatience)
		defer timer.Stop()
		select {
		case o.lines <- l:
			return
		case <-timer.C:
			o.stalled.Store(true)
		}
	}
	o.dropped.Add(1)
}

// write logs lines until there are no more.
func (o *output) write(ctx context.Context, log *slog.Logger) {
	for l := range o.lines {
		if o.hurry.Load() {
			o.dropped.Add(1)
			continue
		}
		if n := o.dropped.Swap(0); n > 0 {
			l.attrs = append(l.attrs, slog.Int64("dropped", n))
		}
		log.LogAttrs(ctx, l.level, l.message, l.attrs...)
		o.stalled.Store(false)
	}
	if n := o.dropped.Load(); n > 0 {
		log.LogAttrs(ctx, slog.LevelWarn, "output dropped", slog.Int64("dropped", n))
	}
}

// lastWords are the last lines of a stream.
type lastWords struct{ lines []string }

func (w *lastWords) add(text string) {
	if w == nil || strings.TrimSpace(text) == "" {
		return
	}
	if len(w.lines) == maxWords {
		w.lines = append(w.lines[:0], w.lines[1:]...)
	}
	if len(text) > maxWord {
		text = text[:wholeRunes([]byte(text[:maxWord]))] + "..."
	}
	w.lines = append(w.lines, text)
}

// splitter makes lines of a stream of bytes.
type splitter struct {
	emit func(part []byte, more bool)
	part []byte // of a line; at most maxLine
}

func (s *splitter) write(data []byte) {
	for len(data) > 0 {
		if i := bytes.IndexByte(data, '\n'); i >= 0 && len(s.part)+i <= maxLine {
			s.part = append(s.part, data[:i]...)
			s.emit(bytes.TrimSuffix(s.part, []byte("\r")), false)
			s.part = s.part[:0]
			data = data[i+1:]
			continue
		}
		n := min(len(data), maxLine-len(s.part))
		if n == 0 {
			s.cut()
			continue
		}
		s.part = append(s.part, data[:n]...)
		data = data[n:]
	}
}

// cut emits a full part, but for the beginning of a rune at its end.
func (s *splitter) cut() {
	n := wholeRunes(s.part)
	s.emit(s.part[:n], true)
	s.part = append(s.part[:0], s.part[n:]...)
}

// flush emits a last line without an end.
func (s *splitter) flush() {
	if len(s.part) > 0 {
		s.emit(s.part, false)
	}
}

// wholeRunes is the length of text without the beginning of a rune at its end.
func wholeRunes(text []byte) int {
	for i := len(text) - 1; i > 0 && i > len(text)-utf8.UTFMax; i-- {
		if utf8.RuneStart(text[i]) {
			if utf8.FullRune(text[i:]) {
				break
			}
			return i
		}
	}
	return len(text)
}

// printable escapes whatever could do harm on a terminal or in a file of lines: control characters but the
// tab, others that are not seen, and bytes that are no UTF-8.
func printable(text []byte) string {
	safe := func(r rune) bool { return r == '\t' || unicode.IsGraphic(r) }
	if utf8.Valid(text) && bytes.IndexFunc(text, func(r rune) bool { return !safe(r) }) < 0 {
		return string(text)
	}
	var out strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && size == 1:
			_, _ = io.WriteString(&out, `\x`+strconv.FormatUint(0x100+uint64(text[0]), 16)[1:])
		case safe(r):
			out.WriteRune(r)
		default:
			quoted := strconv.QuoteRuneToASCII(r)
			out.WriteString(quoted[1 : len(quoted)-1])
		}
		text = text[size:]
	}
	return out.String()
}
