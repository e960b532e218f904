package loadtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Backend is one of several servers behind a balancer. Each client of a [Load] is that balancer
// itself: it opens connections to the ready ones in turn, and before each request leaves one that
// has said no since. It does not take a request to a second backend when the first has refused or
// lost it, as some balancers do, for that is what a test wants to see.
//
// A backend is ready when the latest GET of ReadyPath was answered 2xx in time. While none is, a
// request counts as refused.
type Backend struct {
	Addr      string // as Load.Addr
	ReadyAddr string // where readiness is asked for, in plain text; "": Addr, with Load.TLS if there is one
	ReadyPath string // "": /readyz

	always bool // it is the only server, and not asked
}

// errNoneReady is why a request is refused while no backend takes any.
var errNoneReady = errors.New("no backend is ready")

// targets are the backends of one run.
type targets struct {
	load *Load
	all  []*target
	next atomic.Uint64
}

type target struct {
	Backend

	ready atomic.Bool
}

func newTargets(l *Load) *targets {
	ts := &targets{load: l}
	for _, b := range l.Backends {
		t := &target{Backend: b}
		t.ready.Store(b.always)
		ts.all = append(ts.all, t)
	}
	return ts
}

// pick returns the next one that is ready.
func (ts *targets) pick() (*target, error) {
	first := ts.next.Add(1)
	for i := range uint64(len(ts.all)) {
		if t := ts.all[(first+i)%uint64(len(ts.all))]; t.ready.Load() {
			return t, nil
		}
	}
	return nil, errNoneReady
}

// dial connects to one that is ready, without TLS.
func (ts *targets) dial(ctx context.Context) (net.Conn, *target, error) {
	t, err := ts.pick()
	if err != nil {
		return nil, nil, err
	}
	conn, err := ts.load.dial(ctx, t.Addr)
	return conn, t, err
}

// poll looks at the readiness of all until ctx is done.
func (ts *targets) poll(ctx context.Context) {
	for wait(ctx, ts.load.Poll); ctx.Err() == nil; wait(ctx, ts.load.Poll) {
		ts.look(ctx)
	}
}

// look asks all at once, so that a slow one holds up no other, and waits for the answers.
func (ts *targets) look(ctx context.Context) {
	var asked sync.WaitGroup
	for _, t := range ts.all {
		if !t.always {
			asked.Go(func() { t.ready.Store(ts.load.ask(ctx, t) == nil) })
		}
	}
	asked.Wait()
}

// ask returns why a backend is not ready.
func (l *Load) ask(ctx context.Context, t *target) error {
	const longestAsk = time.Second
	addr := cmp.Or(t.ReadyAddr, t.Addr)
	scheme := "http://"
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return l.dial(ctx, addr) },
	}
	if l.TLS != nil && t.ReadyAddr == "" {
		scheme, transport.TLSClientConfig = "https://", l.tlsFor(addr, "http/1.1")
	}
	client := http.Client{Transport: transport, Timeout: longestAsk}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+authority(addr)+cmp.Or(t.ReadyPath, "/readyz"), nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, longestBody)); err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("status %s", resp.Status)
	}
	return nil
}
