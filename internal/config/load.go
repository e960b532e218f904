package config

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"tend.example/tend/internal/spelling"
	"tend.example/tend/internal/tendfile"
	"tend.example/tend/supervise"
)

// Loader finds the settings of the daemon. A Loader can be used again, to find out what they are now.
type Loader struct {
	Args []string // of the command line, without the program's name
	Env  []string // as os.Environ has it
	Bare bool     // neither the environment nor a file is looked at

	// Again says that settings were loaded before, and File is the file that they were from, which has to be there; "":
	// there was none, and whichever is found is taken.
	Again bool
	File  string

	// Schedule tells what is wrong with the schedule of a job. nil: nothing is.
	Schedule func(schedule, zone string) error
}

// Settings are all that the operator decides.
type Settings struct {
	Config

	// File is the configuration file, and Text what stands in it. "": there is none.
	File string
	Text []byte

	// Services are what runs besides admin, in the order of starting, those of Programs included, and without those
	// of Without. Nothing is left to be found out: addresses, folders and the targets of proxies are filled in.
	Services []tendfile.Service

	// Warnings are what is no fault, but probably a mistake.
	Warnings []string

	origins map[string]Origin
	file    *tendfile.File
	paths   map[string]string // of a service to its key path in file, or to what made it
	tree    *supervise.Group  // the shape of what runs, with its policies
}

// Load reads the command line, the environment and the file. Its error is a *supervise.ExitError. With code 64 it is
// one line that names the flag at fault; with code 78 it is tendfile.Faults, all that there are in the environment, the
// file, and the files of tokens, or one tendfile.Fault, if there is but one, in a file that a flag names; with code 69
// everybody could reach the admin address without a token. The Settings are never nil.
func (l Loader) Load() (*Settings, error) {
	s := &Settings{origins: map[string]Origin{}, file: &tendfile.File{}, paths: map[string]string{}}
	flags := pflag.NewFlagSet("tend", pflag.ContinueOnError)
	s.Bind(flags)
	if err := flags.Parse(l.Args); err != nil {
		return s, usageError(err)
	}
	if flags.NArg() > 0 {
		return s, usageError(fmt.Errorf("unexpected argument %q", flags.Arg(0)))
	}
	f := &faults{unread: map[string]bool{}}
	flags.Visit(func(flag *pflag.Flag) { s.origins[flag.Name] = Origin{Flag: true} })
	if !l.Bare {
		s.environment(l.Env, flags, f)
		s.fromFile(l, flags, f)
	}
	for _, fault := range s.check() {
		if !f.unread[fault.key] { // its value is that of nobody
			f.blame(s.origins[fault.key], fault.key, fault.err)
		}
	}
	for _, fault := range s.readTokens(l.Again) {
		f.unusable(s.origins[fault.key], fault.key, fault.err)
	}
	s.resolve(l, f)
	if err := f.err(); err != nil {
		return s, err
	}
	return s, s.guard()
}

// faults are what is wrong: with the command line, of which one is told, and with the rest, of which all are.
type faults struct {
	usage  error
	rest   tendfile.Faults
	files  tendfile.Faults // with a file that a flag names
	unread map[string]bool // keys with a value that could not be read
}

func (f *faults) err() error {
	switch {
	case f.usage != nil:
		return usageError(f.usage)
	case len(f.rest) == 0 && len(f.files) == 1:
		return &supervise.ExitError{Code: exitConfig, Err: f.files[0]}
	}
	if f.rest = append(f.rest, f.files...); len(f.rest) > 0 {
		return &supervise.ExitError{Code: exitConfig, Err: f.rest.Sorted()}
	}
	return nil
}

// unusable tells of a file that can't be used, where it was named.
func (f *faults) unusable(from Origin, key string, err error) {
	if from.Flag {
		f.files.Add(tendfile.Place{File: "--" + key}, "%v", err)
		return
	}
	f.blame(from, key, err)
}

// blame tells of a fault in the value of a flag, where that came from.
func (f *faults) blame(from Origin, key string, err error) {
	switch {
	case from.Env != "":
		f.rest.Add(tendfile.Place{File: from.Env}, "%v", err)
	case from.File != "":
		f.rest.Add(from.Place, "%s: %v", key, err)
	case f.usage == nil:
		f.usage = fmt.Errorf("--%s: %w", key, err)
	}
}

// --- the environment -----------------------------------------------------------------------------------

// Variable is the variable of the environment that stands for a flag.
func Variable(flag string) string {
	return "TEND_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// environment takes the values of flags that are not on the command line. What adds to a list is added.
func (s *Settings) environment(env []string, flags *pflag.FlagSet, f *faults) {
	var known []string
	flags.VisitAll(func(flag *pflag.Flag) {
		name := Variable(flag.Name)
		known = append(known, name)
		value := lookup(env, name)
		if value == "" || flag.Changed && !adds(flag.Name) { // an empty one is as good as none, as in a shell
			return
		}
		if !flag.Changed {
			s.origins[flag.Name] = Origin{Env: name}
		}
		for _, err := range s.setFromEnv(flag, name, value) {
			f.unread[flag.Name] = true
			f.rest.Add(tendfile.Place{File: name}, "%v", err)
		}
	})
	s.warn(env, known)
}

// adds tells whether each use of a flag adds to the others, so that it also adds to those of the environment.
func adds(flag string) bool { return flag == "policy" || flag == "command" || flag == "job" }

func (s *Settings) setFromEnv(flag *pflag.Flag, name, value string) (errs []error) {
	if !adds(flag.Name) {
		err := flag.Value.Set(value)
		if want := wanted(flag.Value.Type()); err != nil && want != "" {
			err = fmt.Errorf("%q: want %s", value, want)
		}
		return appendErr(nil, err)
	}
	var list []Program
	for line := range strings.Lines(value) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if flag.Name == "policy" {
			errs = appendErr(errs, s.Policies.add(line, setting{layer: envLayer, from: name}))
			continue
		}
		errs = appendErr(errs, programs{&list, flag.Name == "job"}.Set(line))
	}
	for i := range list {
		list[i].Flag = name
	}
	s.Programs = append(list, s.Programs...)
	return errs
}

// wanted is what a value of a type has to be, for people; "": its own error says it.
func wanted(kind string) string {
	return map[string]string{"bool": "true or false", "duration": "a duration, such as 90s"}[kind]
}

func appendErr(errs []error, err error) []error {
	if err == nil {
		return errs
	}
	return append(errs, err)
}

func lookup(env []string, name string) string {
	for _, entry := range slices.Backward(env) {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

// warn tells of variables that are all but ours. Others may well begin with TEND_: Kubernetes makes some for a service
// of the name tend.
func (s *Settings) warn(env, known []string) {
	for _, entry := range env {
		name, _, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, "TEND_") || slices.Contains(known, name) {
			continue
		}
		if near := spelling.Nearest(name, known); near != "" && len(near) > len("TEND_")+4 && spelling.Edits(name, near) <= 2 {
			s.Warnings = append(s.Warnings, fmt.Sprintf("%s is no variable of tend; did you mean %s?", name, near))
		}
	}
}

// --- the file ------------------------------------------------------------------------------------------

// fromFile takes the values that neither the command line nor the environment has.
func (s *Settings) fromFile(l Loader, flags *pflag.FlagSet, f *faults) {
	path, text, err := findFile(cmp.Or(l.File, s.ConfigFile), l)
	if err != nil {
		f.rest.Add(tendfile.Place{File: path}, "%v", err)
		return
	}
	if path == "" {
		if s.Watch {
			f.blame(s.origins["watch"], "watch", errors.New("there is no configuration file"))
		}
		return
	}
	s.File, s.Text = path, text
	if s.file, err = (tendfile.Rules{Keys: keysOf(flags), Schedule: l.Schedule}).Read(path, text); err != nil {
		var found tendfile.Faults
		errors.As(err, &found)
		f.rest = append(f.rest, found...)
	}
	for key, value := range s.file.Settings {
		if s.origins[key] != (Origin{}) {
			continue
		}
		s.origins[key] = Origin{Place: value.Place}
		for _, text := range value.Values {
			text = besideFile(key, text, path)
			if err := flags.Lookup(key).Value.Set(text); err != nil {
				f.unread[key] = true
				f.rest.Add(value.Place, "%s: %v", key, err)
			}
		}
	}
	for _, p := range s.file.Policies {
		s.Policies.settings = append(s.Policies.settings, setting{path: p.Path, text: p.Text, layer: fileLayer, place: p.Place})
	}
}

// besideFile is the value of a setting that is in a file: a path is below the folder of that.
func besideFile(key, text, file string) string {
	below := func(path string) string {
		if path == "" || filepath.IsAbs(path) {
			return path
		}
		if abs, err := filepath.Abs(file); err == nil {
			file = abs
		}
		return filepath.Join(filepath.Dir(file), path)
	}
	socket, isSocket := strings.CutPrefix(text, "unix:")
	switch {
	case strings.HasSuffix(key, "-file"), key == "crash-log":
		return below(text)
	case strings.HasSuffix(key, "-addr") && isSocket && socket != "":
		return "unix:" + below(socket)
	default:
		return text
	}
}

// Keys are the flags that a file can have as keys.
func Keys() []tendfile.Key {
	var c Config
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	c.Bind(flags)
	return keysOf(flags)
}

func keysOf(flags *pflag.FlagSet) (keys []tendfile.Key) {
	flags.VisitAll(func(flag *pflag.Flag) {
		switch flag.Name {
		case "config", "policy", "command", "job":
			return
		}
		_, doc := pflag.UnquoteUsage(flag)
		key := tendfile.Key{Name: flag.Name, Doc: doc, Type: "text", Default: flag.DefValue}
		switch flag.Value.Type() {
		case "bool":
			key.Type = "bool"
		case "duration":
			key.Type = "duration"
		case "int", "uint", "int64", "uint64":
			key.Type = "number"
		case "stringSlice", "stringArray":
			key.Type, key.Default = "list", ""
		}
		keys = append(keys, key)
	})
	return keys
}
