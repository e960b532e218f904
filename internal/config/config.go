// Package config turns the daemon's command line into plain, checked values.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/pflag"

	"tend.example/tend/supervise"
)

// ownChildren are the children that the daemon has by itself.
var ownChildren = []string{"admin", "hello", "timer"}

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
}

// Parse reads arguments that are flags and nothing else, and checks them as Check does.
func Parse(args []string) (Config, error) {
	var c Config
	flags := pflag.NewFlagSet("tend", pflag.ContinueOnError)
	c.Bind(flags)
	if err := flags.Parse(args); err != nil {
		return c, usageError(err)
	}
	if flags.NArg() > 0 {
		return c, usageError(fmt.Errorf("unexpected argument %q", flags.Arg(0)))
	}
	return c, c.Check()
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
	flags.TextVar(&c.LogLevel, "log-level", slog.LevelInfo, "lowest `level` logged: debug, info, warn or error")
	flags.StringVar(&c.LogFormat, "log-format", "auto", "`text` or json; auto is JSON, but on a terminal text with colours")
	flags.StringVar(&c.CrashLog, "crash-log", "", "`FILE` that also gets what the runtime prints when it ends the process, such as a panic that nobody could catch")
	flags.BoolVar(&c.Drill, "drill", false, "let POST /api/v1/services/PATH/drill?mode=error|panic|goexit|hang|fatal on the admin address make a service fail")
}

// Check finds what can be known to be wrong without a tree, and reads the files with tokens. Its error is one line that
// names the flag at fault, and a *supervise.ExitError with code 64; or 78 when a token's file can't be used, and 69 when
// everybody could reach the admin address without a token.
func (c *Config) Check() error {
	if err := c.check(); err != nil {
		return usageError(err)
	}
	return c.readTokens()
}

func (c *Config) check() error {
	if err := checkAddr(c.HTTPAddr); err != nil {
		return fmt.Errorf("--http-addr: %w", err)
	}
	if err := checkAddr(c.AdminAddr); err != nil {
		return fmt.Errorf("--admin-addr: %w", err)
	}
	if err := c.Admin.check(); err != nil {
		return err
	}
	if c.TimerEvery <= 0 {
		return fmt.Errorf("--timer-every: %s is not positive", c.TimerEvery)
	}
	if err := c.checkNames(); err != nil {
		return err
	}
	if c.ShutdownTimeout < 0 {
		return fmt.Errorf("--shutdown-timeout: %s is negative", c.ShutdownTimeout)
	}
	if c.UpgradeTimeout <= 0 {
		return fmt.Errorf("--upgrade-timeout: %s is not positive", c.UpgradeTimeout)
	}
	if c.DrainDelay < 0 {
		return fmt.Errorf("--drain-delay: %s is negative", c.DrainDelay)
	}
	if c.ShutdownTimeout > 0 && c.DrainDelay >= c.ShutdownTimeout {
		return fmt.Errorf("--drain-delay: %s leaves nothing of --shutdown-timeout, %s", c.DrainDelay, c.ShutdownTimeout)
	}
	if !slices.Contains([]string{"auto", "text", "json"}, c.LogFormat) {
		return fmt.Errorf("--log-format: %q is neither auto, text nor json", c.LogFormat)
	}
	return nil
}

// checkAddr finds what can be known to be wrong without asking the network.
func checkAddr(addr string) error {
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		if path == "" {
			return fmt.Errorf("%q: missing path", addr)
		}
		return nil
	}
	_, port, err := net.SplitHostPort(addr)
	if err == nil && port == "" {
		err = errors.New("missing port")
	}
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil {
		return fmt.Errorf("%q: %w", addr, cause(err))
	}
	return nil
}

// cause is err without the address, which the caller names.
func cause(err error) error {
	var addr *net.AddrError
	if errors.As(err, &addr) {
		return errors.New(addr.Err)
	}
	return err
}

// usageError is one line, whatever was typed.
func usageError(err error) error {
	if text := err.Error(); strings.ContainsFunc(text, unicode.IsControl) {
		err = errors.New(strings.Trim(strconv.Quote(text), `"`))
	}
	return &supervise.ExitError{Code: exitUsage, Err: err}
}
