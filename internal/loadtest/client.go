package loadtest

import (
	"context"
	"math/rand/v2"
	"time"
)

// A client that is refused tries again after this long, then twice that, up to the longest.
const (
	shortestBackoff = time.Millisecond
	longestBackoff  = 16 * time.Millisecond
)

// sender is one client as far as its protocol goes.
type sender interface {
	// send sends one request, and returns when it is clear what has become of it. When ctx is done
	// it still finishes what it has begun to send.
	send(ctx context.Context) verdict

	// rest returns after d, or when ctx is done.
	rest(ctx context.Context, d time.Duration)

	close()
}

// senders returns what makes the sender of the client with the given number.
func (l *Load) senders(s spec, targets *targets, t *tally) func(id int) sender {
	switch s.protocol {
	case http2:
		groups := make([]*h2Conns, (l.Clients+streamsPerConn-1)/streamsPerConn)
		for i := range groups {
			groups[i] = &h2Conns{load: l, targets: targets, tally: t}
		}
		return func(id int) sender {
			return &h2Client{load: l, spec: s, id: id, conns: groups[id/streamsPerConn]}
		}
	case websocket:
		return func(id int) sender { return &wsClient{load: l, targets: targets, tally: t, spec: s, id: id} }
	default:
		return func(id int) sender { return &h1Client{load: l, targets: targets, tally: t, spec: s, id: id} }
	}
}

// client sends requests for as long as the run goes on.
func (l *Load) client(ctx context.Context, t *tally, s sender) {
	defer s.close()
	backoff := shortestBackoff
	for ctx.Err() == nil && t.claim() {
		v := s.send(ctx)
		t.add(v)
		switch v.outcome {
		case unsent:
			t.unclaim()
		case refused, local:
			t.unclaim()
			wait(ctx, backoff)
			backoff = min(2*backoff, longestBackoff)
		default:
			backoff = shortestBackoff
			if l.Pause > 0 {
				s.rest(ctx, l.Pause/2+rand.N(l.Pause))
			}
		}
	}
}

// wait returns after d, or when ctx is done.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
