package cli

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"tend.example/tend/internal/cli/client"
	"tend.example/tend/internal/cli/show"
)

// completing is how long a shell is let wait for names.
const completing = 2 * time.Second

// completion offers what can follow.
type completion = func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective)

// services offers the names of the daemon's services for up to most arguments (-1: any number), each of them once. The
// names are those below the root; who begins with the root's name is offered them with it.
func (c *commands) services(most int, wanted func(*client.Status) bool) completion {
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if most >= 0 && len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		tree, ok := c.glance(cmd.Context())
		if !ok {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []cobra.Completion
		for _, s := range show.Flat(&tree)[1:] {
			path := strings.TrimPrefix(s.Path, tree.Name+"/")
			if strings.HasPrefix(typed, tree.Name+"/") {
				path = s.Path
			}
			taken := slices.ContainsFunc(args, func(arg string) bool { return arg == s.Path || tree.Name+"/"+arg == s.Path })
			odd := strings.ContainsFunc(path, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }) // a shell would make something else of it
			if !taken && !odd && (wanted == nil || wanted(s)) {
				names = append(names, cobra.CompletionWithDesc(path, show.Plain(s.State)))
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// glance asks for the tree, and is silent when there is none.
func (c *commands) glance(ctx context.Context) (client.Status, bool) {
	daemon, err := c.connect()
	if err != nil {
		return client.Status{}, false
	}
	defer daemon.Close()
	ctx, cancel := context.WithTimeout(ctx, completing)
	defer cancel()
	tree, err := daemon.Tree(ctx)
	return tree, err == nil
}

func isJob(s *client.Status) bool {
	_, ok := show.JobOf(s)
	return ok
}

// fixed offers words.
func fixed(words ...string) completion {
	return func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return words, cobra.ShellCompDirectiveNoFileComp
	}
}

// then offers one thing for the first argument, and another for the second.
func then(first, second completion) completion {
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		switch len(args) {
		case 0:
			return first(cmd, args, typed)
		case 1:
			return second(cmd, args, typed)
		default:
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
	}
}

// complete offers words as the values of a flag.
func complete(cmd *cobra.Command, flag string, words ...string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, fixed(words...)); err != nil {
		panic(err) // there is no such flag: a mistake of ours
	}
}
