// Mutants replays the mutants of package supervise: faults of one line, each with the test that has to find
// it. It tells how good the tests are, which a pass does not: a mutant that survives shows a promise that
// nobody checks.
//
//	go run ./internal/mutants                  all of mutants.txt
//	go run ./internal/mutants -run strategy    those whose rule, file or test matches
//	go run ./internal/mutants -v               with what each test says
//	go run ./internal/mutants -doc             none: writes their table in docs/testing.md anew
//
// Its exit code is 1 when a mutant survived, and 2 when one could not be tried: because the code has changed
// and mutants.txt has to follow, because the mutant does not compile, or because its test fails without it.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	code, err := run(ctx, findHouse, os.Stdout, os.Args[1:])
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
	}
	os.Exit(code)
}

// errSurvived is the verdict on the tests.
var errSurvived = errors.New("some mutants survived")

// run does what the arguments say, and gives the exit code.
func run(ctx context.Context, find func(context.Context) (house, error), out io.Writer, args []string) (int, error) {
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	only := flags.String("run", "", "replay the mutants whose rule, file or test matches this `regexp`")
	verbose := flags.Bool("v", false, "show what each test says")
	doc := flags.Bool("doc", false, "replay nothing, and write the table of docs/testing.md anew")
	if err := flags.Parse(args); err != nil {
		return 2, nil // it has been said
	}
	h, err := find(ctx)
	if err != nil {
		return 2, err
	}
	if *doc {
		err = h.writeTable()
	} else {
		err = h.replay(ctx, out, *only, *verbose)
	}
	switch {
	case err == nil:
		return 0, nil
	case errors.Is(err, errSurvived):
		return 1, err
	default:
		return 2, err
	}
}

// findHouse finds the module that the command is run in.
func findHouse(ctx context.Context) (house, error) {
	mod, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	return house{filepath.Dir(string(bytes.TrimSpace(mod)))}, err
}

// replay tries the mutants that match, and prints what becomes of them.
func (h house) replay(ctx context.Context, out io.Writer, only string, verbose bool) error {
	mutants, err := h.matching(only)
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	r := &replay{house: h, temp: temp}
	if err := r.check(ctx, mutants); err != nil {
		return err
	}
	t := tally{out: out, verbose: verbose}
	for i := range mutants {
		o := r.one(ctx, &mutants[i])
		if ctx.Err() != nil { // or all that are left could not be tried
			return ctx.Err()
		}
		t.note(&mutants[i], &o)
	}
	return t.sum()
}

// matching reads those of the list that are asked for.
func (h house) matching(only string) ([]mutant, error) {
	pattern, err := regexp.Compile(only)
	if err != nil {
		return nil, err
	}
	mutants, err := h.mutants()
	if err != nil {
		return nil, err
	}
	mutants = slices.DeleteFunc(mutants, func(m mutant) bool {
		return !pattern.MatchString(m.rule + "\n" + m.file + "\n" + m.test)
	})
	if len(mutants) == 0 {
		return nil, fmt.Errorf("no mutant matches %q", only)
	}
	return mutants, nil
}

// tally prints and counts.
type tally struct {
	out     io.Writer
	verbose bool

	killed, survived, untried int
}

func (t *tally) note(m *mutant, o *outcome) {
	verdict := "killed"
	switch {
	case o.fault != nil:
		verdict = "UNTRIED"
		t.untried++
	case o.killed():
		t.killed++
	default:
		verdict = "SURVIVED"
		t.survived++
	}
	fmt.Fprintf(t.out, "%-8s  %4.1fs  %-13s  %s\n%34s%s %s\n", verdict, o.took.Seconds(), m.file, m.rule, "", m.test, o.end)
	if o.fault != nil {
		fmt.Fprintf(t.out, "\t%v\n", o.fault)
	}
	if t.verbose || verdict == "SURVIVED" {
		fmt.Fprintf(t.out, "\t- %s\n\t+ %s\n", m.was, m.is)
	}
	if t.verbose {
		fmt.Fprintf(t.out, "\t%s\n", strings.ReplaceAll(strings.TrimSpace(o.output), "\n", "\n\t"))
	}
}

// sum prints the sum, and says what is wrong with it.
func (t *tally) sum() error {
	fmt.Fprintf(t.out, "%d killed, %d survived", t.killed, t.survived)
	if t.untried > 0 {
		fmt.Fprintf(t.out, ", %d could not be tried", t.untried)
	}
	fmt.Fprintln(t.out)
	switch {
	case t.untried > 0:
		return errors.New("some mutants could not be tried")
	case t.survived > 0:
		return errSurvived
	default:
		return nil
	}
}
