// Package logsink is where the lines of a log go. Who logs never waits for who reads the log: lines wait in a
// bounded queue, what has no room there is counted, and the log says how many that were as soon as it flows again.
// Failures that repeat themselves are shown a few times, and then summed up.
package logsink

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"
)

const (
	capacity = 1 << 20      // bytes that wait to be written; as many again are being written
	spare    = capacity / 4 // bytes that are kept for lines to come
	grace    = time.Second  // for what waits when Serve is told to end
)

// ErrUnread is what Serve returns when nobody takes the rest of the log.
var ErrUnread = errors.New("the rest of the log could not be written")

// Sink writes lines to a file, from a goroutine of its own.
//
// A file that takes nothing (a pipe that nobody reads, a terminal that was halted) costs lines, and so does one that
// fails (a pipe whose reader has died); neither costs anything else. The Sink goes on trying, so a file that
// recovers has the lines from then on, after one that says how many are missing.
type Sink struct {
	out     io.Writer
	handler slog.Handler
	report  slog.Handler // writes to line
	line    bytes.Buffer // only who holds mu uses both
	damper  *damper
	wake    chan struct{} // has a token when there is something to do

	mu    sync.Mutex
	queue []byte // whole lines
	spare []byte // empty
	lost  int    // lines since the last report
	told  told   // by reports in the queue
	torn  bool   // the last line that was written is not whole; only Serve's goroutine uses it
}

// told is what reports in a batch of lines say.
type told struct{ reports, lost int }

// New is a sink that writes to out what format makes of records: a handler that writes each record by a single call
// of Write. Nothing is written before Serve is called.
func New(out io.Writer, format func(io.Writer) slog.Handler) *Sink {
	s := &Sink{out: out, wake: make(chan struct{}, 1)}
	s.report = format(&s.line)
	s.damper = newDamper(s.poke)
	s.handler = &dampedHandler{damper: s.damper, next: format(queue{s})}
	return s
}

// Handler logs into the sink.
func (s *Sink) Handler() slog.Handler { return s.handler }

// Settle logs the summaries of all failures that are being held back. To be called before the last line of a program,
// which is to be the last.
func (s *Sink) Settle() { s.damper.release(time.Now()) }

// Serve writes until ctx is done, and then what is left. For that it takes a second at most: then it returns ErrUnread
// and leaves a goroutine behind, as nothing ends a write that blocks. To be called once.
func (s *Sink) Serve(ctx context.Context) error {
	written := make(chan struct{})
	go func() { // waited for below, if it can be
		defer close(written)
		s.writeUntil(ctx)
	}()
	<-ctx.Done()
	late := time.NewTimer(grace)
	defer late.Stop()
	select {
	case <-written:
		return nil
	case <-late.C:
		return ErrUnread
	}
}

func (s *Sink) writeUntil(ctx context.Context) {
	due := time.NewTimer(0)
	defer due.Stop()
	for {
		s.drain()
		due.Stop()
		if next := s.damper.next(); !next.IsZero() {
			due.Reset(time.Until(next))
		}
		select {
		case <-s.wake:
		case now := <-due.C:
			s.damper.expire(now)
		case <-ctx.Done():
			s.Settle()
			s.drain()
			return
		}
	}
}

// drain writes until nothing waits.
func (s *Sink) drain() {
	for {
		batch, told := s.take()
		if len(batch) == 0 {
			return
		}
		s.write(batch, told)
		if cap(batch) <= spare {
			s.spare = batch
		}
	}
}

// take is what waits. The queue goes on in memory that was used before.
func (s *Sink) take() (batch []byte, told told) {
	s.mu.Lock()
	defer s.mu.Unlock()
	batch, told = s.queue, s.told
	s.queue, s.spare, s.told.reports, s.told.lost = s.spare[:0], nil, 0, 0
	return batch, told
}

// write writes whole lines. What did not get through is lost, and what that was to tell of has yet to be told.
func (s *Sink) write(batch []byte, told told) {
	if s.torn {
		if _, err := s.out.Write([]byte("\n")); err != nil {
			s.lose(batch, told)
			return
		}
		s.torn = false
	}
	n, err := s.out.Write(batch)
	if err == nil {
		s.flows()
		return
	}
	if n = max(0, min(n, len(batch))); n > 0 {
		s.torn = batch[n-1] != '\n'
		told.reports, told.lost = 0, 0 // they came first
	}
	s.lose(batch[n:], told)
}

// flows tells of what was lost while the file took nothing.
func (s *Sink) flows() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost > 0 {
		s.tell()
	}
}

// lose waits for the next line before it tells anything: that would most likely be lost, too, and told again.
func (s *Sink) lose(lines []byte, told told) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost += bytes.Count(lines, []byte("\n")) - told.reports + told.lost
}

// tell puts into the queue that lines were lost. The caller holds mu.
func (s *Sink) tell() {
	s.line.Reset()
	r := slog.NewRecord(time.Now(), slog.LevelWarn, "log lines lost", 0)
	r.AddAttrs(slog.Int("lines", s.lost))
	if s.report.Handle(context.Background(), r) != nil {
		return
	}
	s.queue = append(s.queue, s.line.Bytes()...)
	s.told.reports++
	s.told.lost += s.lost
	s.lost = 0
}

func (s *Sink) poke() {
	select {
	case s.wake <- struct{}{}:
	default: // it has a token
	}
}

// queue is the end of a Sink that a handler writes to.
type queue struct{ *Sink }

// Write takes a line. It never waits, and never fails.
func (q queue) Write(line []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.queue)+len(line) > capacity {
		q.lost++
		return len(line), nil
	}
	if q.lost > 0 {
		q.tell()
	}
	q.queue = append(q.queue, line...)
	q.poke()
	return len(line), nil
}
