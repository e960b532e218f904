// Package config turns the daemon's command line, its environment and its file into plain, checked values: a flag
// counts more than a variable of the environment, that more than the file, and that more than the default.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/pflag"

	"tend.example/tend/internal/tendfile"
	"tend.example/tend/supervise"
)

// exitUsage is EX_USAGE of sysexits.
const exitUsage = 64

// Config is what the operator decides.
type Config struct {
	HTTPAddr        string
	TimerEvery      time.Duration // positive
	AdminAddr       string
	Admin           Admin
	Policies        Policies
	ShutdownTimeout time.Duration // 0: no bound
	DrainDelay      time.Duration // less than ShutdownTimeout
	UpgradeTimeout  time.Duration // positive
	LogLevel        slog.Level
	LogFormat       string // "auto", "text" or "json"
	CrashLog        string // a file; "": none
	Drill           bool
	Programs        []Program // in the order of the command line; no two of one name, nor of a child of the daemon's own
	Without         []string  // children that are left out
	ConfigFile      string    // the file that was asked for; "": the usual places
	Watch           bool      // the file is loaded again when it changes
}

// Parse reads the arguments that follow the program's name, and nothing else: see Loader. Its error is one line that
// names the flag at fault, and a *supervise.ExitError with code 64; or 78 when a token's file can't be used, and 69 when
// everybody could reach the admin address without a token.
func Parse(args []string) (Config, error) {
	s, err := Loader{Args: args, Bare: true}.Load()
	return s.Config, err
}

// Bind adds a flag for each setting, and sets the default.
func (c *Config) Bind(flags *pflag.FlagSet) {
	flags.SortFlags = false
	flags.StringVar(&c.HTTPAddr, "http-addr", ":8080", "`host:port` where hello is served, or unix:PATH; port 0 takes a free one")
	flags.DurationVar(&c.TimerEvery, "timer-every", 30*time.Second, "how often the timer job runs")
	flags.StringVar(&c.AdminAddr, "admin-addr", "127.0.0.1:8081", "`host:port` of the dashboard, the API, /livez and /readyz, or unix:PATH")
	c.Admin.flags(flags)
	flags.Var(&c.Policies, "policy", "how a service is restarted and stopped, as in hello:restart=on-failure,backoff=200ms..10s,limit=5/1m;"+
		" without the path, every service; repeatable")
	flags.Var(programs{&c.Programs, false}, "command", "a program to run as a service, as in 'web2: ./server --port 9000'; words are split as a shell does, nothing is expanded; repeatable")
	flags.Var(programs{&c.Programs, true}, "job", "a program to run at the times of a schedule, as in 'nightly: 0 3 * * * Europe/Berlin: ./backup.sh --full', or '@every 90s'; repeatable")
	flags.StringSliceVar(&c.Without, "without", nil, "`NAME,...` of children to leave out, such as hello,timer")
	flags.DurationVar(&c.ShutdownTimeout, "shutdown-timeout", 30*time.Second, "budget for stopping everything; 0: no bound")
	flags.DurationVar(&c.DrainDelay, "drain-delay", 0, "how long hello goes on accepting once it is told to stop: what a load balancer takes to find out; part of --shutdown-timeout")
	flags.DurationVar(&c.UpgradeTimeout, "upgrade-timeout", 30*time.Second, "how long a new process may take to be ready, at an upgrade, before it is given up")
	c.LogLevel = slog.LevelInfo
	flags.Var((*level)(&c.LogLevel), "log-level", "lowest `level` logged: debug, info, warn or error")
	flags.StringVar(&c.LogFormat, "log-format", "auto", "`text` or json; auto is JSON, but on a terminal text with colours")
	flags.StringVar(&c.CrashLog, "crash-log", "", "`FILE` that also gets what the runtime prints when it ends the process, such as a panic that nobody could catch")
	flags.StringVar(&c.ConfigFile, "config", "", "configuration `FILE`; without it $XDG_CONFIG_HOME/tend/tend.yaml or /etc/tend/tend.yaml, if there is one")
	flags.BoolVar(&c.Watch, "watch", false, "load the configuration file again when it changes, as SIGHUP does")
	flags.BoolVar(&c.Drill, "drill", false, "let POST /api/v1/services/PATH/drill?mode=error|panic|goexit|hang|fatal on the admin address make a service fail")
}

// keyFault is what is wrong with the value of a flag, wherever that came from.
type keyFault struct {
	key string
	err error
}

// check finds what is wrong with values that could be read.
func (c *Config) check() (faults []keyFault) {
	fault := func(key, format string, args ...any) {
		faults = append(faults, keyFault{key, fmt.Errorf(format, args...)})
	}
	for _, addr := range []struct{ key, value string }{{"http-addr", c.HTTPAddr}, {"admin-addr", c.AdminAddr}} {
		if err := tendfile.CheckAddr(addr.value); err != nil {
			faults = append(faults, keyFault{addr.key, err})
		}
	}
	if err := c.Admin.check(); err != nil {
		faults = append(faults, keyFault{"admin-read-token-file", err})
	}
	if c.TimerEvery <= 0 {
		fault("timer-every", "%s is not positive", c.TimerEvery)
	}
	if c.ShutdownTimeout < 0 {
		fault("shutdown-timeout", "%s is negative", c.ShutdownTimeout)
	}
	if c.UpgradeTimeout <= 0 {
		fault("upgrade-timeout", "%s is not positive", c.UpgradeTimeout)
	}
	switch {
	case c.DrainDelay < 0:
		fault("drain-delay", "%s is negative", c.DrainDelay)
	case c.ShutdownTimeout > 0 && c.DrainDelay >= c.ShutdownTimeout:
		fault("drain-delay", "%s leaves nothing of --shutdown-timeout, %s", c.DrainDelay, c.ShutdownTimeout)
	}
	if !slices.Contains([]string{"auto", "text", "json"}, c.LogFormat) {
		fault("log-format", "%q is neither auto, text nor json", c.LogFormat)
	}
	return faults
}

// usageError is one line, whatever was typed.
func usageError(err error) error {
	if text := err.Error(); strings.ContainsFunc(text, unicode.IsControl) {
		err = errors.New(strings.Trim(strconv.Quote(text), `"`))
	}
	return &supervise.ExitError{Code: exitUsage, Err: err}
}
