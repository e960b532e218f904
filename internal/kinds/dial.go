package kinds

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// refusedFor is how long a request waits for a program that does not listen, as while it is restarted: as long as
// clients wait at the socket of a services.HTTP.
const refusedFor = 5 * time.Second

// dialer is how all proxies of a Maker reach what they pass requests on to.
type dialer struct {
	once   sync.Once
	shared *http.Transport
}

// transport keeps connections for all of them, so that settings that change leave none behind.
func (d *dialer) transport() *http.Transport {
	d.once.Do(func() {
		d.shared = &http.Transport{
			DialContext:         dialPatiently,
			MaxIdleConnsPerHost: 64,
			IdleConnTimeout:     30 * time.Second,
			TLSHandshakeTimeout: 10 * time.Second,
			DisableCompression:  true, // what the client wants, and what it gets, is between the two
		}
	})
	return d.shared
}

// Close closes the connections that proxies keep.
func (m *Maker) Close() { m.dialer.transport().CloseIdleConnections() }

// dialPatiently tries again while it is refused. Nothing has been sent until then.
func dialPatiently(ctx context.Context, network, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, refusedFor)
	defer cancel()
	var dialer net.Dialer
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, 250*time.Millisecond) {
		conn, err := dialer.DialContext(ctx, network, addr)
		if err == nil || !errors.Is(err, syscall.ECONNREFUSED) {
			return conn, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, err
		}
	}
}
