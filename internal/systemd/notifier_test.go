//go:build unix

package systemd_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tend.example/tend/internal/systemd"
	"tend.example/tend/supervise"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// manager is a service manager, which hears what is said.
type manager struct {
	t    *testing.T
	conn *net.UnixConn

	mu   sync.Mutex
	said []string // lines
}

func listen(t *testing.T) *manager {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("NOTIFY_SOCKET", path)
	m := &manager{t: t, conn: conn}
	done := make(chan struct{})
	go func() { // the cleanup waits for it
		defer close(done)
		buf := make([]byte, 4096)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			m.mu.Lock()
			m.said = append(m.said, strings.Split(string(buf[:n]), "\n")...)
			m.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		conn.Close()
		<-done
	})
	return m
}

func (m *manager) lines() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.said)
}

func (m *manager) count(line string) (n int) {
	for _, said := range m.lines() {
		if said == line {
			n++
		}
	}
	return n
}

// await waits until a line has been said.
func (m *manager) await(line string) {
	m.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); m.count(line) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			m.t.Fatalf("still waiting for %q, got:\n%s", line, strings.Join(m.lines(), "\n"))
		}
	}
}

// served is a tree that somebody is told of.
type served struct {
	*systemd.Notifier
	inCharge chan struct{}
	stop     func() error
}

func serve(t *testing.T, children ...supervise.Child) *served {
	t.Helper()
	s := serveUntold(t, &supervise.Group{Name: "test", Children: children})
	close(s.inCharge)
	return s
}

// serveUntold serves a tree of which nothing is said before inCharge is closed.
func serveUntold(t *testing.T, tree *supervise.Group) *served {
	t.Helper()
	s := &served{Notifier: &systemd.Notifier{Tree: tree}, inCharge: make(chan struct{})}
	tree.OnEvent = s.Observe
	ctx, cancel := context.WithCancel(t.Context())
	watched, end := context.WithCancel(t.Context())
	ended, done := make(chan error, 1), make(chan struct{})
	go func() { ended <- tree.Serve(ctx) }()
	go func() {
		defer close(done)
		s.Run(watched, s.inCharge)
	}()
	s.stop = sync.OnceValue(func() error {
		cancel()
		err := <-ended
		end()
		<-done
		return err
	})
	t.Cleanup(func() { s.stop() })
	return s
}

// gated is ready when it is let, and stops when it is.
func gated(ready, stop <-chan struct{}) supervise.Service {
	return supervise.Func(func(ctx context.Context) error {
		select {
		case <-ready:
			supervise.Ready(ctx)
		case <-ctx.Done():
		}
		<-ctx.Done()
		<-stop
		return nil
	})
}

func closed() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

func TestReadyIsSaidWhenTheTreeIs(t *testing.T) {
	m := listen(t)
	ready, stop := make(chan struct{}), make(chan struct{})
	s := serve(t,
		supervise.Child{Name: "first", Service: gated(closed(), closed())},
		supervise.Child{Name: "slow", Service: gated(ready, stop), WaitReady: true},
	)
	m.await("STATUS=starting: waits for test/slow (starting)")
	if m.count("READY=1") > 0 {
		t.Errorf("said before the tree was ready:\n%s", strings.Join(m.lines(), "\n"))
	}
	close(ready)
	m.await("READY=1")
	m.await("STATUS=ready: services: 2")
	ended := make(chan error, 1)
	go func() { ended <- s.stop() }()
	m.await("STOPPING=1")
	m.await("STATUS=stopping: waits for test/slow (stopping)")
	close(stop)
	if err := <-ended; err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
	if m.count("READY=1") != 1 || m.count("STOPPING=1") != 1 {
		t.Errorf("want READY and STOPPING once:\n%s", strings.Join(m.lines(), "\n"))
	}
}

func TestStatusSaysWhatFails(t *testing.T) {
	m := listen(t)
	slow := supervise.Policy{MinBackoff: time.Hour, MaxBackoff: time.Hour}
	s := serve(t,
		supervise.Child{Name: "well", Service: gated(closed(), closed())},
		supervise.Child{Name: "bad", Policy: slow, Service: supervise.Func(func(context.Context) error {
			return errors.New("two\nlines \x1b[31m" + strings.Repeat("x", 1000))
		})},
	)
	begins := "ready: 1 of 2 services; test/bad (backoff: two lines  [31m"
	m.await("STATUS=" + begins + strings.Repeat("x", 400-len(begins)) + "...")
	s.stop()
}

func TestNoteIsPartOfTheStatus(t *testing.T) {
	m := listen(t)
	s := serve(t, supervise.Child{Name: "well", Service: gated(closed(), closed())})
	s.Note("upgrading")
	m.await("STATUS=ready: services: 1; upgrading")
	before := m.count("STATUS=ready: services: 1")
	s.Note("")
	for deadline := time.Now().Add(20 * time.Second); m.count("STATUS=ready: services: 1") == before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the note stays:\n%s", strings.Join(m.lines(), "\n"))
		}
	}
}

func TestReloadingLastsUntilItIsDone(t *testing.T) {
	m := listen(t)
	s := serve(t, supervise.Child{Name: "well", Service: gated(closed(), closed())})
	m.await("READY=1")
	done := s.Reloading()
	other := s.Reloading()
	m.await("RELOADING=1")
	m.await("STATUS=reloading")
	if i := slices.IndexFunc(m.lines(), func(line string) bool {
		return strings.HasPrefix(line, "MONOTONIC_USEC=") && line != "MONOTONIC_USEC=0"
	}); i < 0 {
		t.Errorf("no time was said:\n%s", strings.Join(m.lines(), "\n"))
	}
	done()
	done()
	if m.count("READY=1") != 1 {
		t.Errorf("ready, though a reload is under way:\n%s", strings.Join(m.lines(), "\n"))
	}
	other()
	for deadline := time.Now().Add(20 * time.Second); m.count("READY=1") < 2; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not ready again:\n%s", strings.Join(m.lines(), "\n"))
		}
	}
}

func TestNothingIsSaidAfterTheMainProcessIsAnother(t *testing.T) {
	m := listen(t)
	s := serve(t, supervise.Child{Name: "well", Service: gated(closed(), closed())})
	m.await("STATUS=ready: services: 1")
	s.HandOver(4711)
	s.Note("more")
	if err := s.stop(); err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
	m.await("MAINPID=4711")
	if got := m.lines(); got[len(got)-1] != "MAINPID=4711" {
		t.Errorf("something was said after it:\n%s", strings.Join(got, "\n"))
	}
}

func TestNothingIsSaidBeforeThisProcessIsInCharge(t *testing.T) {
	m := listen(t)
	tree := &supervise.Group{Name: "test"}
	n := &systemd.Notifier{Tree: tree}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n.Run(ctx, make(chan struct{}))
	if got := m.lines(); len(got) > 0 {
		t.Errorf("got:\n%s", strings.Join(got, "\n"))
	}
}

func TestWatchdogIsFedWhileAllIsWell(t *testing.T) {
	t.Setenv("WATCHDOG_USEC", "30000")
	m := listen(t)
	serve(t, supervise.Child{Name: "well", Service: gated(closed(), closed())})
	for deadline := time.Now().Add(20 * time.Second); m.count("WATCHDOG=1") < 5; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("got:\n%s", strings.Join(m.lines(), "\n"))
		}
	}
}

func TestWatchdogIsNotOfAnotherProcess(t *testing.T) {
	t.Setenv("WATCHDOG_USEC", "3000")
	t.Setenv("WATCHDOG_PID", "1")
	m := listen(t)
	s := serve(t, supervise.Child{Name: "well", Service: gated(closed(), closed())})
	m.await("READY=1")
	time.Sleep(50 * time.Millisecond)
	s.stop()
	if got := m.count("WATCHDOG=1"); got > 0 {
		t.Errorf("%d pings, want none", got)
	}
}

func TestWatchdogStarvesWhileAHeartbeatIsOverdue(t *testing.T) {
	t.Setenv("WATCHDOG_USEC", "15000")
	m := listen(t)
	release := make(chan struct{})
	var runs atomic.Int32
	hangs := supervise.Func(func(ctx context.Context) error {
		if runs.Add(1) > 1 {
			for ctx.Err() == nil {
				supervise.Beat(ctx)
				time.Sleep(time.Millisecond)
			}
			return nil
		}
		<-release // deaf and silent
		return nil
	})
	serve(t, supervise.Child{
		Name: "hangs", Service: hangs, Policy: supervise.Policy{Heartbeat: 200 * time.Millisecond, StopTimeout: 20 * time.Second, MinBackoff: -1},
	})
	m.await("WATCHDOG=1")
	m.await("STATUS=ready: 0 of 1 services; test/hangs (stopping)")
	before := m.count("WATCHDOG=1")
	time.Sleep(200 * time.Millisecond)
	if got := m.count("WATCHDOG=1"); got > before {
		t.Errorf("%d pings during the hang, want none", got-before)
	}
	close(release)
	for deadline := time.Now().Add(20 * time.Second); m.count("WATCHDOG=1") <= before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no ping after the hang:\n%s", strings.Join(m.lines(), "\n"))
		}
	}
}

// detailed is a service whose Detail is up to the test.
type detailed struct {
	supervise.Service
	detail func() any
}

func (d *detailed) Detail() any { return d.detail() }

func TestWatchdogStarvesWhileTheTreeDoesNotAnswer(t *testing.T) {
	t.Setenv("WATCHDOG_USEC", "15000")
	m := listen(t)
	var wedged atomic.Bool
	release := make(chan struct{})
	s := serve(t, supervise.Child{Name: "odd", Service: &detailed{gated(closed(), closed()), func() any {
		if wedged.Load() {
			<-release
		}
		return nil
	}}})
	m.await("WATCHDOG=1")
	wedged.Store(true)
	time.Sleep(50 * time.Millisecond) // an answer that was under way
	before := m.count("WATCHDOG=1")
	time.Sleep(200 * time.Millisecond)
	if got := m.count("WATCHDOG=1"); got > before {
		t.Errorf("%d pings of a wedged tree, want none", got-before)
	}
	wedged.Store(false)
	close(release)
	for deadline := time.Now().Add(20 * time.Second); m.count("WATCHDOG=1") <= before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no ping of a tree that answers again:\n%s", strings.Join(m.lines(), "\n"))
		}
	}
	s.stop()
}

func TestStopIsExtendedOnlyWhileItGetsAnywhere(t *testing.T) {
	const extension = "EXTEND_TIMEOUT_USEC=15000000"
	m := listen(t)
	stop := make(chan struct{})
	var left atomic.Int64
	var stuck atomic.Bool
	s := serve(t, supervise.Child{Name: "busy", Policy: supervise.Policy{StopTimeout: 20 * time.Second}, Service: &detailed{gated(closed(), stop), func() any {
		if !stuck.Load() {
			left.Add(-1)
		}
		return left.Load()
	}}})
	m.await("READY=1")
	ended := make(chan error, 1)
	go func() { ended <- s.stop() }()
	m.await(extension)
	stuck.Store(true)
	time.Sleep(1200 * time.Millisecond) // the last progress may have been seen since
	before := m.count(extension)
	time.Sleep(2500 * time.Millisecond)
	if got := m.count(extension); got > before {
		t.Errorf("%d extensions of a stop that gets nowhere, want none", got-before)
	}
	close(stop)
	if err := <-ended; err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
}

func TestWithoutAManagerNothingIsDone(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	os.Unsetenv("NOTIFY_SOCKET")
	n := &systemd.Notifier{Tree: &supervise.Group{Name: "test"}}
	inCharge := make(chan struct{})
	n.Run(t.Context(), inCharge)
	n.Reloading()()
	n.HandOver(1)
}
