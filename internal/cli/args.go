package cli

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"
)

// exactly and the others count arguments, and say in one line what is missing.
func exactly(names ...string) cobra.PositionalArgs { return between(len(names), len(names), names...) }

func atLeastOne(name string) cobra.PositionalArgs { return between(1, -1, name) }

func atMost(names ...string) cobra.PositionalArgs { return between(0, len(names), names...) }

func between(least, most int, names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		for i, arg := range args {
			if strings.Trim(arg, "/") == "" {
				return usage("%s: argument %d is empty", nameOf(cmd), i+1)
			}
		}
		switch {
		case len(args) < least:
			return usage("%s: missing %s; usage: %s", nameOf(cmd), names[len(args)], cmd.UseLine())
		case most >= 0 && len(args) > most:
			return usage("%s: unexpected argument %q; usage: %s", nameOf(cmd), args[most], cmd.UseLine())
		}
		return nil
	}
}

// nameOf is a command as it is typed after the program's name.
func nameOf(cmd *cobra.Command) string { return strings.TrimPrefix(cmd.CommandPath(), "tend ") }

// tidy takes from a path what a shell's habits leave at its ends.
func tidy(path string) string { return strings.Trim(path, "/") }

// format is how a command prints.
type format string

const (
	formatTable format = "table"
	formatWide  format = "wide"
	formatJSON  format = "json"
)

// String is pflag.Value's.
func (f *format) String() string { return string(*f) }

// Type is how help calls a value.
func (f *format) Type() string { return "format" }

// Set is pflag.Value's.
func (f *format) Set(text string) error {
	switch one := format(text); one {
	case formatTable, formatWide, formatJSON:
		*f = one
		return nil
	default:
		return errors.New("want table, wide or json")
	}
}

// formatFlag adds --output to a command.
func formatFlag(cmd *cobra.Command) *format {
	f := formatTable
	cmd.Flags().VarP(&f, "output", "o", "table, wide or json")
	complete(cmd, "output", string(formatTable), string(formatWide), string(formatJSON))
	return &f
}
