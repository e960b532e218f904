package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Info is what a daemon is.
type Info struct {
	Root     string    `json:"root"`
	Version  string    `json:"version"`
	Started  time.Time `json:"started"`
	PID      int       `json:"pid"`
	Boot     string    `json:"boot"` // begins the IDs of its events
	Role     string    `json:"role"`
	Drill    bool      `json:"drill"`
	LogLevel string    `json:"log_level"`
}

// Status is a service, or a group, at one moment. The state is text: a daemon may be newer, and know others.
type Status struct {
	Name     string          `json:"name"`
	Path     string          `json:"path"`
	State    string          `json:"state"`
	Run      int             `json:"run,omitzero"`
	Restarts int             `json:"restarts,omitzero"`
	Since    time.Time       `json:"since,omitzero"`
	Next     time.Time       `json:"next,omitzero"`
	Err      string          `json:"err,omitzero"`
	Policy   string          `json:"policy,omitzero"`
	Detail   json.RawMessage `json:"detail,omitempty"`
	Counts   map[string]int  `json:"counts,omitempty"`
	Members  string          `json:"member_policy,omitzero"`
	Children []Status        `json:"children,omitempty"`
}

// Service is a service with what happened to it.
type Service struct {
	Status    Status   `json:"status"`
	Policy    string   `json:"policy"`
	Events    []Entry  `json:"events"`
	LastError *Entry   `json:"last_error"`
	Actions   []string `json:"actions"`
}

// Entry is something that happened.
type Entry struct {
	ID      uint64    `json:"id"`
	Time    time.Time `json:"time"`
	Path    string    `json:"path"`
	State   string    `json:"state"`
	Run     int       `json:"run,omitzero"`
	Err     string    `json:"err,omitzero"`
	Delay   string    `json:"delay,omitzero"`
	Dropped int       `json:"dropped,omitzero"`
	Stack   string    `json:"stack,omitzero"`
}

// Line is a line of the daemon's log.
type Line struct {
	ID    uint64                     `json:"id"`
	Time  time.Time                  `json:"time"`
	Level string                     `json:"level"`
	Msg   string                     `json:"msg"`
	Attrs map[string]json.RawMessage `json:"attrs,omitempty"`
}

// Done is the answer to an action. Err is what did not go well, though the action is done.
type Done struct {
	Status    Status `json:"status"`
	Err       string `json:"err,omitzero"`
	Cancelled *int   `json:"cancelled"` // runs that were told to end; nil: it was not asked, or does not tell
}

// Outcome is what became of a run of a job. It is "" of one that has just begun.
type Outcome struct {
	Outcome string `json:"outcome,omitzero"`
	Err     string `json:"err,omitzero"`
}

// Upcoming is when a job runs next, or would run if it were not paused or at rest.
type Upcoming struct {
	State  string      `json:"state"`
	Paused bool        `json:"paused"`
	Next   []time.Time `json:"next"`
}

// Share is what a service has of the program. The path "" is what belongs to no service.
type Share struct {
	Path       string  `json:"path"`
	Goroutines int     `json:"goroutines"`
	CPU        float64 `json:"cpu,omitzero"` // of one processor, while it was looked at
	Stacks     string  `json:"stacks,omitzero"`
}

// Info asks who is there.
func (c *Client) Info(ctx context.Context) (info Info, err error) {
	err = c.do(ctx, request{method: http.MethodGet, path: "/api/v1/info"}, &info)
	return info, err
}

// Tree is all there is. Of a pool it has those members that are not running, at most 100.
func (c *Client) Tree(ctx context.Context) (tree Status, err error) {
	err = c.do(ctx, request{method: http.MethodGet, path: "/api/v1/tree"}, &tree)
	if err == nil && tree.Path == "" {
		err = &ForeignError{c.name, errNoTree}
	}
	return tree, err
}

// Service asks about one.
func (c *Client) Service(ctx context.Context, path string) (service Service, err error) {
	err = c.do(ctx, request{method: http.MethodGet, path: servicePath(path)}, &service)
	return service, err
}

// Act restarts, stops, starts or resets a service, or pauses, resumes or cancels a job. It waits for the end as long
// as takes; the daemon goes on when that is not long enough.
func (c *Client) Act(ctx context.Context, path, verb string, takes time.Duration) (done Done, err error) {
	query := ""
	if takes > 0 {
		query = "?timeout=" + takes.String()
	}
	err = c.do(ctx, request{method: http.MethodPost, path: servicePath(path) + "/" + verb + query, takes: takes}, &done)
	return done, err
}

// Trigger begins a run of a job and, with a wait, waits for its end.
func (c *Client) Trigger(ctx context.Context, path string, wait time.Duration) (outcome Outcome, err error) {
	query := ""
	if wait > 0 {
		query = "?wait=true&timeout=" + wait.String()
	}
	err = c.do(ctx, request{method: http.MethodPost, path: servicePath(path) + "/trigger" + query, takes: wait}, &outcome)
	return outcome, err
}

// SetPolicy changes what policy names, or all of it, and returns what it is then.
func (c *Client) SetPolicy(ctx context.Context, path, policy string, all bool) (now string, err error) {
	method := http.MethodPatch
	if all {
		method = http.MethodPut
	}
	err = c.do(ctx, request{method: method, path: servicePath(path) + "/policy", body: policy}, &now)
	return now, err
}

// Drill makes a service fail.
func (c *Client) Drill(ctx context.Context, path, mode string) error {
	return c.do(ctx, request{method: http.MethodPost, path: servicePath(path) + "/drill?mode=" + url.QueryEscape(mode)}, nil)
}

// Upcoming is when a job runs next, n times.
func (c *Client) Upcoming(ctx context.Context, path string, n int) (times Upcoming, err error) {
	err = c.do(ctx, request{method: http.MethodGet, path: servicePath(path) + "/next?n=" + strconv.Itoa(n)}, &times)
	return times, err
}

// Stacks is where the goroutines of a service are; with seconds, also what it takes of the CPU meanwhile.
func (c *Client) Stacks(ctx context.Context, path string, seconds int) (share Share, err error) {
	err = c.do(ctx, c.profile(servicePath(path)+"/goroutines", seconds), &share)
	return share, err
}

// Shares is that of all services, without stacks.
func (c *Client) Shares(ctx context.Context, seconds int) (shares []Share, err error) {
	err = c.do(ctx, c.profile("/api/v1/goroutines", seconds), &shares)
	return shares, err
}

func (c *Client) profile(path string, seconds int) request {
	if seconds > 0 {
		path += "?seconds=" + strconv.Itoa(seconds)
	}
	return request{method: http.MethodGet, path: path, takes: time.Duration(seconds) * time.Second}
}

// LogLevel is the lowest level that is logged.
func (c *Client) LogLevel(ctx context.Context) (level string, err error) {
	err = c.do(ctx, request{method: http.MethodGet, path: "/api/v1/log-level"}, &level)
	return level, err
}

// SetLogLevel sets it.
func (c *Client) SetLogLevel(ctx context.Context, level string) (now string, err error) {
	err = c.do(ctx, request{method: http.MethodPut, path: "/api/v1/log-level", body: level}, &now)
	return now, err
}

// servicePath is where a service is found, its name escaped.
func servicePath(path string) string {
	segments := strings.Split(path, "/")
	for i := range segments {
		segments[i] = url.PathEscape(segments[i])
	}
	return "/api/v1/services/" + strings.Join(segments, "/")
}
