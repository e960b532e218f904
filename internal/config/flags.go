package config

import "github.com/spf13/pflag"

// Flags are the flags of a command line that somebody else parses. They remember what was given, for a Loader.
type Flags struct{ args []string }

// Bind adds a flag for each setting.
func (f *Flags) Bind(flags *pflag.FlagSet) {
	flags.SortFlags = false
	own := pflag.NewFlagSet("", pflag.ContinueOnError)
	new(Config).Bind(own)
	own.VisitAll(func(flag *pflag.Flag) {
		flag.Value = remembered{flag.Value, flag.Name, f}
		flags.AddFlag(flag)
	})
}

// Args are the flags that were given, in their order, each as one argument.
func (f *Flags) Args() []string { return f.args }

// remembered is a value of a flag.
type remembered struct {
	pflag.Value
	name string
	in   *Flags
}

// Set is that of the value.
func (r remembered) Set(text string) error {
	if err := r.Value.Set(text); err != nil {
		return err
	}
	r.in.args = append(r.in.args, "--"+r.name+"="+text)
	return nil
}
