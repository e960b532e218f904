package services

import (
	"bytes"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// ownGroup is also sent SIGKILL, its leader alone, when the thread ends that started it.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// awaitExit leaves the program to be reaped: as long as it is not, its number is that of its group and of
// no other.
func (p *process) awaitExit() {
	for {
		err := unix.Waitid(unix.P_PID, p.cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR { // another error says that somebody else has reaped it
			return
		}
	}
}

func (p *process) wait() error { return p.cmd.Wait() }

// groupAlive tells whether a process of the group of a program that was reaped is alive. Zombies are not:
// they stay for as long as PID 1 likes, and in many a container that is for ever.
func (p *process) groupAlive() bool {
	p.reapOrphans()
	switch {
	case !p.groupExists():
		return false
	case p.survivor != 0 && aliveIn(p.survivor, p.cmd.Process.Pid):
		return true
	}
	var err error
	if p.survivor, err = survivorOf(p.cmd.Process.Pid); err != nil || p.survivor != 0 {
		return true
	}
	p.signal(syscall.SIGKILL) // for one that was born while we looked: the zombies still keep the number
	return false
}

// survivorOf finds a process of a group that is alive; 0: there is none.
func survivorOf(group int) (pid int, err error) {
	proc, err := os.Open("/proc")
	if err != nil {
		return 0, err
	}
	defer proc.Close()
	names, err := proc.Readdirnames(-1)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil && aliveIn(pid, group) {
			return pid, nil
		}
	}
	return 0, nil
}

// aliveIn tells whether a process is in a group, and no zombie. Its stat is "pid (name) state parent group
// ...", where the name may be anything.
func aliveIn(pid, group int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false // it is gone
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 3 || fields[0][0] == 'Z' || fields[0][0] == 'X' {
		return false
	}
	return string(fields[2]) == strconv.Itoa(group)
}
