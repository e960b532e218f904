package supervise_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tend.example/tend/supervise"
	"tend.example/tend/supervise/supervisetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBoom = errors.New("boom")

// tree is a group under test, served in the background of a synctest bubble.
type tree struct {
	*supervise.Group
	t      *testing.T
	cancel context.CancelFunc
	ended  chan struct{}
	err    error // of Serve, once ended is closed
	events *supervisetest.Recorder
}

// serve starts g in a bubble's background and waits until nothing moves any more. Unless the test
// ends it, it is cancelled at the end, and has to come back.
func serve(t *testing.T, g *supervise.Group) *tree {
	t.Helper()
	return serveIn(t, g, g)
}

// serveIn is serve for a group that is somewhere inside of top.
func serveIn(t *testing.T, g *supervise.Group, top supervise.Service) *tree {
	t.Helper()
	tr := &tree{Group: g, t: t, ended: make(chan struct{}), events: supervisetest.Record(t, g)}
	ctx, cancel := context.WithCancel(t.Context())
	tr.cancel = cancel
	go func() {
		defer close(tr.ended)
		tr.err = top.Serve(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-tr.ended
	})
	synctest.Wait()
	return tr
}

// want compares all events since the last want, in order.
func (tr *tree) want(lines ...string) {
	tr.t.Helper()
	synctest.Wait()
	tr.events.Want(lines...)
}

// forget drops the events so far.
func (tr *tree) forget() {
	synctest.Wait()
	tr.events.Forget()
}

// stop cancels the caller's ctx and returns what Serve returned.
func (tr *tree) stop() error {
	tr.cancel()
	return tr.wait()
}

// wait returns what Serve returned, without asking it to end.
func (tr *tree) wait() error {
	<-tr.ended
	synctest.Wait()
	return tr.err
}

// ends asks Serve to end, and compares how long that takes and what it returns: by errors.Is, and
// nil is exact.
func (tr *tree) ends(took time.Duration, want error) {
	tr.t.Helper()
	takes(tr.t, "Serve", took, want, tr.stop)
}

// takes compares how long f takes, exactly, and what it returns.
func takes(t *testing.T, what string, took time.Duration, want error, f func() error) {
	t.Helper()
	begin := time.Now()
	err := f()
	if got := time.Since(begin); got != took {
		t.Errorf("%s took %v, want %v", what, got, took)
	}
	if want == nil && err != nil || !errors.Is(err, want) {
		t.Errorf("%s: got %v, want %v", what, err, want)
	}
}

// states is "name=state" of every child, depth first.
func (tr *tree) states() string {
	synctest.Wait()
	var b strings.Builder
	var walk func(supervise.Status)
	walk = func(s supervise.Status) {
		for _, c := range s.Children {
			fmt.Fprintf(&b, "%s=%s ", c.Name, c.State)
			walk(c)
		}
	}
	walk(tr.Status())
	return strings.TrimSpace(b.String())
}

// child is the status of one child by path.
func (tr *tree) child(path string) supervise.Status {
	tr.t.Helper()
	synctest.Wait()
	st := tr.Status()
	for _, name := range strings.Split(path, "/")[1:] {
		found := false
		for _, c := range st.Children {
			if c.Name == name {
				st, found = c, true
			}
		}
		if !found {
			tr.t.Fatalf("no child %s in status", path)
		}
	}
	return st
}

// --- services that do as they are told -----------------------------------------------------------

// idle runs until it is told to stop.
func idle(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// script is a service whose runs end as the test says: one answer a run, then idle.
type script struct {
	answers chan func() error
}

func newScript() *script { return &script{answers: make(chan func() error, 100)} }

func (s *script) Serve(ctx context.Context) error {
	supervise.Ready(ctx)
	select {
	case f := <-s.answers:
		return f()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// end makes the present run return err.
func (s *script) end(err error) { s.answers <- func() error { return err } }

// do makes the present run end with f.
func (s *script) do(f func() error) { s.answers <- f }

// slow takes d to stop.
func slow(d time.Duration) supervise.Func {
	return func(ctx context.Context) error {
		<-ctx.Done()
		time.Sleep(d)
		return ctx.Err()
	}
}

// deaf ignores its ctx until the test ends.
func deaf(t *testing.T) supervise.Func {
	t.Helper()
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	return func(context.Context) error {
		<-release
		return nil
	}
}

// returns fails, or ends, every run at once with err.
func returns(err error) supervise.Func {
	return func(context.Context) error { return err }
}

// at once: no delay between runs, so sequences are exact.
var noBackoff = supervise.Policy{MinBackoff: -1}
