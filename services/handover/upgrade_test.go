//go:build unix

package handover_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"tend.example/tend/internal/loadtest"
)

// load is what the program is under. ended tells how that went.
type load struct {
	sent   loadtest.Progress
	cancel context.CancelFunc
	result chan loadtest.Result
}

func (s *server) underLoad(clients int) *load {
	l := &load{result: make(chan loadtest.Result, 1)}
	ctx, cancel := context.WithCancel(s.t.Context())
	l.cancel = cancel
	work := loadtest.Load{
		Addr: s.addr, Clients: clients, Hold: 100 * time.Millisecond, Progress: &l.sent, For: 5 * time.Minute,
		Kinds: []loadtest.Kind{
			loadtest.KeepAlive, loadtest.NewConn, loadtest.Post, loadtest.NewConnPost, loadtest.Halves, loadtest.Long, loadtest.Stream,
			loadtest.SSE, loadtest.WebSocket, loadtest.H2, loadtest.H2Post, loadtest.H2Long, loadtest.H2Stream, loadtest.H2SSE,
		},
	}
	go func() { l.result <- work.Run(ctx) }() // end waits for it
	return l
}

// wantNoneLost ends the load.
func (l *load) wantNoneLost(t *testing.T, least int) {
	t.Helper()
	l.cancel()
	r := <-l.result
	total := r.Total()
	if total.Lost() > 0 || total.Unavailable > 0 || total.Refused > 0 || total.Local > 0 || total.OK < least {
		t.Errorf("want %d requests or more, none lost, and no client refused:\n%s", least, r)
	}
	if testing.Verbose() {
		t.Logf("\n%s", r)
	}
}

func (l *load) answered() (n int) {
	for _, kind := range loadtest.Kinds() {
		n += l.sent.Of(kind)
	}
	return n
}

func TestTenUpgradesUnderLoadLoseNoneOfAHundredThousandRequests(t *testing.T) {
	upgrades, requests := 10, 100_000
	switch {
	case testing.Short():
		upgrades, requests = 2, 5_000
	case racing: // it is five times as slow
		requests = 20_000
	}
	s := start(t, "127.0.0.1:0")
	l := s.underLoad(4)
	for i := range upgrades {
		eventually(t, "answers", s.read, func() bool { return l.answered() > requests*(i+1)/(upgrades+1) })
		s.upgrade()
	}
	eventually(t, "answers", s.read, func() bool { return l.answered() > requests })
	l.wantNoneLost(t, requests)
	s.serves()
	s.stop()
	if strings.Contains(s.read(), "level=ERROR") {
		t.Errorf("log:\n%s", s.read())
	}
}

func TestUnixSocketGoesFromProcessToProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	s := start(t, "unix:"+path)
	l := s.underLoad(1)
	for range 3 {
		before := l.answered()
		s.upgrade()
		eventually(t, "answers", s.read, func() bool { return l.answered() > before+100 })
	}
	l.wantNoneLost(t, 300)
	s.stop()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket after the end: got %v, want none", err)
	}
}

// Whatever the new one does, this one goes on as if nothing had happened.
func TestNewProcessThatIsNoGoodIsGotRidOf(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(s *server)
		want  string // in the log
	}{
		"it cannot be started": {
			func(s *server) {
				s.install(func(path string) error { return os.WriteFile(path, []byte("no program"), 0o700) })
			},
			`upgrade failed; this process goes on" at=\d+ err="start \S+/server: exec format error"`,
		},
		"the file is gone": {
			func(s *server) { os.Remove(s.path()) },
			`upgrade failed; this process goes on" at=\d+ err="start \S+/server: no such file or directory"`,
		},
		"it ends at once": {
			func(s *server) { s.mode("exits") },
			`upgrade failed; this process goes on" at=\d+ err="process \d+: not ready: it has ended: exit status 7"`,
		},
		"it is never ready": {
			func(s *server) { s.mode("late") },
			`upgrade failed; this process goes on" at=\d+ err="process \d+: not ready within 3s"`,
		},
		"it is another program, and leaves others behind": {
			func(s *server) { s.installScript("sleep 1000 & echo $! >$(dirname $0)/left; sleep 1000") },
			`upgrade failed; this process goes on" at=\d+ err="process \d+: not ready within 3s"`,
		},
		"it ends once it is ready": {
			func(s *server) { s.installScript(`eval "echo ready test%2Fweb >&$HANDOVER_FD"; exit 3`) },
			`upgrade failed; this process goes on" at=\d+ err="process \d+: ready, but does not serve: it has ended: exit status 3"`,
		},
		"it is ready, and does not accept": {
			func(s *server) { s.installScript(`eval "echo ready test%2Fweb >&$HANDOVER_FD"; sleep 1000`) },
			`upgrade failed; this process goes on" at=\d+ err="process \d+: ready, but does not serve: no answer"`,
		},
		"it says something else": {
			func(s *server) { s.installScript(`eval "echo hello >&$HANDOVER_FD"; sleep 1000`) },
			`upgrade failed; this process goes on" at=\d+ err="process \d+: not ready: it said .*hello.*, not .*ready`,
		},
		"it dies of a signal": {
			func(s *server) { s.installScript("kill -SEGV $$") },
			`upgrade failed; this process goes on" at=\d+ err="process \d+: not ready: it has ended: ended by segmentation fault"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, "127.0.0.1:0")
			l := s.underLoad(1)
			c.spoil(s)
			for n := range 2 { // it may be tried again
				s.signal(syscall.SIGUSR2)
				s.awaitNth(c.want, n+1)
			}
			if left, err := os.ReadFile(filepath.Join(s.dir, "left")); err == nil {
				pid, _ := strconv.Atoi(strings.TrimSpace(string(left)))
				eventually(t, "the end of process "+string(left), s.read, func() bool { return !isAlive(pid) })
			}
			s.serves()
			l.wantNoneLost(t, 1)
			s.mode("")
			s.installSelf()
			s.upgrade()
			s.serves()
			s.stop()
			if _, err := net.Dial("tcp", s.addr); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("dial after the end: got %v, want connection refused: somebody still has the socket", err)
			}
		})
	}
}

// isAlive tells whether a process runs; a zombie does not.
func isAlive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}

func TestNewProcessThatCrashesAgainAndAgainCostsNothing(t *testing.T) {
	t.Run("its parent is the old one", crashAgainAndAgain)
	t.Run("its parent is a service manager", func(t *testing.T) {
		t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "nobody"))
		crashAgainAndAgain(t)
	})
}

func crashAgainAndAgain(t *testing.T) {
	s := start(t, "127.0.0.1:0")
	fds := func() int {
		all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.pid))
		if err != nil {
			t.Skip("this system does not tell")
		}
		return len(all)
	}
	s.mode("exits")
	s.signal(syscall.SIGUSR2)
	s.awaitNth("upgrade failed", 1)
	before := fds()
	l := s.underLoad(1)
	for n := range 20 {
		s.signal(syscall.SIGUSR2)
		s.awaitNth("upgrade failed", n+2)
	}
	l.wantNoneLost(t, 100)
	eventually(t, "the descriptors", s.read, func() bool { return fds() <= before })
	s.stop()
}

func TestSecondUpgradeDuringTheFirstIsRefused(t *testing.T) {
	s := start(t, "127.0.0.1:0")
	l := s.underLoad(1)
	s.mode("late")
	s.signal(syscall.SIGUSR2)
	s.await(`msg="new process starts"`)
	s.signal(syscall.SIGUSR2)
	s.await(`msg="upgrade refused" at=` + strconv.Itoa(s.pid) + ` err="an upgrade is under way"`)
	s.await("upgrade failed")
	if got := strings.Count(s.read(), `msg="new process starts"`); got != 1 {
		t.Errorf("%d processes were started, want 1", got)
	}
	s.mode("")
	s.upgrade()
	l.wantNoneLost(t, 10)
	s.stop()
}

// The old one is not gone while it answers what it has, so the upgrade is not over either.
func TestUpgradeIsRefusedWhileTheOldOneFinishes(t *testing.T) {
	s := start(t, "127.0.0.1:0")
	nc, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	fmt.Fprintf(nc, "GET /long?for=2s&n=1 HTTP/1.1\r\nHost: test\r\n\r\n")
	time.Sleep(50 * time.Millisecond) // it has been accepted by now, or else is answered by the new one
	s.signal(syscall.SIGUSR2)
	next := s.await(`msg="in charge" at=(\d+)\n[^$]*msg="in charge" at=(\d+)`)
	old := s.pid
	s.pid, _ = strconv.Atoi(next[2])
	s.signal(syscall.SIGUSR2)
	s.await(`msg="upgrade refused" at=` + next[2] + ` err="an upgrade is under way"`)
	s.serves()
	if answer, err := io.ReadAll(io.LimitReader(nc, 15)); string(answer) != "HTTP/1.1 200 OK" {
		t.Errorf("answer to the long request: got %q, %v", answer, err)
	}
	s.await(`msg=exit at=` + strconv.Itoa(old) + ` err=<nil>`)
	s.upgrade()
	s.stop()
}

// A link that points to another file since is followed.
func TestProgramIsTakenFromWhereItsNameLeadsNow(t *testing.T) {
	s := start(t, "127.0.0.1:0")
	other := filepath.Join(s.dir, "v2")
	if err := os.Mkdir(other, 0o700); err != nil {
		t.Fatal(err)
	}
	self, _ := os.Executable()
	if err := os.Link(self, filepath.Join(other, "server")); err != nil {
		t.Fatal(err)
	}
	s.install(func(path string) error { return os.Symlink(filepath.Join("v2", "server"), path) })
	s.upgrade()
	if got, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", s.pid)); err == nil && got != filepath.Join(other, "server") {
		t.Errorf("the new process runs %s, want what the link points to", got)
	}
	s.upgrade()
	s.serves()
	s.stop()
}
