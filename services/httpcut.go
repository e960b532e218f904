package services

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// shutdown closes what is idle, and at the end of stop what is not.
func (r *httpRun) shutdown(stop context.Context) error {
	_ = r.server.Shutdown(stop) // its only error says that stop has ended, and cut says what of
	if n := r.cut(); n > 0 {
		return fmt.Errorf("stop serving on %s: out of time; requests cut off: %d%s", r.http.where(), n, r.lost.names())
	}
	return nil
}

// cut closes every connection, waits until their handlers are back, and tells how many requests
// were in flight, or had been given up; lost has their names then. The accept loop must have ended.
func (r *httpRun) cut() (requests int64) {
	requests = r.active.Load() + r.gaveUp.Load()
	r.closing.Store(true)
	_ = r.server.Close()
	requests += r.conns.closeHijacked()
	r.http.counts.cut.Add(requests)
	r.end()
	r.conns.handled.Wait()
	for r.active.Load() > 0 { // of HTTP/2, or with a connection that is theirs
		time.Sleep(look)
	}
	return requests
}

const (
	named    = 5   // requests that an error has the names of
	longPath = 100 // bytes of a path in it
)

// casualties are requests that were not answered in full. They are told by those who had them, on their own goroutines,
// so nothing need be kept of a request that is well.
type casualties struct {
	mu    sync.Mutex
	first []string
	more  int
}

// note notes a request that came so long ago. Of its path there is no query, which may have secrets.
func (c *casualties) note(req *http.Request, ago time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.first) == named {
		c.more++
		return
	}
	path := req.URL.EscapedPath()
	if len(path) > longPath {
		path = path[:longPath] + "..."
	}
	c.first = append(c.first, fmt.Sprintf("%s %s after %v", req.Method, path, ago.Round(time.Millisecond)))
}

// names is ": GET /a after 3s, GET /b after 1s", or "".
func (c *casualties) names() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.first) == 0 {
		return ""
	}
	text := ": " + strings.Join(c.first, ", ")
	if c.more > 0 {
		text += fmt.Sprintf(" and %d more", c.more)
	}
	return text
}
