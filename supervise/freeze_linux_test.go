package supervise_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tend.example/tend/supervise"
	"tend.example/tend/supervise/supervisetest"
)

// frozen tells this test binary to be the process that is frozen.
const frozen = "TEND_TEST_FROZEN"

// beFrozen serves a tree with a watched service, prints its events, and "beat" for each beat. It falls
// silent when it reads a line, and ends at the end of its input.
func beFrozen() {
	ctx, cancel := context.WithCancel(context.Background())
	var silent atomic.Bool
	go func() { // ends with the process
		defer cancel()
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			silent.Store(true)
		}
	}()
	w := func(ctx context.Context) error {
		for ticker := time.NewTicker(20 * time.Millisecond); ; {
			select {
			case <-ticker.C:
				if !silent.Load() {
					supervise.Beat(ctx)
					fmt.Println("beat")
				}
			case <-ctx.Done():
				return nil
			}
		}
	}
	g := single(supervise.Func(w), supervise.Policy{Heartbeat: 2 * time.Second, MinBackoff: -1})
	g.OnEvent = func(e supervise.Event) { fmt.Println(supervisetest.Line(e)) }
	_ = g.Serve(ctx)
}

func TestAFrozenAndThawedProcessLosesNoHealthyService(t *testing.T) {
	if os.Getenv(frozen) != "" {
		beFrozen()
		return
	}
	if testing.Short() {
		t.Skip("short")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), frozen+"=1")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	// until reads lines up to one, and tells which of them were no beats.
	until := func(last string, times int) (events []string) {
		t.Helper()
		for lines.Scan() {
			if text := lines.Text(); strings.HasPrefix(text, "tend/w") {
				events = append(events, text)
			}
			if strings.HasPrefix(lines.Text(), last) {
				if times--; times == 0 {
					return events
				}
			}
		}
		t.Fatalf("the process ended before %q", last)
		return nil
	}
	until("beat", 3)
	freeze(t, cmd.Process.Pid, 5*time.Second)
	if events := until("beat", 150); events != nil { // longer than a heartbeat
		t.Errorf("after the thaw: got %q, want nothing but beats", events)
	}
	fmt.Fprintln(stdin, "be silent")
	events := until("tend/w running 2", 1)
	if got := strings.Join(events, "; "); !strings.HasPrefix(got, "tend/w stopping 1: hung") {
		t.Errorf("after it fell silent: got %q, want it hung", got)
	}
	stdin.Close()
	for lines.Scan() { // Wait must not close the pipe before all is read
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the process: %v", err)
	}
}

// freeze stops a process for longer than its heartbeat.
func freeze(t *testing.T, pid int, d time.Duration) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			t.Fatal(err)
		}
		if _, state, ok := bytes.Cut(stat, []byte(") ")); ok && state[0] == 'T' {
			break
		}
	}
	<-time.After(d) // the time that it is frozen is what the test is about
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
}
