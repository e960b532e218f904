package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tend.example/tend/internal/config"
)

func mustLoad(t *testing.T, zone string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func TestProgramsAreRead(t *testing.T) {
	berlin, cet := mustLoad(t, "Europe/Berlin"), mustLoad(t, "CET")
	for name, c := range map[string]struct {
		flag, text string
		want       config.Program
	}{
		"command":            {"--command", "web2: ./server --port 9000", config.Program{Name: "web2", Args: []string{"./server", "--port", "9000"}}},
		"colons in it":       {"--command", "web: ./server -l 127.0.0.1:80 'a: b'", config.Program{Name: "web", Args: []string{"./server", "-l", "127.0.0.1:80", "a: b"}}},
		"quotes":             {"--command", `a: x 'a  b' "c d" e\ f '' "g"'h'`, config.Program{Name: "a", Args: []string{"x", "a  b", "c d", "e f", "", "gh"}}},
		"nothing expanded":   {"--command", `a: x $HOME * ~ #y |`, config.Program{Name: "a", Args: []string{"x", "$HOME", "*", "~", "#y", "|"}}},
		"job":                {"--job", "n: 0 3 * * *: ./backup.sh --full", config.Program{Name: "n", Schedule: "0 3 * * *", Zone: time.Local, Args: []string{"./backup.sh", "--full"}}},
		"zone":               {"--job", "n: 0 3 * * * Europe/Berlin: ./backup.sh", config.Program{Name: "n", Schedule: "0 3 * * *", Zone: berlin, Args: []string{"./backup.sh"}}},
		"zone after seconds": {"--job", "n: 0 0 3 * * * CET: x", config.Program{Name: "n", Schedule: "0 0 3 * * *", Zone: cet, Args: []string{"x"}}},
		"UTC":                {"--job", "n: @daily UTC: x", config.Program{Name: "n", Schedule: "@daily", Zone: time.UTC, Args: []string{"x"}}},
		"a day is none":      {"--job", "n: 0 0 3 * * fril: x", config.Program{Name: "n", Schedule: "0 0 3 * * fril", Zone: time.Local, Args: []string{"x"}}},
		"a day is no zone":   {"--job", "n: 0 0 3 * * MON-FRI/2: x", config.Program{Name: "n", Schedule: "0 0 3 * * MON-FRI/2", Zone: time.Local, Args: []string{"x"}}},
		"every":              {"--job", "n:  @every 1s : x", config.Program{Name: "n", Schedule: "@every 1s", Zone: time.Local, Args: []string{"x"}}},
		"colons in a job":    {"--job", "n: @hourly: curl http://a: 'b: c'", config.Program{Name: "n", Schedule: "@hourly", Zone: time.Local, Args: []string{"curl", "http://a:", "b: c"}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := config.Parse([]string{c.flag, c.text})
			if err != nil {
				t.Fatal(err)
			}
			sameZone := cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })
			flag := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Flag" }, cmp.Ignore())
			if diff := cmp.Diff([]config.Program{c.want}, got.Programs, sameZone, flag); diff != "" {
				t.Errorf("Programs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestProgramsStayInTheOrderOfTheCommandLine(t *testing.T) {
	got, err := config.Parse([]string{"--command", "c: x", "--job", "a: @hourly: x", "--command", "b: x", "--without", "b,timer", "--without=hello"})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range got.Programs {
		names = append(names, p.Name)
	}
	if diff := cmp.Diff([]string{"c", "a", "b"}, names); diff != "" {
		t.Errorf("Programs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"b", "timer", "hello"}, got.Without); diff != "" {
		t.Errorf("Without (-want +got):\n%s", diff)
	}
}

func TestFaultsOfPrograms(t *testing.T) {
	for args, want := range map[string]string{
		"--command|x":                          "want NAME: COMMAND",
		"--command|: x":                        `name "": is empty`,
		"--command|a/b: x":                     `name "a/b"`,
		"--command|a: ":                        "no command",
		"--command|a: ''":                      "no command",
		"--command|a: x 'y":                    "a quote is not closed",
		`--command|a: x "y`:                    "a quote is not closed",
		`--command|a: x \`:                     "nothing follows the last backslash",
		"--command|hello: x":                   `"hello" is taken`,
		"--command|a: x|--job|a: @hourly: x":   `--job "a: @hourly: x": "a" is taken`,
		"--job|a: @hourly":                     "want NAME: SCHEDULE [ZONE]: COMMAND",
		"--job|a: : x":                         "no schedule",
		"--job|a: 0 3 * * * Europe/Berln: x":   `time zone "Europe/Berln": unknown`,
		"--job|a: 0 0 3 * * * Berlin: x":       `time zone "Berlin": unknown`,
		"--job|a: 0 3 * * * CEST: x":           `time zone "CEST": unknown`,
		"--job|a: @every 1s Moon: x":           `time zone "Moon": unknown`,
		"--without|helo":                       `--without: no service "helo"; did you mean hello? there are admin, hello, timer`,
		"--without|timer,timer":                "--without: timer is named twice",
		"--without|admin,hello,timer":          "--without: nothing is left to run",
		"--without|xyzzyx|--command|helper: x": `no service "xyzzyx"; there are admin, hello, timer, helper`,
	} {
		_, err := config.Parse(strings.Split(args, "|"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q in it", args, err, want)
		}
	}
}
