//go:build unix

package handover_test

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Who is told to stop stops, and leaves nobody behind.
func TestStopDuringAnUpgradeStopsBoth(t *testing.T) {
	s := start(t, "127.0.0.1:0")
	l := s.underLoad(2)
	s.mode("late")
	s.signal(syscall.SIGUSR2)
	next := s.await(`msg="new process starts" at=\d+ pid=(\d+)`)
	pid, _ := strconv.Atoi(next[1])
	s.await(`msg=listening at=` + next[1]) // it has the socket
	s.signal(syscall.SIGTERM)
	s.await(`msg=exit at=` + strconv.Itoa(s.pid) + ` err=<nil>`)
	<-s.ended
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if isAlive(pid) {
		t.Errorf("the new process is alive")
	}
	l.cancel()
	if r := <-l.result; r.Lost() > 0 || r.Total().Unavailable > 0 {
		t.Errorf("want no request lost:\n%s", r)
	}
	if !strings.Contains(s.read(), `msg="upgrade given up, as this process stops"`) {
		t.Errorf("log:\n%s\nwant why the upgrade failed", s.read())
	}
}

// What ends the upgrade is the stop, even where it is seen first that the new process has to go.
func TestStopDuringAnUpgradeIsNeverSaidToBeItsFailure(t *testing.T) {
	t.Setenv("GOMAXPROCS", "1") // so the order is one of many
	for range 8 {
		s := start(t, "127.0.0.1:0")
		s.mode("late")
		s.signal(syscall.SIGUSR2)
		next := s.await(`msg="new process starts" at=\d+ pid=(\d+)`)
		s.await(`msg=listening at=` + next[1])
		s.signal(syscall.SIGTERM)
		s.await(`msg=exit at=` + strconv.Itoa(s.pid) + ` err=<nil>`)
		if strings.Contains(s.read(), "this process goes on") {
			t.Fatalf("it says that it goes on, and stops; log:\n%s", s.read())
		}
		s.await(`msg="upgrade given up, as this process stops"`)
	}
}

// Whoever looks after the program takes the end of the new one for the end of all, and may kill what is left.
func TestNewProcessThatIsStoppedEndsAfterTheOldOne(t *testing.T) {
	s := start(t, "127.0.0.1:0")
	nc, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	idle, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	for _, c := range []net.Conn{nc, idle} { // the process accepts both, and before it is replaced
		fmt.Fprintf(c, "GET /pid HTTP/1.1\r\nHost: test\r\n\r\n")
		if _, err := c.Read(make([]byte, 4096)); err != nil {
			t.Fatal(err)
		}
	}
	fmt.Fprintf(nc, "GET /long?for=1s&n=1 HTTP/1.1\r\nHost: test\r\n\r\n")
	old := strconv.Itoa(s.pid)
	s.signal(syscall.SIGUSR2)
	next := s.await(`msg="handed over" at=` + old + ` pid=(\d+)`)[1]
	s.await(`msg="in charge" at=` + next)
	s.pid, _ = strconv.Atoi(next)
	s.signal(syscall.SIGTERM)
	s.await(`msg="the new process stops, so this one is in a hurry" at=` + old)
	s.await(`msg=exit at=` + next + ` err=<nil> cause="terminated signal received"`)
	s.await("msg=exit at=" + old + " err=<nil>")
	if log := s.read(); strings.Index(log, "msg=down at="+old) > strings.Index(log, "msg=exit at="+next) {
		t.Errorf("the old process went on after the new one; log:\n%s", log)
	}
	if answer, err := io.ReadAll(io.LimitReader(nc, 15)); string(answer) != "HTTP/1.1 200 OK" {
		t.Errorf("answer to the long request: got %q, %v", answer, err)
	}
}

// Nobody knows of the new one, so it may not go on alone.
func TestNewProcessEndsWithOneThatIsKilledDuringTheUpgrade(t *testing.T) {
	s := start(t, "127.0.0.1:0")
	s.mode("late")
	s.signal(syscall.SIGUSR2)
	next := s.await(`msg="new process starts" at=\d+ pid=(\d+)`)
	s.await(`msg=listening at=` + next[1])
	s.signal(syscall.SIGKILL)
	s.await(`msg=exit at=` + next[1] + ` err=<nil> cause="the process before has ended without handing over"`)
	eventually(t, "the port is free", s.read, func() bool {
		l, err := net.Listen("tcp", s.addr)
		if err == nil {
			l.Close()
		}
		return err == nil
	})
}
