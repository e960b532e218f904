package reap_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tend.example/tend/internal/reap"
)

// asReaper tells this test binary to be the process that inherits orphans.
const asReaper = "TEND_TEST_REAPER"

func TestMain(m *testing.M) {
	if os.Getenv(asReaper) == "" {
		os.Exit(m.Run())
	}
	runtime.LockOSThread()
	if err := beReaper(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// beReaper starts programs that leave orphans, and fails when it does not get the exit code of each of them, or when
// a zombie stays.
func beReaper() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { // waited for below
		defer cancel()
		ended <- churn()
	}()
	return errors.Join(reap.Orphans(ctx), <-ended)
}

// awaitZombie returns when a child has ended, without asking for its exit code.
func awaitZombie(pid int) {
	var info unix.Siginfo
	_ = unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT, nil) // whatever it says, the test asks next
}

func churn() error {
	for i := range 200 {
		cmd := exec.Command("sh", "-c", `(true &); (setsid true &); (setsid sh -c 'sleep 0.01' &); exit 3`)
		if err := cmd.Start(); err != nil {
			return err
		}
		if i%10 == 0 { // dead before somebody asks
			awaitZombie(cmd.Process.Pid)
		}
		if err := cmd.Wait(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 3 {
			return fmt.Errorf("run %d: %w, want exit code 3", i, err)
		}
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		left, err := exec.Command("ps", "-o", "pid=,stat=,args=", "--ppid", fmt.Sprint(os.Getpid())).Output()
		var others []string
		for line := range bytes.Lines(left) {
			if text := string(line); !strings.Contains(text, "ps -o") {
				others = append(others, text)
			}
		}
		if len(others) == 0 {
			return nil // ps itself says by exit code that there is nobody else
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("children are left: %q, %w", others, err)
		}
	}
}

func TestOrphansAreReapedAndOurOwnChildrenAreNot(t *testing.T) {
	for _, program := range []string{"sh", "setsid", "ps"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), asReaper+"=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestWhoDoesNotHaveTheMainThreadReapsNothing(t *testing.T) {
	answer := make(chan error, 2)
	for range 2 { // one of them at most has it
		go func() { // its answer is waited for
			runtime.LockOSThread()
			answer <- reap.Orphans(t.Context())
		}()
	}
	if err := <-answer; !errors.Is(err, reap.ErrThread) {
		t.Errorf("got %v, want ErrThread", err)
	}
}
