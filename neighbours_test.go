//go:build unix

package main

import (
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestDaemonIsUpgradedByItsSignalAndByItsCommand(t *testing.T) {
	upgrades := 10
	if testing.Short() {
		upgrades = 2
	}
	answers := []struct {
		format string
		text   *regexp.Regexp
	}{
		{"table", regexp.MustCompile(`^process \d+ serves\n$`)},
		{"json", regexp.MustCompile(`^\{\n  "pid": \d+\n\}\n$`)},
	}
	h := boot(t, nil)
	h.awaitTold("READY=1")
	sent, end := h.underLoad()
	ready := h.readiness()
	pid := h.cmd.Process.Pid
	for n := range upgrades {
		if n%2 == 0 {
			syscall.Kill(pid, syscall.SIGUSR2)
		} else {
			want := answers[n/2%2]
			if out, code := h.command("upgrade", "-o", want.format); code != 0 || !want.text.MatchString(out) {
				t.Errorf("tend upgrade: exit code %d, %s", code, out)
			}
		}
		h.eventually("another process", func() bool { return len(h.pids()) == n+2 })
		next := h.pids()[n+1]
		h.awaitTold("MAINPID=" + strconv.Itoa(next))
		h.gone(pid)
		pid = next
		before := sent()
		h.eventually("more requests", func() bool { return sent() > before+200 })
	}
	ready()
	end(false)
	if code := h.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("the first process: exit code %d, want 0", code)
	}
	if got := strings.Count(h.log(), `msg=exit code=0 err="handed over to process `); got != upgrades {
		t.Errorf("%d processes ended well, want %d; log:\n%s", got, upgrades, h.log())
	}
	pings := len(h.told())
	h.eventually("signs of life of the last one", func() bool { return slices.Contains(h.told()[pings:], "WATCHDOG=1") })
	syscall.Kill(pid, syscall.SIGTERM)
	h.gone(pid)
	h.awaitTold("STOPPING=1")
	var order []string // of what the service manager goes by
	for _, line := range h.told() {
		if key, _, _ := strings.Cut(line, "="); key == "READY" || key == "MAINPID" || key == "STOPPING" {
			order = append(order, key)
		}
	}
	want := "READY" + strings.Repeat(" MAINPID READY", upgrades) + " STOPPING"
	if got := strings.Join(order, " "); got != want {
		t.Errorf("to systemd: got %s\nwant %s", got, want)
	}
	if _, err := os.Lstat(h.path("admin")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the admin socket after the end: got %v, want none", err)
	}
}

func TestUpgradeOfTheDaemonThatFailsChangesNothing(t *testing.T) {
	for name, c := range map[string]struct{ script, want string }{
		"it crashes":                   {"echo ouch >&2; exit 3", `tend: upgrade: process \d+: not ready: it has ended(: exit status 3)?\n`},
		"it is late":                   {"sleep 600", `tend: upgrade: process \d+: not ready within 2s\n`},
		"it cannot have what it wants": {`exec "$(dirname "$0")/real/tend" --http-addr=192.0.2.1:80 --admin-addr=127.0.0.1:0`, `tend: upgrade: process \d+: not ready: it has ended(: exit status 69)?\n`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := boot(t, nil)
			_, end := h.underLoad()
			if err := errors.Join(os.Mkdir(h.path("real"), 0o700), os.Link(h.path("tend"), h.path("real/tend"))); err != nil {
				t.Fatal(err)
			}
			h.installScript(c.script)
			for range 2 {
				out, code := h.command("upgrade")
				if code != 1 || !regexp.MustCompile(c.want).MatchString(out) {
					t.Errorf("exit code %d, %q, want 1 and %s", code, out, c.want)
				}
			}
			h.eventually("it is said to systemd", func() bool {
				return slices.ContainsFunc(h.told(), func(line string) bool {
					return strings.HasPrefix(line, "STATUS=ready: services: 3; the last upgrade failed: ")
				})
			})
			end(false)
			if slices.ContainsFunc(h.told(), func(line string) bool { return strings.HasPrefix(line, "MAINPID=") || line == "STOPPING=1" }) {
				t.Errorf("to systemd:\n%s", strings.Join(h.told(), "\n"))
			}
			h.cmd.Process.Signal(syscall.SIGTERM)
			<-h.ended
			if code := h.cmd.ProcessState.ExitCode(); code != 0 {
				t.Errorf("exit code %d, want 0; log:\n%s", code, h.log())
			}
		})
	}
}

func TestAReloadSetsHowLongAnUpgradeMayTake(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tend.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("upgrade-timeout: 1h\n")
	h := boot(t, func(cmd *exec.Cmd) {
		cmd.Args = slices.DeleteFunc(cmd.Args, func(arg string) bool { return strings.HasPrefix(arg, "--upgrade-timeout") })
	}, "--config="+file)
	write("upgrade-timeout: 300ms\n")
	if out, code := h.command("reload"); code != 0 || out != "set upgrade-timeout: 1h0m0s -> 300ms\n" {
		t.Errorf("reload: exit code %d, %q", code, out)
	}
	h.installScript("sleep 600")
	if out, code := h.command("upgrade"); code != 1 || !strings.HasSuffix(out, "not ready within 300ms\n") {
		t.Errorf("upgrade: exit code %d, %q, want 1 and not ready within 300ms", code, out)
	}
}

func TestSecondUpgradeOfTheDaemonIsRefused(t *testing.T) {
	h := boot(t, nil)
	h.installScript("sleep 600")
	h.cmd.Process.Signal(syscall.SIGUSR2)
	h.await(`msg="new process starts"`)
	if status, body, err := h.admin(http.MethodPost, "/api/v1/upgrade"); status != http.StatusConflict || !strings.Contains(body, "an upgrade is under way") {
		t.Errorf("got %d %s, %v, want 409 and why", status, body, err)
	}
	h.await(`msg="upgrade failed; this process goes on" err="process \d+: not ready within 2s"`)
}

// The new process is in charge, and its status says no longer that an upgrade is under way once that is over.
func TestUpgradeIsRefusedUntilTheProcessBeforeHasEnded(t *testing.T) {
	h := boot(t, nil, `--command=slow: sh -c 'trap "sleep 1; exit 0" TERM; while :; do sleep 0.1; done'`)
	h.cmd.Process.Signal(syscall.SIGUSR2)
	h.eventually("another process", func() bool { return len(h.pids()) == 2 })
	next := h.pids()[1]
	h.awaitTold("MAINPID=" + strconv.Itoa(next))
	syscall.Kill(next, syscall.SIGUSR2)
	h.await(`msg="upgrade refused" err="an upgrade is under way"`)
	<-h.ended
	h.eventually("a status that is right", func() bool {
		status := ""
		for _, line := range h.told() {
			if strings.HasPrefix(line, "STATUS=") {
				status = line
			}
		}
		return status == "STATUS=ready: services: 4"
	})
	if got := strings.Count(h.log(), `msg="program started" service=tend/slow`); got > 2 {
		t.Errorf("the program was started %d times, want once by each process", got)
	}
	syscall.Kill(next, syscall.SIGTERM)
	h.gone(next)
}

func TestSIGTERMDuringAnUpgradeStopsTheDaemon(t *testing.T) {
	h := boot(t, nil)
	sent, end := h.underLoad()
	h.installScript("sleep 600")
	h.cmd.Process.Signal(syscall.SIGUSR2)
	h.await(`msg="new process starts"`)
	pid := h.pids()[1]
	h.eventually("load", func() bool { return sent() > 200 })
	h.cmd.Process.Signal(syscall.SIGTERM)
	<-h.ended
	end(true)
	if code := h.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit code %d, want 0; log:\n%s", code, h.log())
	}
	h.gone(pid)
	h.awaitTold("STOPPING=1")
	if said := strings.Join(h.told(), "\n"); strings.Contains(said, "upgrade failed") || strings.Contains(h.log(), "upgrade failed") {
		t.Errorf("a stop is no failure of the upgrade; to systemd:\n%s\nlog:\n%s", said, h.log())
	}
}

// systemd has the sockets before the daemon runs, and after.
func TestDaemonServesTheSocketsOfSystemd(t *testing.T) {
	hello, file := heldSocket(t, "127.0.0.1:0")
	h := boot(t, func(cmd *exec.Cmd) {
		cmd.ExtraFiles = []*os.File{file}
		cmd.Env = append(cmd.Env, "LISTEN_FDS=1", "LISTEN_FDNAMES=tend/hello")
	}, "--command=env: sh -c 'env >"+t.TempDir()+"/../env; exec sleep 600'")
	if got := h.helloAddr(); got != hello.Addr().String() {
		t.Errorf("hello listens on %s, want %s", got, hello.Addr())
	}
	pid := h.cmd.Process.Pid
	syscall.Kill(pid, syscall.SIGUSR2)
	h.eventually("another process", func() bool { return len(h.pids()) == 2 })
	h.gone(pid)
	pid = h.pids()[1]
	resp, err := http.Get("http://" + hello.Addr().String() + "/hello")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	syscall.Kill(pid, syscall.SIGTERM)
	h.gone(pid)
	waits, err := net.Dial("tcp", hello.Addr().String())
	if err != nil {
		t.Fatalf("dial after the end: %v, want systemd's socket to be there", err)
	}
	defer waits.Close()
	nc, err := hello.Accept()
	if err != nil {
		t.Fatalf("accept in the place of systemd: %v", err)
	}
	nc.Close()
}

// It counts where the admin side listens, and not where it would have: the socket of systemd may be everybody's.
func TestAdminSideAtASocketThatOthersCanReachNeedsAToken(t *testing.T) {
	_, file := heldSocket(t, "0.0.0.0:0")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"admin", "tend/admin"} {
		cmd := exec.CommandContext(t.Context(), self, "--admin-addr=127.0.0.1:0", "--http-addr=127.0.0.1:0", "--log-format=text")
		cmd.Args[0] = "tend"
		cmd.ExtraFiles = []*os.File{file}
		cmd.Env = append(os.Environ(), "LISTEN_FDS=1", "LISTEN_FDNAMES="+name)
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
		timer := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
		out, _ := cmd.CombinedOutput()
		timer.Stop()
		if code := cmd.ProcessState.ExitCode(); code != 69 || !strings.Contains(string(out), "can be reached by others: that wants a token") || strings.Contains(string(out), "msg=listening") {
			t.Errorf("%s: exit code %d, %s, want 69 and why, before anything is started", name, code, out)
		}
	}
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte(strings.Repeat("t", 64)), 0o600); err != nil {
		t.Fatal(err)
	}
	h := boot(t, func(cmd *exec.Cmd) {
		cmd.ExtraFiles = []*os.File{file}
		cmd.Env = append(cmd.Env, "LISTEN_FDS=1", "LISTEN_FDNAMES=admin")
	}, "--admin-token-file="+token)
	h.cmd.Process.Signal(syscall.SIGUSR2) // it is passed on by another name
	h.await(`msg="handed over"`)
	next := h.pids()[1]
	syscall.Kill(next, syscall.SIGTERM)
	h.gone(next)
}

// Its clients would wait for ever.
func TestSocketThatNoServiceTakesIsLogged(t *testing.T) {
	_, file := heldSocket(t, "127.0.0.1:0")
	h := boot(t, func(cmd *exec.Cmd) {
		cmd.ExtraFiles = []*os.File{file}
		cmd.Env = append(cmd.Env, "LISTEN_FDS=1", "LISTEN_FDNAMES=tend/helo")
	})
	h.await(`level=WARN msg="no service takes this socket" name=tend/helo`)
}

func TestSocketsOfSomebodyElseAreNotTaken(t *testing.T) {
	h := boot(t, func(cmd *exec.Cmd) {
		cmd.Env = append(cmd.Env, "LISTEN_PID=1", "LISTEN_FDS=1", "LISTEN_FDNAMES=tend/hello")
	})
	if strings.HasSuffix(h.helloAddr(), ":0") {
		t.Errorf("hello listens on %s", h.helloAddr())
	}
}

func TestSocketsThatMakeNoSenseAreAFaultOfTheEnvironment(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Args[0] = "tend"
	cmd.Env = append(os.Environ(), "LISTEN_FDS=two")
	out, _ := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code != 78 || !strings.Contains(string(out), "LISTEN_FDS: ") {
		t.Errorf("exit code %d, %s, want 78 and the variable", code, out)
	}
}
