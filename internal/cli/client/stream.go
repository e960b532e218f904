package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	silence       = 50 * time.Second // the daemon says something every 15 s
	firstRetry    = time.Second
	shortestRetry = 100 * time.Millisecond
	longestRetry  = 15 * time.Second
	longestLine   = 4 << 20 // bytes of a stream
)

// Events and Logs are what can be followed.
const (
	Events = "events"
	Logs   = "logs"
)

// Recent is what is remembered of a feed, the newest last; of one service and what is below it, or with "" of all.
func (c *Client) Recent(ctx context.Context, feed, path string, out any) error {
	return c.do(ctx, request{method: http.MethodGet, path: feedPath(feed, path)}, out)
}

func feedPath(feed, path string) string {
	if path == "" {
		return "/api/v1/" + feed
	}
	return "/api/v1/" + feed + "?path=" + url.QueryEscape(path)
}

// Follow is a stream that is to be read.
type Follow struct {
	Feed  string // Events or Logs
	Path  string // of a service; "": all
	After string // the ID of the last event that is known; "": begin with what comes next

	// On is told of each event. Its error ends the stream.
	On func(Event) error

	// Lost is told when the connection is lost, and when the next try is. nil: nobody is.
	Lost func(err error, retry time.Duration)

	// Back is told when it has come back. nil: nobody is.
	Back func()

	// Patient also tries again when the first try fails.
	Patient bool
}

// Event is one of a stream.
type Event struct {
	Type string // "state", "log", or "gap" when some are lost
	Data []byte
}

// Follow reads a stream until ctx ends, or On fails, or the daemon refuses. When the connection is lost it goes on
// where that was.
func (c *Client) Follow(ctx context.Context, f Follow) error {
	s := &stream{Follow: f, id: f.After, base: firstRetry}
	lost := false
	s.opened = func() {
		if lost && f.Back != nil {
			f.Back()
		}
		lost = false
		s.retry = s.base
	}
	s.retry = s.base
	for begun := f.Patient; ; begun = true {
		err := c.read(ctx, s)
		var unreachable *UnreachableError
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case s.failed:
			return err
		case !errors.As(err, &unreachable) && !IsProblem(err, http.StatusServiceUnavailable, http.StatusTooManyRequests, http.StatusBadGateway):
			return err
		case !begun && !s.everOpen:
			return err
		}
		if !lost && f.Lost != nil {
			f.Lost(err, s.retry)
		}
		lost = true
		if err := sleep(ctx, s.retry); err != nil {
			return err
		}
		s.retry = min(2*s.retry, longestRetry)
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// stream is a Follow that is under way.
type stream struct {
	Follow
	id       string // of the last event
	base     time.Duration
	retry    time.Duration
	opened   func()
	everOpen bool
	failed   bool // On did
}

// errSilent is why a connection is given up that may still seem to be open.
var errSilent = errors.New("silent for too long")

// read reads one connection to its end, which is always an error.
func (c *Client) read(ctx context.Context, s *stream) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(patience, func() { cancel(errNoAnswer) })
	defer watch.Stop()
	var header []string
	if s.id != "" {
		header = []string{"Last-Event-ID", s.id}
	}
	resp, err := c.send(ctx, request{method: http.MethodGet, path: feedPath(s.Feed, s.Path)}, "text/event-stream", header...)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if media, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";"); media != "text/event-stream" {
		return &ForeignError{c.name, fmt.Errorf("it sends %q", media)}
	}
	s.everOpen = true
	s.opened()
	watch.Stop()
	watch = time.AfterFunc(silence, func() { cancel(errSilent) })
	defer watch.Stop()
	err = s.parse(resp.Body, func() { watch.Reset(silence) })
	switch {
	case s.failed:
		return err
	case errors.Is(context.Cause(ctx), errSilent):
		return &UnreachableError{c.name, errSilent}
	case errors.Is(err, bufio.ErrTooLong):
		return &ForeignError{c.name, errors.New("a line of its stream has no end")} // and would not have one the next time
	case errors.Is(err, io.EOF):
		return &UnreachableError{c.name, errors.New("it has ended the connection")}
	default:
		return c.unreachable(ctx, err)
	}
}

// parse reads what https://html.spec.whatwg.org/multipage/server-sent-events.html calls an event stream.
func (s *stream) parse(body io.Reader, alive func()) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, longestLine)
	var event Event
	var data bytes.Buffer
	id := s.id // of an event that has not come to its end
	for lines.Scan() {
		alive()
		line := lines.Text()
		if line == "" {
			if data.Len() > 0 {
				event.Data = bytes.Clone(bytes.TrimSuffix(data.Bytes(), []byte("\n")))
				if err := s.On(event); err != nil {
					s.failed = true
					return err
				}
			}
			s.id = id
			event = Event{}
			data.Reset()
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			event.Type = value
		case "data":
			if data.Len()+len(value) > longestLine {
				return bufio.ErrTooLong
			}
			data.WriteString(value + "\n")
		case "id":
			id = value
		case "retry":
			if ms, err := strconv.Atoi(value); err == nil && ms >= 0 {
				s.base = min(max(time.Duration(ms)*time.Millisecond, shortestRetry), longestRetry)
				s.retry = s.base
			}
		default: // a comment, or something newer
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return io.EOF
}
