package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"tend.example/tend/internal/tendfile"
)

// Program is what --command and --job ask for: a program that is run as a child of the root.
type Program struct {
	Name     string
	Schedule string         // of a job, not checked: five or six fields, or a macro; "": a command, which runs all the time
	Zone     *time.Location // of a job
	Args     []string       // at least one
	Flag     string         // as the operator wrote it, or the variable of the environment, for an error about it
}

// programs is the value of --command or of --job; both add to one list, as its order is that of the children.
type programs struct {
	list *[]Program
	jobs bool
}

// Set reads NAME: COMMAND or NAME: SCHEDULE [ZONE]: COMMAND. Parts end at a colon and a blank, so a colon in a
// command is just that.
func (p programs) Set(text string) error {
	parts := 2
	if p.jobs {
		parts = 3
	}
	fields := strings.SplitN(text, ": ", parts)
	if len(fields) < parts {
		return fmt.Errorf("want %s, parted by a colon and a blank", p.Type())
	}
	for i := range fields {
		fields[i] = strings.TrimSpace(fields[i])
	}
	program, err := newProgram(fields[0], fields[parts-1])
	if err != nil {
		return err
	}
	program.Flag = fmt.Sprintf("--command %q", text)
	if p.jobs {
		program.Flag = fmt.Sprintf("--job %q", text)
		if program.Schedule, program.Zone, err = splitSchedule(fields[1]); err != nil {
			return err
		}
	}
	*p.list = append(*p.list, program)
	return nil
}

// String is the names.
func (p programs) String() string {
	var names []string
	if p.list != nil {
		for _, program := range *p.list {
			if p.jobs == (program.Schedule != "") {
				names = append(names, program.Name)
			}
		}
	}
	return strings.Join(names, " ")
}

// Type is how the help text calls a value.
func (p programs) Type() string {
	if p.jobs {
		return "NAME: SCHEDULE [ZONE]: COMMAND"
	}
	return "NAME: COMMAND"
}

func newProgram(name, command string) (Program, error) {
	if name == "" || strings.Contains(name, "/") || strings.ContainsFunc(name, unicode.IsControl) {
		return Program{}, fmt.Errorf("name %q: is empty, or has a slash or a control character", name)
	}
	args, err := tendfile.SplitWords(command)
	return Program{Name: name, Args: args}, err
}

// splitSchedule parts the zone from the fields before it. What begins with a letter is a zone if there is one
// of that name, or if no field of five or six is left that it could be: a day such as FRI#2 is no zone.
func splitSchedule(text string) (schedule string, zone *time.Location, err error) {
	words := strings.Fields(text)
	if len(words) == 0 {
		return "", nil, errors.New("no schedule")
	}
	last, most := words[len(words)-1], 6
	switch {
	case words[0] == "@every":
		most = 2
	case strings.HasPrefix(words[0], "@"):
		most = 1
	}
	if len(words) == 1 || !unicode.IsLetter(rune(last[0])) {
		return strings.Join(words, " "), time.Local, nil
	}
	if zone, err = time.LoadLocation(last); err == nil {
		return strings.Join(words[:len(words)-1], " "), zone, nil
	}
	if len(words) > most || zoneLike(last) || len(words) == 6 && isNoDay(last) {
		return "", nil, fmt.Errorf("time zone %q: unknown", last)
	}
	return strings.Join(words, " "), time.Local, nil
}

// zoneLike tells whether a word that begins with a letter is more of a Europe/Berlin than of a MON-FRI/2.
func zoneLike(word string) bool {
	_, place, ok := strings.Cut(word, "/")
	return ok && strings.ContainsFunc(place, unicode.IsLetter)
}

// isNoDay tells whether a word is of letters alone, as CEST is, but none that may end a schedule, as FRI does.
func isNoDay(word string) bool {
	return !strings.ContainsFunc(word, func(r rune) bool { return !unicode.IsLetter(r) }) && !slices.Contains(lettered, strings.ToUpper(word))
}

// lettered are the fields of letters alone that may end a schedule.
var lettered = []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", "SUNL", "MONL", "TUEL", "WEDL", "THUL", "FRIL", "SATL", "L"}
