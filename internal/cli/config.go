package cli

import (
	"cmp"
	"fmt"
	"io"
	"runtime"

	"github.com/spf13/cobra"
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
	From  string `json:"from"` // "default", "flag", the variable of the environment, or the place in the file
}

func (c *commands) configShow() *cobra.Command {
	var flags config.Flags
	var asFile bool
	cmd := &cobra.Command{
		Use:   "show [FLAG...]",
		Short: "Show each setting and where it comes from",
		Long: "Show each setting, service and policy that a daemon with these flags would have here, and where it comes from. Secrets are masked.\n" +
			"The last two are those of the commands that talk to a daemon.",
		Example: "tend config show --drill --timer-every 5s\ntend config show --config tend.yaml --yaml",
		Args:    atMost(),
	}
	flags.Bind(cmd.Flags())
	cmd.Flags().BoolVar(&asFile, "yaml", false, "show them as a configuration file")
	f := formatFlag(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		s, err := c.load(flags.Args())
		if err != nil {
			return err
		}
		if asFile {
			_, err := io.WriteString(c.Stdout, s.Show())
			return err
		}
		var settings []setting
		s.Each(func(key, value, from string) { settings = append(settings, setting{key, value, from}) })
		settings = append(settings, c.ownSetting("admin", c.admin, envAdmin, defaultAdmin), c.ownSetting("token-file", c.tokenFile, envTokenFile, ""))
		if *f == formatJSON {
			return c.json(settings)
		}
		t := show.Table{Heads: []string{"SETTING", "VALUE", "FROM"}}
		for _, s := range settings {
			t.Add(show.Text(s.Name), show.Text(show.Plain(s.Value)), show.In(show.Faint, show.Plain(s.From)))
		}
		return t.Write(c.Stdout, c.unlessWide(formatWide))
	}
	return cmd
}

// load is what a daemon with these flags would have.
func (c *commands) load(args []string) (*config.Settings, error) {
	l := c.Loader
	l.Args = args
	return l.Load()
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
	var flags config.Flags
	cmd := &cobra.Command{
		Use:   "check [FLAG...] [FILE]",
		Short: "Check a configuration file and the flags of a daemon, without running it",
		Long: "Check FILE, or the file that a daemon would find here, and with it the environment and the flags. All faults of a file are told,\n" +
			"as FILE:LINE:COLUMN. The exit code and what is said are those of the daemon itself; what only\nthe system can tell, such as whether an address is free, is not looked at.",
		Example: "tend config check tend.yaml\ntend config check --policy 'hello:restart=on-failure' --job 'nightly: 0 3 * * *: ./backup.sh'",
		Args:    atMost("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			given := flags.Args()
			for _, file := range args {
				given = append(given, "--config="+file)
			}
			s, err := c.load(given)
			if err != nil {
				return err
			}
			for _, text := range s.Warnings {
				fmt.Fprintf(c.Stderr, "tend: warning: %s\n", show.Plain(text))
			}
			return c.print("ok")
		},
	}
	flags.Bind(cmd.Flags())
	return cmd
}

func (c *commands) init() *cobra.Command {
	return &cobra.Command{
		Use:   "init [FILE]",
		Short: "Write a configuration file to begin with",
		Long: "Write tend.yaml, or FILE, with every setting in it as a comment, and examples of services. A file that is there stays as it is. With - it is\n" +
			"written to the standard output.",
		Example: "tend init\ntend init - | less",
		Args:    atMost("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			path := "tend.yaml"
			if len(args) == 1 {
				path = args[0]
			}
			if path == "-" {
				_, err := io.WriteString(c.Stdout, config.Template())
				return err
			}
			if err := config.WriteTemplate(path); err != nil {
				return err
			}
			return c.print(show.Plain(path) + " is written; try: tend --config " + show.Plain(path))
		},
	}
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
