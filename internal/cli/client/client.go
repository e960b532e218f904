// Package client talks to the admin side of a running daemon.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	dialTimeout = 5 * time.Second
	patience    = 10 * time.Second // for an answer, beyond what the daemon was asked to take
	longest     = 64 << 20         // bytes of an answer
)

// Client asks one daemon. It may be used from several goroutines; who is done with it calls Close.
type Client struct {
	name  string // of the address, as the user knows it
	base  string // URL without the slash at its end
	token string
	http  *http.Client
}

// New is a client of the daemon at addr: host:port, unix:PATH, or an http or https URL if there is something in
// between. A host that stands for all addresses, or none, is this machine. The token may be "".
func New(addr, token string) (*Client, error) {
	transport := &http.Transport{
		// No proxy: the token must not go to whoever the environment names.
		TLSHandshakeTimeout: dialTimeout,
		DisableCompression:  true,
	}
	dialer := &net.Dialer{Timeout: dialTimeout}
	transport.DialContext = dialer.DialContext
	c := &Client{name: addr, token: token, http: &http.Client{
		Transport: transport,
		// A redirect would lead the token to somewhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	path, unix := strings.CutPrefix(addr, "unix:")
	switch {
	case unix && path == "":
		return nil, fmt.Errorf("%q: missing path", addr)
	case unix:
		c.base = "http://localhost"
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", path)
		}
	default:
		base, err := baseURL(addr)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", addr, err)
		}
		c.base = base
	}
	return c, nil
}

func baseURL(addr string) (string, error) {
	if !strings.Contains(addr, "://") {
		return hostURL(addr)
	}
	u, err := url.Parse(addr)
	switch {
	case err != nil:
		return "", errors.New("not a URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return "", errors.New("want http or https")
	case u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "", errors.New("want a host and at most a path")
	}
	return strings.TrimSuffix(u.String(), "/"), nil
}

// hostURL is the URL of host:port.
func hostURL(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	var wrong *net.AddrError
	switch {
	case strings.Contains(addr, "/"): // a path without what says so
		return "", errors.New("want host:port, unix:PATH or a URL")
	case errors.As(err, &wrong):
		return "", errors.New(wrong.Err)
	case err != nil:
		return "", err
	case port == "":
		return "", errors.New("missing port")
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return "", fmt.Errorf("port %q: unknown", port)
	}
	// The daemon does not answer to a Host that stands for all addresses.
	switch host {
	case "", "0.0.0.0":
		host = "127.0.0.1"
	case "::":
		host = "::1"
	}
	u := url.URL{Scheme: "http", Host: net.JoinHostPort(host, port)}
	if _, err := url.Parse(u.String()); err != nil {
		return "", errors.New("not a host")
	}
	return u.String(), nil
}

// Close gives back what the client keeps open.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// request is one that is to be sent.
type request struct {
	method string
	path   string // escaped, with its query
	body   any    // nil: none; otherwise it is sent as JSON
	takes  time.Duration
}

// do sends a request and decodes the answer into out, which may be nil.
func (c *Client) do(ctx context.Context, r request, out any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, r.takes+patience, errNoAnswer)
	defer cancel()
	resp, err := c.send(ctx, r, "application/json")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, longest+1))
	switch {
	case err != nil:
		return c.unreachable(ctx, err)
	case len(text) > longest:
		return &ForeignError{c.name, errors.New("the answer has no end")}
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return &ForeignError{c.name, err}
	}
	return nil
}

// send returns only answers that tell of success. The caller closes the body.
func (c *Client) send(ctx context.Context, r request, accept string, header ...string) (*http.Response, error) {
	var body io.Reader
	if r.body != nil {
		text, err := json.Marshal(r.body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, c.base+r.path, body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.name, err)
	}
	req.Header.Set("Accept", accept)
	req.Header.Set("User-Agent", "tend")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		defer resp.Body.Close()
		return nil, c.problem(resp)
	}
	return resp, nil
}
