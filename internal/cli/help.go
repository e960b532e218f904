package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// exitCodes is what the manual says of them.
func exitCodes() string {
	return "0         done; of status: all is well; of the daemon: stopped as asked\n" +
		"1         it failed, or was not done; of the daemon: a service was fatal or given up on\n" +
		"3         of status: something neither runs nor is done\n" +
		"4         there is no such service\n" +
		"64        usage: an unknown command or flag, a bad value\n" +
		"69        no daemon answers; of the daemon: an address is not to be had\n" +
		"70        of the daemon: something had to be abandoned while stopping\n" +
		"77        the token is refused, or what it allows is not enough\n" +
		"78        the configuration is not right, or a file can't be used, such as that of the token\n" +
		"130, 143  ended by SIGINT or SIGTERM\n" +
		"141       who read the output has gone"
}

// help is the help of a command. Of the root, a stray word beside --help is a fault all the same.
func (c *commands) help(cmd *cobra.Command, _ []string) {
	if !cmd.HasParent() && cmd.Flags().NArg() > 0 {
		c.helpFault = c.noStrayWord(cmd, cmd.Flags().Args())
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\nUsage:\n", cmd.Long)
	if cmd.HasParent() {
		fmt.Fprintf(&b, "  %s\n", cmd.UseLine())
	} else {
		b.WriteString("  tend [flags]             run the daemon\n  tend COMMAND [flags]     look at a daemon that runs, or steer it\n")
	}
	for _, group := range cmd.Groups() {
		fmt.Fprintf(&b, "\n%s\n", group.Title)
		c.commandList(&b, cmd, group.ID)
	}
	if cmd.HasParent() && cmd.HasAvailableSubCommands() {
		b.WriteString("\nCommands:\n")
		c.commandList(&b, cmd, "")
	}
	if cmd.Example != "" {
		fmt.Fprintf(&b, "\nExamples:\n  %s\n", strings.ReplaceAll(cmd.Example, "\n", "\n  "))
	}
	if own := ownFlags(cmd); own.HasAvailableFlags() {
		title := "Flags"
		if !cmd.HasParent() {
			title = "Flags of the daemon"
		}
		fmt.Fprintf(&b, "\n%s:\n%s", title, own.FlagUsages())
	}
	if common := cmd.Root().PersistentFlags(); common.HasAvailableFlags() {
		fmt.Fprintf(&b, "\nFlags of every command:\n%s", common.FlagUsages())
	}
	if !cmd.HasParent() {
		fmt.Fprintf(&b, "\nExit codes:\n  %s\n\ntend COMMAND --help tells more.\n", strings.ReplaceAll(exitCodes(), "\n", "\n  "))
	}
	fmt.Fprint(cmd.OutOrStdout(), b.String())
}

// ownFlags are those of a command that others do not have, in the order in which they were made.
func ownFlags(cmd *cobra.Command) *pflag.FlagSet {
	own := pflag.NewFlagSet("", pflag.ContinueOnError)
	own.SortFlags = false
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if cmd.Root().PersistentFlags().Lookup(f.Name) == nil {
			own.AddFlag(f)
		}
	})
	return own
}

func (c *commands) commandList(b *strings.Builder, cmd *cobra.Command, group string) {
	for _, sub := range cmd.Commands() {
		if sub.GroupID == group && sub.IsAvailableCommand() {
			fmt.Fprintf(b, "  %-11s %s\n", sub.Name(), sub.Short)
		}
	}
}

// helpCommand is cobra's, but says that a command is unknown as the others do.
func (c *commands) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Show the help of a command",
		Long:  "Show the help of a command.",
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			above, _, err := cmd.Root().Find(args)
			if err != nil {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var names []cobra.Completion
			for _, sub := range above.Commands() {
				if sub.IsAvailableCommand() {
					names = append(names, cobra.CompletionWithDesc(sub.Name(), sub.Short))
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return c.noStrayWord(about, rest)
			}
			about.InitDefaultHelpFlag()
			c.help(about, nil)
			return nil
		},
	}
}
