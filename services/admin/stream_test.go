package admin_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tend.example/tend/services/admin"
	"tend.example/tend/supervise"
)

// client reads a stream in a bubble.
type client struct {
	mu    sync.Mutex
	all   bytes.Buffer
	head  http.Header
	leave context.CancelFunc
	over  chan struct{}
}

func (c *client) Header() http.Header { return c.head }
func (c *client) WriteHeader(int)     {}
func (c *client) Flush()              {}

func (c *client) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all.Write(p)
}

func (c *client) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all.String()
}

// follow begins a stream.
func follow(t *testing.T, h http.Handler, target string, header ...string) *client {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	r := httptest.NewRequestWithContext(ctx, "GET", target, http.NoBody)
	r.Host = "localhost"
	r.Header.Set("Accept", "text/event-stream")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	c := &client{head: http.Header{}, leave: leave, over: make(chan struct{})}
	go func() {
		defer close(c.over)
		h.ServeHTTP(c, r)
	}()
	synctest.Wait()
	return c
}

func (c *client) end() {
	c.leave()
	<-c.over
}

// ids are those of the events that came.
func (c *client) ids() (ids []string) {
	for line := range strings.Lines(c.text()) {
		if id, ok := strings.CutPrefix(strings.TrimSpace(line), "id: "); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

func restart(t *testing.T, s *side, times int) {
	t.Helper()
	for range times {
		if err := s.view.Tree.Restart(t.Context(), "tend/hello"); err != nil {
			t.Error(err)
		}
	}
	time.Sleep(200 * time.Millisecond) // what is between two batches
	synctest.Wait()
}

func TestAStreamIsResumedWhereItEnded(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, s *side) {
		first := follow(t, s.handler, "/api/v1/events")
		if got := first.text(); got != "retry: 2000\n\n" || first.head.Get("Content-Type") != "text/event-stream" {
			t.Errorf("at first: got %q, want nothing old", got)
		}
		restart(t, s, 1)
		first.end()
		if got := first.text(); strings.Count(got, "event: state\n") != 3 || !strings.Contains(got, `"path":"tend/hello","state":"running","run":2`) {
			t.Errorf("after a restart: %s", got)
		}
		restart(t, s, 1) // while nobody reads
		all := first.ids()
		second := follow(t, s.handler, "/api/v1/events", "Last-Event-ID", all[1])
		second.end()
		if got := second.ids(); len(got) != 4 || got[0] != all[2] || strings.Contains(second.text(), "event: gap") {
			t.Errorf("resumed after %s: got %v", all[1], got)
		}
	}, hello())
}

func TestWhatIsLostIsToldAsAGap(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, s *side) {
		first := follow(t, s.handler, "/api/v1/events")
		restart(t, s, 1)
		first.end()
		last := first.ids()[0]
		restart(t, s, 400)
		for name, id := range map[string]string{"too old": last, "of another process": "ffffffff-3", "of the future": last[:8] + "-999999", "rubbish": "x"} {
			c := follow(t, s.handler, "/api/v1/events", "Last-Event-ID", id)
			c.end()
			if got := c.text(); strings.Count(got, "event: gap\ndata: {}\n\n") != 1 || len(c.ids()) != 1000 {
				t.Errorf("%s: %d gaps, %d events; want one, and what is kept", name, strings.Count(got, "event: gap"), len(c.ids()))
			}
		}
	}, hello())
}

func TestAStreamOfOnePathHasThatAndWhatIsBelow(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, s *side) {
		c := follow(t, s.handler, "/api/v1/events?path=g")
		other := follow(t, s.handler, "/api/v1/events?path=tend/hello")
		restart(t, s, 1)
		if err := s.view.Tree.Restart(t.Context(), "tend/g/x"); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if got := c.text(); strings.Contains(got, "tend/hello") || strings.Count(got, "tend/g/x") != 3 {
			t.Errorf("got %s", got)
		}
		if got := other.text(); strings.Contains(got, "tend/g") || strings.Count(got, "tend/hello") != 3 {
			t.Errorf("got %s", got)
		}
		time.Sleep(15 * time.Second) // what it was spared need not be looked at again
		synctest.Wait()
		if ids := other.ids(); !strings.HasSuffix(other.text(), ":\nid: "+ids[len(ids)-1]+"\n\n") || ids[len(ids)-1] == ids[2] {
			t.Errorf("at the beat: %s", other.text())
		}
		c.end()
		other.end()
		_, body := ask(s.handler, "GET", "/api/v1/events?path=g")
		if strings.Contains(body, "hello") || !strings.Contains(body, "tend/g/x") {
			t.Errorf("as an array: %s", body)
		}
		check(t, s.handler, "GET", "/api/v1/events?path=nobody", 200, "[]")
	}, hello(), supervise.Child{Name: "g", Service: &supervise.Group{Children: []supervise.Child{{Name: "x", Service: supervise.Func(idle)}}}})
}

func TestStreamsEndWhenTheServerDrains(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, s *side) {
		events, logs := follow(t, s.handler, "/api/v1/events"), follow(t, s.handler, "/api/v1/logs")
		s.events.Observe(supervise.Event{Path: "tend", State: supervise.Stopping})
		close(s.drained)
		<-events.over
		<-logs.over
		if !strings.Contains(events.text(), `"state":"stopping"`) {
			t.Errorf("the last event is missing: %s", events.text())
		}
	}, hello())
}

func TestTheStreamOfWhoLogsOutEnds(t *testing.T) {
	inBubble(t, locked, func(t *testing.T, s *side) {
		r := httptest.NewRequest("POST", "/login", strings.NewReader("token="+token))
		r.Host = "localhost"
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		cookie := w.Result().Cookies()[0]
		c := follow(t, s.handler, "/api/v1/events", "Cookie", cookie.String())
		ask(s.handler, "POST", "/logout", "Cookie", cookie.String())
		time.Sleep(16 * time.Second)
		<-c.over
	}, hello())
}

func TestTheLogIsStreamed(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, s *side) {
		c := follow(t, s.handler, "/api/v1/logs?path=hello")
		s.view.Log.Info("served", "service", "tend/hello", "status", 200)
		s.view.Log.Info("other", "service", "tend/timer")
		time.Sleep(time.Second)
		synctest.Wait()
		c.end()
		if got := c.text(); !strings.Contains(got, "event: log\n") || !strings.Contains(got, `"msg":"served","attrs":{"service":"tend/hello","status":200}`) || strings.Contains(got, "other") {
			t.Errorf("got %s", got)
		}
		if _, body := ask(s.handler, "GET", "/api/v1/logs"); !strings.Contains(body, "other") {
			t.Errorf("as an array: %s", body)
		}
	}, hello())
}

func TestAClientThatDoesNotReadIsGivenUpAndAWriteTimeoutOfTheServerIsNot(t *testing.T) {
	s := newSide(func(v *admin.View) { v.Draining = nil }, hello())
	server := httptest.NewUnstartedServer(s.handler)
	server.Config.WriteTimeout = 50 * time.Millisecond
	server.Start()
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/api/v1/events", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	for i := range 5 { // over a time that is longer than the timeout
		time.Sleep(30 * time.Millisecond)
		s.events.Observe(supervise.Event{Path: fmt.Sprintf("tend/%d", i), State: supervise.Running})
	}
	if !readsUntil(bufio.NewReader(resp.Body), "tend/4") {
		t.Error("the stream was cut")
	}
}
