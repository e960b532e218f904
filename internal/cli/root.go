package cli

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tend.example/tend/internal/cli/client"
	"tend.example/tend/internal/cli/show"
	"tend.example/tend/internal/config"
	"tend.example/tend/internal/spelling"
	"tend.example/tend/supervise"
)

const (
	defaultAdmin = "127.0.0.1:8081"
	envAdmin     = "TEND_ADMIN"
	envTokenFile = "TEND_ADMIN_TOKEN_FILE"
)

// commands are those of a Program.
type commands struct {
	Program
	show.Console

	admin, tokenFile string // flags
	helpFault        error
}

// The groups that help shows commands in.
const (
	groupLook  = "look"
	groupSteer = "steer"
	groupJobs  = "jobs"
	groupOwn   = "own"
)

func (c *commands) root() *cobra.Command {
	var flags config.Flags
	var showVersion bool
	root := &cobra.Command{
		Use:   "tend",
		Short: "Run a daemon as a supervision tree, and steer one that runs",
		Long: "tend runs a small daemon as a supervision tree: an HTTP service, a timer job, and an operator's view of both.\n" +
			"Its commands look at a daemon that runs, and steer it.",
		Args:          c.noStrayWord,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if showVersion {
				_, err := fmt.Fprintln(c.Stdout, "tend", c.Version)
				return err
			}
			return c.serve(cmd, flags.Args())
		},
	}
	flags.Bind(root.Flags())
	root.Flags().BoolVar(&showVersion, "version", false, "print the version and exit")
	root.PersistentFlags().SortFlags = false
	root.PersistentFlags().BoolP("help", "h", false, "print this and exit")
	root.PersistentFlags().StringVar(&c.admin, "admin", "", "`address` of the daemon: host:port, unix:PATH, or a URL ($"+envAdmin+"; default "+defaultAdmin+")")
	root.PersistentFlags().StringVar(&c.tokenFile, "token-file", "", "`file` with the token that the daemon wants ($"+envTokenFile+")")
	root.SetFlagErrorFunc(c.flagFault)
	root.SetHelpFunc(c.help)
	root.SetUsageFunc(func(cmd *cobra.Command) error { c.help(cmd, nil); return nil })
	root.AddGroup(&cobra.Group{ID: groupLook, Title: "Look:"}, &cobra.Group{ID: groupSteer, Title: "Steer:"},
		&cobra.Group{ID: groupJobs, Title: "Jobs:"}, &cobra.Group{ID: groupOwn, Title: "And:"})
	c.addTo(root, groupLook, c.status(), c.tree(), c.top(), c.events(), c.logs(), c.stacks())
	c.addTo(root, groupSteer, c.act("restart"), c.act("stop"), c.act("start"), c.act("reset"), c.policy(), c.logLevel(), c.reload(), c.upgrade(), c.drill())
	c.addTo(root, groupJobs, c.next(), c.trigger(), c.act("pause"), c.act("resume"), c.act("cancel"))
	c.addTo(root, groupOwn, c.config(), c.init(), c.version())
	root.SetHelpCommand(c.helpCommand())
	root.SetHelpCommandGroupID(groupOwn)
	root.SetCompletionCommandGroupID(groupOwn)
	root.SetOut(c.Stdout) // which the scripts of completion are written to
	root.SetErr(c.Stderr)
	root.InitDefaultCompletionCmd()
	c.mendCompletion(root)
	return root
}

// mendCompletion has cobra's command take a shell that it does not know for the fault that it is.
func (c *commands) mendCompletion(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		if cmd.Name() == "completion" {
			cmd.Args = c.noStrayWord
			cmd.RunE = func(*cobra.Command, []string) error {
				return usage("completion: which shell? there are bash, fish, powershell, zsh")
			}
		}
	}
}

func (c *commands) addTo(root *cobra.Command, group string, cmds ...*cobra.Command) {
	for _, cmd := range cmds {
		cmd.GroupID = group
		root.AddCommand(cmd)
	}
}

// serve is the daemon.
func (c *commands) serve(cmd *cobra.Command, args []string) error {
	for name, instead := range map[string]string{"admin": "--admin-addr", "token-file": "--admin-token-file"} {
		if cmd.Flags().Changed(name) {
			return usage("--%s is for commands, such as tend status; the daemon has %s", name, instead)
		}
	}
	l := c.Loader
	l.Args = args
	s, err := l.Load()
	if err != nil {
		return err
	}
	if code := c.Serve(cmd.Context(), l, s); code != 0 {
		return said(code)
	}
	return nil
}

// noStrayWord finds a misspelt command.
func (c *commands) noStrayWord(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var known []string
	for _, sub := range cmd.Commands() {
		if !sub.Hidden {
			known = append(known, sub.Name())
		}
	}
	switch near := spelling.Nearest(args[0], known); {
	case near != "" && cmd.HasParent():
		return usage("%s: unknown command %q; did you mean %s?", nameOf(cmd), args[0], near)
	case near != "":
		return usage("unknown command %q; did you mean %s?", args[0], near)
	case cmd.HasParent():
		return usage("%s: unknown command %q; there are %s", nameOf(cmd), args[0], strings.Join(known, ", "))
	default:
		return usage("unknown command %q; tend --help has them all", args[0])
	}
}

// flagFault is a fault of the flags, unless a word before them makes it one of the command.
func (c *commands) flagFault(cmd *cobra.Command, err error) error {
	if cmd.HasSubCommands() && cmd.Flags().NArg() > 0 {
		return c.noStrayWord(cmd, cmd.Flags().Args())
	}
	near := ""
	if name, unknown := strings.CutPrefix(err.Error(), "unknown flag: --"); unknown {
		var known []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
		if near = spelling.Nearest(name, known); near != "" {
			return usage("%w; did you mean --%s?", err, near)
		}
	}
	return &supervise.ExitError{Code: exitUsage, Err: err}
}

// connect is a client of the daemon that the flags or the environment name.
func (c *commands) connect() (*client.Client, error) {
	token := ""
	if file := cmp.Or(c.tokenFile, c.Env(envTokenFile)); file != "" {
		var err error
		if token, err = client.ReadToken(file); err != nil {
			return nil, &supervise.ExitError{Code: exitConfig, Err: err}
		}
	}
	daemon, err := client.New(cmp.Or(c.admin, c.Env(envAdmin), defaultAdmin), token)
	if err != nil {
		return nil, usage("%s: %w", c.adminFrom(), err)
	}
	return daemon, nil
}

// adminFrom is where the address comes from.
func (c *commands) adminFrom() string {
	if c.admin == "" {
		return envAdmin
	}
	return "--admin"
}

// with runs a command that talks to a daemon.
func (c *commands) with(do func(cmd *cobra.Command, daemon *client.Client, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		daemon, err := c.connect()
		if err != nil {
			return err
		}
		defer daemon.Close()
		return do(cmd, daemon, args)
	}
}
