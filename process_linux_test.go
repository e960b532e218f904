package main

import (
	"bytes"
	"fmt"
	"net"
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

func TestTwoHundredSIGHUPsLeakNothing(t *testing.T) {
	d := newDaemon(t, "--timer-every=1h")
	d.start()
	used := func() int {
		fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", d.cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		return len(fds)
	}
	round := func() {
		for range 100 {
			d.signal(syscall.SIGHUP)
			d.hello()
		}
	}
	round()
	before := used()
	round()
	d.await("it has as few descriptors as before", func() bool { return used() <= before })
	d.stops()
}

func TestOutOfFileDescriptorsItGoesOnAndRecovers(t *testing.T) {
	const most = 64
	d := newDaemon(t, "--timer-every=1h").sh(fmt.Sprintf(`ulimit -n %d && exec "$@"`, most))
	d.start()
	var conns []net.Conn
	for range 2 * most { // the kernel takes those for which there is no descriptor
		conn, err := net.Dial("unix", d.socket("hello"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conns = append(conns, conn)
	}
	starved := `level=ERROR msg="out of file descriptors: clients wait" addr=\S+ err=.*too many open files`
	d.waitLog(starved)
	for _, conn := range conns {
		conn.Close()
	}
	d.hello() // waits until there is a descriptor again
	d.undisturbed("admin", "hello", "timer")
	d.stops()
	if got := regexp.MustCompile(starved).FindAllString(d.read(), -1); len(got) != 1 {
		t.Errorf("got %d lines of it, want 1; log:\n%s", len(got), d.read())
	}
}

func TestFrozenAndThawedItLosesNoServiceAndCountsMissedRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
	d := newDaemon(t, "--timer-every=100ms", "--policy=timer:heartbeat=1s")
	d.start()
	runs := func() int { return d.child("timer").Detail.Counts.Runs }
	d.await("the timer has run", func() bool { return runs() > 0 })
	d.signal(syscall.SIGSTOP)
	stat := fmt.Sprintf("/proc/%d/stat", d.cmd.Process.Pid)
	d.await("it stands still", func() bool {
		_, state, ok := bytes.Cut([]byte(readFile(t, stat)), []byte(") "))
		return ok && state[0] == 'T'
	})
	<-time.After(3 * time.Second) // three heartbeats: to be frozen for so long is what the test is about
	d.signal(syscall.SIGCONT)
	before := runs()
	d.await("it goes on for longer than a heartbeat", func() bool { return runs() > before+15 })
	d.undisturbed("admin", "hello", "timer")
	if got := d.child("timer").Detail.Counts.Missed; got < 20 {
		t.Errorf("got %d missed runs of some 30", got)
	}
	d.stops()
}

func TestProgramsDoNotInheritWhatTheDaemonOutlives(t *testing.T) {
	d := newDaemon(t, "--command", `p: sh -c "grep SigIgn /proc/self/status; exec sleep 1000"`)
	d.start()
	d.waitLog(`line="SigIgn:\\t0000000000000000"`)
	d.stops()
}

// buildDaemon builds the binary itself: in a test binary main is called late, when its goroutine need not have
// the main thread any more.
func buildDaemon(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tend")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

func TestAsProcess1ItReapsOrphansAndNoProgramOfItsOwn(t *testing.T) {
	if testing.Short() {
		t.Skip("short")
	}
	if out, err := exec.Command("unshare", "--pid", "--fork", "--mount-proc", "true").CombinedOutput(); err != nil {
		t.Skipf("no process namespaces here: %v: %s", err, out)
	}
	// Each run leaves three orphans, two of which are out of reach of who empties the program's group.
	orphans := `p%d: sh -c "(true &); (setsid true &); (setsid sh -c 'sleep 0.01' &); exit 3"`
	args := []string{"--timer-every=1h", "--policy=backoff=none"}
	for i := range 4 {
		args = append(args, "--command", fmt.Sprintf(orphans, i))
	}
	args = append(args, "--job", `job: @every 1s: sh -c "(setsid true &); exit 4"`)
	d := newDaemonOf(t, buildDaemon(t), args...).by("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
	d.start()
	init := children(t, d.cmd.Process.Pid)[0].pid // unshare would keep a signal for itself
	d.await("programs have run often", func() bool { return d.child("p0").Run > 50 && d.child("p3").Run > 50 })
	d.await("the job has run", func() bool { return d.child("job").Detail.Counts.Runs > 0 })
	d.await("hardly a zombie is left", func() bool { // of more than 400 orphans, and there are new ones all the time
		zombies := slices.DeleteFunc(children(t, init), func(c kin) bool { return c.state != 'Z' })
		return len(zombies) < 20
	})
	if log := d.read(); strings.Contains(log, "no child") || strings.Contains(log, "orphans stay") {
		t.Errorf("an exit status was lost; log:\n%s", log)
	}
	if err := syscall.Kill(init, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-d.ended
	if code := d.cmd.ProcessState.ExitCode(); code != 0 && code != 70 { // a program that fails while it stops is not clean
		t.Errorf("got %s, want exit code 0 or 70; log:\n%s", d.cmd.ProcessState, d.read())
	}
}

type kin struct {
	pid   int
	state byte
}

// children are those of a process, the dead ones too.
func children(t *testing.T, parent int) (all []kin) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it is gone
		}
		// pid (name) state parent ...
		var c kin
		var of int
		_, err = fmt.Sscanf(string(stat[bytes.LastIndexByte(stat, ')')+1:]), " %c %d", &c.state, &of)
		if err == nil && of == parent {
			c.pid, _ = strconv.Atoi(filepath.Base(filepath.Dir(path)))
			all = append(all, c)
		}
	}
	return all
}

func TestTheMemoryLimitIsNineTenthsOfTheCgroups(t *testing.T) {
	const limit = 250 << 20
	d := newDaemon(t, "--timer-every=1h")
	d.cmd.Env = append(d.cmd.Env, "CGROUP="+newCgroup(t, limit))
	d.sh(`echo $$ >"$CGROUP"/cgroup.procs && exec "$@"`)
	d.start()
	d.waitLog(fmt.Sprintf(`level=INFO msg="memory limit" bytes=%d from=cgroup`, limit/10*9))
	d.stops()
}

// newCgroup makes a cgroup with a limit of memory, of either version.
func newCgroup(t *testing.T, limit int) (path string) {
	t.Helper()
	for _, version := range []struct{ root, file string }{
		{"/sys/fs/cgroup", "memory.max"},
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"},
	} {
		path := filepath.Join(version.root, fmt.Sprintf("tend-test-%d", os.Getpid()))
		if os.Mkdir(path, 0o755) != nil {
			continue
		}
		t.Cleanup(func() { os.Remove(path) }) // after the daemon has ended
		if _, err := os.Stat(filepath.Join(path, "cgroup.procs")); err != nil {
			continue // nothing but a folder
		}
		if err := os.WriteFile(filepath.Join(path, version.file), []byte(strconv.Itoa(limit)), 0); err == nil {
			return path
		}
	}
	t.Skip("cgroups cannot be made here")
	return ""
}

func TestGOMEMLIMITIsTheOperatorsWord(t *testing.T) {
	d := newDaemon(t, "--timer-every=1h")
	d.cmd.Env = append(d.cmd.Env, "GOMEMLIMIT=123MiB")
	d.start()
	d.waitLog(`level=INFO msg="memory limit" bytes=128974848 from=GOMEMLIMIT`)
	d.stops()
}
