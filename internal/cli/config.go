package cli

import (
	"cmp"
	"runtime"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tend.example/tend/internal/cli/show"
	"tend.example/tend/internal/config"
)

func (c *commands) config() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show and check settings",
		Long:  "Show and check the settings that a daemon would have. No daemon is asked.",
		Args:  c.noStrayWord,
		RunE: func(*cobra.Command, []string) error {
			return usage("config: which command? there are check, show")
		},
	}
	cmd.AddCommand(c.configShow(), c.configCheck())
	return cmd
}

// setting is a line of tend config show.
type setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	From  string `json:"from"` // "default", "flag", or the variable of the environment
}

func (c *commands) configShow() *cobra.Command {
	var cfg config.Config
	cmd := &cobra.Command{
		Use:     "show [FLAG...]",
		Short:   "Show each setting and where it comes from",
		Long:    "Show each setting that a daemon with these flags would have, and where it comes from. The last two are those of the\ncommands that talk to a daemon.",
		Example: "tend config show --drill --timer-every 5s",
		Args:    atMost(),
	}
	cfg.Bind(cmd.Flags())
	own := pflag.NewFlagSet("", pflag.ContinueOnError)
	new(config.Config).Bind(own)
	f := formatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := c.check(cfg); err != nil {
			return err
		}
		var settings []setting
		cmd.Flags().VisitAll(func(flag *pflag.Flag) {
			if own.Lookup(flag.Name) == nil {
				return
			}
			from := "default"
			if flag.Changed {
				from = "flag"
			}
			settings = append(settings, setting{flag.Name, flag.Value.String(), from})
		})
		settings = append(settings, c.ownSetting("admin", c.admin, envAdmin, defaultAdmin), c.ownSetting("token-file", c.tokenFile, envTokenFile, ""))
		if *f == formatJSON {
			return c.json(settings)
		}
		t := show.Table{Heads: []string{"SETTING", "VALUE", "FROM"}}
		for _, s := range settings {
			t.Add(show.Text(s.Name), show.Text(show.Plain(s.Value)), show.In(show.Faint, s.From))
		}
		return t.Write(c.Stdout, c.unlessWide(formatWide))
	}
	return cmd
}

// ownSetting is one of the commands'.
func (c *commands) ownSetting(name, flag, env, otherwise string) setting {
	s := setting{name, cmp.Or(flag, c.Env(env), otherwise), "default"}
	if flag != "" {
		s.From = "flag"
	} else if c.Env(env) != "" {
		s.From = env
	}
	return s
}

func (c *commands) configCheck() *cobra.Command {
	var cfg config.Config
	cmd := &cobra.Command{
		Use:     "check [FLAG...]",
		Short:   "Check the flags of a daemon, without running it",
		Long:    "Check the flags of a daemon, without running it. The exit code and what is said are those of the daemon itself; what only\nthe system can tell, such as whether an address is free, is not looked at.",
		Example: "tend config check --policy 'hello:restart=on-failure' --job 'nightly: 0 3 * * *: ./backup.sh'",
		Args:    atMost(),
		RunE: func(*cobra.Command, []string) error {
			if err := c.check(cfg); err != nil {
				return err
			}
			return c.print("ok")
		},
	}
	cfg.Bind(cmd.Flags())
	return cmd
}

func (c *commands) check(cfg config.Config) error {
	if err := cfg.Check(); err != nil {
		return err
	}
	return c.Check(cfg)
}

// build is what tend version -o json tells.
type build struct {
	Version string `json:"version"`
	Go      string `json:"go"`
	System  string `json:"system"`
}

func (c *commands) version() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Show the version of this program",
		Long:  "Show the version of this program. That of a daemon is in tend top, and in /api/v1/info.",
		Args:  atMost(),
	}
	f := formatFlag(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		b := build{c.Version, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
		switch *f {
		case formatJSON:
			return c.json(b)
		case formatWide:
			return c.print("tend " + b.Version + " " + b.Go + " " + b.System)
		default:
			return c.print("tend " + b.Version)
		}
	}
	return cmd
}
