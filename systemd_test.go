package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"tend.example/tend/internal/config"
)

// unit reads a unit of deploy.
func unit(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("deploy", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// installed is a folder with the units as they are on a machine that has the program.
func installed(t *testing.T) (dir string) {
	t.Helper()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("there is no systemd-analyze")
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	for _, name := range []string{"tend.service", "tend.socket"} {
		text := strings.ReplaceAll(unit(t, name), "/usr/bin/tend", program)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestUnitsAreWhatSystemdUnderstands(t *testing.T) {
	dir := installed(t)
	out, err := exec.Command("systemd-analyze", "verify", "--recursive-errors=no", "--man=no",
		filepath.Join(dir, "tend.service"), filepath.Join(dir, "tend.socket")).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

func TestUnitIsHardened(t *testing.T) {
	dir := installed(t)
	out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", filepath.Join(dir, "tend.service")).CombinedOutput()
	m := regexp.MustCompile(`Overall exposure level for tend\.service: ([\d.]+)`).FindSubmatch(out)
	if err != nil || m == nil {
		t.Fatalf("systemd-analyze security: %v\n%s", err, out)
	}
	if got, _ := strconv.ParseFloat(string(m[1]), 64); got > 1.5 {
		t.Errorf("exposure %v, want at most 1.5:\n%s", got, out)
	}
}

// What the unit says has to agree with what the program does.
func TestUnitAgreesWithTheProgram(t *testing.T) {
	text := unit(t, "tend.service")
	for _, line := range []string{
		"Type=notify",
		"NotifyAccess=main", // MAINPID hands that over
		"RestartPreventExitStatus=64 78",
		"ExecReload=/bin/kill -HUP $MAINPID",
		"KillMode=mixed", // or the programs would be told to stop by systemd, in no order
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("no line %q", line)
		}
	}
	start := regexp.MustCompile(`(?m)^ExecStart=/usr/bin/tend (.*)$`).FindStringSubmatch(text)
	if start == nil {
		t.Fatal("no ExecStart")
	}
	cfg, err := config.Parse(strings.Fields(start[1]))
	if err != nil {
		t.Fatalf("ExecStart: %v", err)
	}
	stop := regexp.MustCompile(`(?m)^TimeoutStopSec=(\d+)$`).FindStringSubmatch(text)
	if stop == nil {
		t.Fatal("no TimeoutStopSec")
	}
	if seconds, _ := strconv.Atoi(stop[1]); float64(seconds) <= cfg.ShutdownTimeout.Seconds() {
		t.Errorf("TimeoutStopSec=%s, which is no more than --shutdown-timeout, %s", stop[1], cfg.ShutdownTimeout)
	}
	if !strings.Contains(unit(t, "tend.socket"), "\nFileDescriptorName=tend/hello\n") {
		t.Error("tend.socket has no FileDescriptorName of hello")
	}
}

// A socket that is left behind would have systemd start a program that is gone.
func TestRemovalOfThePackageStopsAllItsUnits(t *testing.T) {
	disable := regexp.MustCompile(`(?m)^ *systemctl disable --now (.*)$`).FindStringSubmatch(unit(t, "deb/prerm"))
	if disable == nil {
		t.Fatal("nothing is stopped")
	}
	var units []string
	for _, pattern := range []string{"deploy/*.socket", "deploy/*.service"} { // in this order, or a client starts it again
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			units = append(units, filepath.Base(path))
		}
	}
	if want := strings.Join(units, " "); disable[1] != want {
		t.Errorf("the removal stops %q, want %q", disable[1], want)
	}
}
