package services

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"tend.example/tend/supervise"
)

const (
	firstProbe = 10 * time.Millisecond
	slowProbe  = 500 * time.Millisecond
	probeLimit = 5 * time.Second // of one try
)

// probed tells whether something says when the program is ready.
func (c *Command) probed() bool {
	return c.ReadyLine != nil || c.ReadyNotify || c.ReadyAddr != "" || c.ReadyURL != ""
}

// awaitReady sees to it that Ready is called. The function it returns ends that, and waits until it has
// ended.
func (p *process) awaitReady(ctx context.Context) (end func()) {
	c := p.command
	var try func(context.Context) error
	switch {
	case c.ReadyAddr != "":
		try = func(ctx context.Context) error { return accepts(ctx, c.ReadyAddr) }
	case c.ReadyURL != "":
		try = func(ctx context.Context) error { return answers(ctx, c.ReadyURL) }
	case c.probed():
		return func() {} // the readers of its output, or of its socket, will say so
	default:
		p.becomeReady(ctx)
		return func() {}
	}
	probing, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { // end waits for it
		defer close(done)
		p.probe(ctx, probing, try)
	}()
	return func() {
		cancel()
		<-done
	}
}

// probe tries until it succeeds, or probing is done, which ctx ends too.
func (p *process) probe(ctx, probing context.Context, try func(context.Context) error) {
	var last error
	for wait := firstProbe; probing.Err() == nil; wait = min(2*wait, slowProbe) {
		err := within(probing, try)
		if err == nil {
			p.becomeReady(ctx)
			return
		}
		if last == nil || probing.Err() == nil { // or it says no more than that there was no time left
			last = err
		}
		pause(probing, wait)
	}
	if last != nil && errors.Is(context.Cause(ctx), supervise.ErrStartTimeout) {
		p.log.LogAttrs(ctx, slog.LevelWarn, "program was not ready", slog.String("err", last.Error()))
	}
}

func within(ctx context.Context, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	return try(ctx)
}

// accepts tells whether somebody does at an address.
func accepts(ctx context.Context, addr string) error {
	network := "tcp"
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		network, addr = "unix", path
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return err
	}
	return conn.Close()
}

// answers tells whether a URL does, with a status of 2xx. Nothing of the client outlives the try.
func answers(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // so that the program has no broken connection to log
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("GET %s: status %s", req.URL.Redacted(), resp.Status)
	}
	return nil
}
