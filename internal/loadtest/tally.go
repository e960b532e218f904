package loadtest

import (
	"sync"
	"sync/atomic"
	"time"
)

type outcome int

const (
	unsent outcome = iota // the run, or the connection, ended before anything was sent: it never was a request
	ok
	cut
	wrong
	unavailable
	unprocessed
	refused
	local
)

// verdict is what became of one request.
type verdict struct {
	outcome outcome
	drained bool
	stage   Stage // of what was cut
	nth     int
	err     error // why it was cut, or what was wrong
}

// tally collects the verdicts of all clients of a kind.
type tally struct {
	load    *Load
	began   time.Time
	claimed atomic.Int64
	mu      sync.Mutex
	counted Counts
}

func newTally(kind Kind, l *Load) *tally {
	return &tally{load: l, began: time.Now(), counted: Counts{Kind: kind}}
}

// claim asks for leave to send one more request.
func (t *tally) claim() bool {
	if t.load.Requests <= 0 || t.claimed.Add(1) <= int64(t.load.Requests) {
		return true
	}
	t.claimed.Add(-1)
	return false
}

// unclaim gives back the leave of a request that could not be sent.
func (t *tally) unclaim() { t.claimed.Add(-1) }

func (t *tally) add(v verdict) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := &t.counted
	switch v.outcome {
	case unsent:
	case ok:
		c.OK++
		if v.drained {
			c.Drained++
		}
		t.load.Progress.add(c.Kind)
	case cut:
		c.Cut++
	case wrong:
		c.Wrong++
	case unavailable:
		c.Unavailable++
	case unprocessed:
		c.Unprocessed++
	case refused:
		c.Refused++
	case local:
		c.Local++
	}
	if v.outcome == cut || v.outcome == wrong {
		t.describe(v)
	}
}

func (t *tally) describe(v verdict) {
	if len(t.counted.Failures) < mostFailures {
		t.counted.Failures = append(t.counted.Failures,
			Failure{At: time.Since(t.began), Stage: v.stage, Nth: v.nth, Err: v.err})
	}
}

func (t *tally) connected() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counted.Conns++
}

func (t *tally) foundStale() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counted.Stale++
}

func (t *tally) counts() Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counted
}

// Progress counts the requests that were answered well while a run goes on, so that a test knows
// when the server is under load. Its methods may be called at any time, from anywhere.
type Progress struct {
	answered [kinds]atomic.Int64
}

// Of is how many of a kind there were.
func (p *Progress) Of(kind Kind) int { return int(p.answered[kind].Load()) }

// AtLeast reports whether there were n of each of the kinds.
func (p *Progress) AtLeast(n int, of ...Kind) bool {
	for _, kind := range of {
		if p.Of(kind) < n {
			return false
		}
	}
	return true
}

func (p *Progress) add(kind Kind) {
	if p != nil {
		p.answered[kind].Add(1)
	}
}
