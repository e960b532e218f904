package services_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"

	"tend.example/tend/supervise"
)

// halted tells whether a process is.
func halted(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, state, ok := bytes.Cut(stat, []byte(") "))
	return err == nil && ok && state[0] == 'T'
}

func TestAHaltedProgramHearsTheStopSignal(t *testing.T) {
	h := newHolder(t)
	tr := serveProgram(t, program("hold:"+h.addr(), "hang"), supervise.Policy{StopTimeout: time.Minute})
	it := h.next()
	if err := syscall.Kill(it.pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the program halts", func() bool { return halted(it.pid) })
	if err := tr.stop(); err != nil {
		t.Errorf("got %v, want nil", err)
	}
}

func TestAProgramDiesWithThisProcess(t *testing.T) {
	h := newHolder(t)
	parent := program("tree:" + h.addr())
	cmd := exec.CommandContext(t.Context(), parent.Args[0], parent.Args[1:]...)
	cmd.Env = append(os.Environ(), parent.Env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	child := h.next()
	if child.pid == cmd.Process.Pid {
		t.Fatalf("process %d is the parent", child.pid)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	child.gone()
}

func TestAProgramOutlivesTheThreadsOfOthers(t *testing.T) {
	h := newHolder(t)
	tr := serveProgram(t, program("hold:"+h.addr(), "hang"), supervise.Policy{Restart: supervise.Never})
	h.next()
	for range 100 { // each takes its thread along
		done := make(chan struct{})
		go func() { // waited for below
			defer close(done)
			runtime.LockOSThread()
		}()
		<-done
	}
	if got := tr.child().State; got != supervise.Running {
		t.Errorf("got %v, want running", got)
	}
	if err := tr.stop(); err != nil {
		t.Errorf("got %v, want nil", err)
	}
}

func TestAHundredRunsLeaveNothing(t *testing.T) {
	descriptors := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	t.Setenv("TMPDIR", t.TempDir())
	c := program("child:hang", "notify:READY=1", "out:line\\n")
	c.ReadyNotify = true
	run := func() {
		if err := c.Serve(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	run() // what is made once is not left
	fds, goroutines := descriptors(), runtime.NumGoroutine()
	for range 100 {
		run()
	}
	eventually(t, "descriptors and goroutines are as before", func() bool {
		return descriptors() <= fds && runtime.NumGoroutine() <= goroutines
	})
	if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); !errors.Is(err, syscall.ECHILD) {
		t.Errorf("got process %d, %v, want no children", pid, err)
	}
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	if err != nil || len(left) > 0 {
		t.Errorf("got %v, %v, want no files left", left, err)
	}
}
