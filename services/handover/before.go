package handover

import (
	"context"
	"strings"
	"sync"

	"tend.example/tend/supervise"
)

// before is the process that this one replaces, as far as it is known.
type before struct {
	link   *link
	accept chan struct{} // closed when this process may accept
	charge chan struct{} // closed when it is in charge, and knows what the one before still runs
	gone   chan struct{} // closed when that has ended

	mu   sync.Mutex
	runs map[string]chan struct{} // by path; closed when it is at rest
}

func newBefore(l *link, charge chan struct{}) *before {
	return &before{
		link: l, accept: make(chan struct{}), charge: charge, gone: make(chan struct{}),
		runs: map[string]chan struct{}{},
	}
}

// listen goes on until the process before has ended. orphaned is called when that was too early.
func (b *before) listen(orphaned func()) {
	defer close(b.gone)
	var accepts, charged bool
	for {
		verb, words, err := b.link.hear()
		switch {
		case err != nil && !accepts:
			orphaned()
			return
		case err != nil:
			if !charged {
				close(b.charge)
			}
			return
		case verb == "go" && !accepts:
			accepts = true
			close(b.accept)
			b.link.tell("serving")
		case verb == "runs" && len(words) == 1:
			b.run(words[0])
		case verb == "rest" && len(words) == 1:
			b.rest(words[0])
		case verb == "main" && accepts && !charged:
			charged = true
			close(b.charge)
		}
	}
}

// run notes what the process before still does.
func (b *before) run(path string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.runs[path] == nil {
		b.runs[path] = make(chan struct{})
	}
}

// rest notes what it does no longer. That may be known before it is known what it did.
func (b *before) rest(path string) {
	b.run(path)
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-b.runs[path]:
	default:
		close(b.runs[path])
	}
}

// turn is services.Sockets.Turn.
func (b *before) turn(ctx context.Context, alone bool) error {
	if err := b.await(ctx, b.accept); err != nil || !alone {
		return err
	}
	if err := b.await(ctx, b.charge); err != nil {
		return err
	}
	for path := supervise.Path(ctx); ; {
		b.mu.Lock()
		resting := b.runs[path]
		b.mu.Unlock()
		if resting != nil {
			return b.await(ctx, resting)
		}
		above := strings.LastIndexByte(path, '/')
		if above < 0 {
			return nil
		}
		path = path[:above]
	}
}

// await waits for what is closed, or for the end of the process before once this one is in charge.
func (b *before) await(ctx context.Context, done <-chan struct{}) error {
	gone := b.gone
	if done == b.accept { // its end does not make this process its heir
		gone = nil
	}
	select {
	case <-done:
		return nil
	case <-gone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// hurry tells the process before that this one is told to stop, if it is in charge: nobody need wait for clients to come back.
func (b *before) hurry() {
	select {
	case <-b.charge:
		b.link.tell("stop")
	default:
	}
}

// outlast waits for the end of the process before, if this one is in charge.
func (b *before) outlast() {
	select {
	case <-b.charge:
		<-b.gone
	default:
	}
}

// isGone tells whether it has ended.
func (b *before) isGone() bool {
	select {
	case <-b.gone:
		return true
	default:
		return false
	}
}
