// Package top shows a daemon as it lives, in a terminal, and lets the keyboard steer it.
package top

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"tend.example/tend/internal/cli/client"
	"tend.example/tend/internal/cli/show"
	"tend.example/tend/supervise"
)

const (
	refresh  = time.Second            // ages and backoffs count by it
	leastGap = 200 * time.Millisecond // between two looks at the tree, however much happens
	mostGap  = 2 * time.Second        // what is no event is seen by then
	deedTime = 30 * time.Second

	afterSuspend = 200 * time.Millisecond // is over at once when the process has been stopped meanwhile
)

// Top is shown until the user quits.
type Top struct {
	Daemon  *client.Client
	In, Out *os.File // a terminal
	Colour  bool
	Now     func() time.Time
}

// Run shows it. It returns nil when the user has quit, and in any case, a panic included, leaves the terminal as it
// was.
func (o Top) Run(ctx context.Context) error {
	info, err := o.Daemon.Info(ctx)
	if err != nil {
		return err
	}
	tree, err := o.Daemon.Tree(ctx)
	if err != nil {
		return err
	}
	t, err := newTerminal(o.In, o.Out)
	if err != nil {
		return err
	}
	defer t.wake.free()
	s := &session{Top: o, terminal: t, changes: make(chan func(*model)), stale: make(chan struct{}, 1)}
	m := &model{info: info}
	m.setTree(tree)
	return s.run(ctx, m)
}

// session is a Top that is shown. Everything but the loop of run only sends changes.
type session struct {
	Top
	*terminal
	changes chan func(*model)
	stale   chan struct{} // the tree may be another
	others  sync.WaitGroup
	cancel  context.CancelCauseFunc // of the ctx of the others
}

// errOver is the cause of the end of a session that the user has ended.
var errOver = errors.New("over")

func (s *session) run(ctx context.Context, m *model) (err error) {
	ctx, s.cancel = context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 4)
	notifyChanged(signals)
	defer signal.Stop(signals)
	last := make(chan os.Signal, 1)
	if ends := endings(); len(ends) > 0 {
		signal.Notify(last, ends...)
		defer signal.Stop(last)
	}
	defer s.others.Wait()
	defer s.wake.stop()
	defer s.cancel(errOver)
	defer s.leave() // of all this, first: whatever becomes of the rest, the terminal is as it was
	if err := s.enter(); err != nil {
		return err
	}
	s.start(func() { s.watch(ctx) })
	s.start(func() { s.look(ctx) })
	s.start(func() { s.listen(ctx) })
	tick := time.NewTicker(refresh)
	defer tick.Stop()
	for {
		if err := s.show(m); err != nil {
			return err
		}
		select {
		case change := <-s.changes:
			change(m)
			s.drain(m)
		case <-tick.C:
		case sig := <-signals:
			if wentOn(sig) {
				err = s.enter()
			}
		case sig := <-last:
			return ended(sig)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		if m.over {
			return nil
		}
		for _, d := range m.asked {
			s.start(func() { s.do(ctx, d) })
		}
		m.asked = nil
	}
}

// drain takes what else has come, so that much of it is drawn once.
func (s *session) drain(m *model) {
	for range 100 {
		select {
		case change := <-s.changes:
			change(m)
		default:
			return
		}
	}
}

func ended(sig os.Signal) error {
	if number, ok := sig.(syscall.Signal); ok {
		return &supervise.ExitError{Code: 128 + int(number), Err: errors.New(sig.String() + " signal received")}
	}
	return errors.New(sig.String())
}

func (s *session) show(m *model) error {
	width, height := s.size()
	return s.draw(m.view(show.Console{Colour: s.Colour, Width: width}, height, s.Now()))
}

// start runs f beside the loop, which waits for it in the end. A panic of f ends the process as any other, but with
// the terminal as it was.
func (s *session) start(f func()) {
	s.others.Go(func() {
		defer func() {
			if value := recover(); value != nil {
				s.leave()
				panic(value)
			}
		}()
		f()
	})
}

// change sends a change to the loop.
func (s *session) change(ctx context.Context, f func(*model)) {
	select {
	case s.changes <- f:
	case <-ctx.Done():
	}
}

// watch follows what happens, and says that the tree is stale.
func (s *session) watch(ctx context.Context) {
	lost := func(err error, _ time.Duration) { s.change(ctx, func(m *model) { m.lost = short(err) }) }
	err := s.Daemon.Follow(ctx, client.Follow{
		Feed: client.Events, Patient: true,
		On:   func(client.Event) error { s.outdate(); return nil },
		Lost: lost, Back: s.outdate,
	})
	if ctx.Err() == nil && !client.IsProblem(err, http.StatusNotFound) { // without events a look now and then has to do
		s.cancel(err)
	}
}

func (s *session) outdate() {
	select {
	case s.stale <- struct{}{}:
	default: // it is known
	}
}

// look looks at the tree when something has happened, and now and then.
func (s *session) look(ctx context.Context) {
	for {
		timer := time.NewTimer(mostGap)
		select {
		case <-timer.C:
		case <-s.stale:
			timer.Stop()
		case <-ctx.Done():
			timer.Stop()
			return
		}
		tree, err := s.Daemon.Tree(ctx)
		if err == nil {
			s.change(ctx, func(m *model) {
				m.setTree(tree)
				if m.page == pageService {
					m.asked = append(m.asked, deed{verbShow, m.service.Status.Path})
				}
			})
		} else {
			s.change(ctx, func(m *model) { m.lost = short(err) })
		}
		select {
		case <-time.After(leastGap):
		case <-ctx.Done():
			return
		}
	}
}

// short is why there is no connection, in the room that there is for it.
func short(err error) string {
	var unreachable *client.UnreachableError
	if errors.As(err, &unreachable) {
		return unreachable.Err.Error()
	}
	return err.Error()
}

// listen reads the keyboard.
func (s *session) listen(ctx context.Context) {
	err := s.keys(func(k key) {
		if k == ctrlZ {
			s.leave()
			suspend()
			time.Sleep(afterSuspend)
			s.change(ctx, func(*model) { _ = s.enter() }) // if it was not stopped, no signal tells that it goes on
			return
		}
		s.change(ctx, func(m *model) { m.press(k) })
	})
	if err != nil {
		s.cancel(err)
	}
}

// do asks the daemon for what a key has asked for.
func (s *session) do(ctx context.Context, d deed) {
	if d.verb == verbShow {
		service, err := s.Daemon.Service(ctx, d.path)
		s.change(ctx, func(m *model) { m.setService(d.path, service, err) })
		return
	}
	done, err := s.Daemon.Act(ctx, d.path, d.verb, deedTime)
	s.change(ctx, func(m *model) { m.done(d, &done.Status, err) })
	s.outdate()
}
