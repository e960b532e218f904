package services

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/robfig/cron/v3"
)

// cronField is one field of an expression, as it was written. Its numbers are read by the parser of robfig/cron, one
// element of a list at a time and only in a form that is known to do it no harm: given a whole
// expression, it panics at some that begin with TZ=.
type cronField struct {
	name   string
	text   string
	option cron.ParseOption                // makes the parser read this field
	set    func(*cron.SpecSchedule) uint64 // where it puts what it read
}

// cronFields are the fields of an expression, from the second on.
func cronFields(texts []string) [6]cronField {
	return [6]cronField{
		{"second", texts[0], cron.Second, func(s *cron.SpecSchedule) uint64 { return s.Second }},
		{"minute", texts[1], cron.Minute, func(s *cron.SpecSchedule) uint64 { return s.Minute }},
		{"hour", texts[2], cron.Hour, func(s *cron.SpecSchedule) uint64 { return s.Hour }},
		{"day of month", texts[3], cron.Dom, func(s *cron.SpecSchedule) uint64 { return s.Dom }},
		{"month", texts[4], cron.Month, func(s *cron.SpecSchedule) uint64 { return s.Month }},
		{"day of week", texts[5], cron.Dow, func(s *cron.SpecSchedule) uint64 { return s.Dow }},
	}
}

func (f cronField) String() string { return fmt.Sprintf("%s %q", f.name, f.text) }

// open tells whether the field gives no condition of its own, by crontab's rule for the two that name days.
func (f cronField) open() bool {
	return strings.HasPrefix(f.text, "*") || strings.HasPrefix(f.text, "?")
}

// numbers is the set of numbers that the field names.
func (f cronField) numbers() (set uint64, err error) {
	err = f.each(func(element string) error {
		more, err := f.plain(element)
		set |= more
		return err
	})
	return set, err
}

// each calls add for each element of the list, in capitals, until it fails.
func (f cronField) each(add func(element string) error) error {
	for element := range strings.SplitSeq(strings.ToUpper(f.text), ",") {
		if err := add(element); err != nil {
			return fmt.Errorf("%s: %w", f, err)
		}
	}
	return nil
}

// plain is the set that a star, a value or a range names, with or without a step.
func (f cronField) plain(element string) (uint64, error) {
	span, step, stepped := strings.Cut(element, "/")
	low, high, ranged := strings.Cut(span, "-")
	star := low == "*" || low == "?"
	switch {
	case star && ranged, !star && !isWord(low), ranged && !isWord(high):
		return 0, fmt.Errorf("%q is neither *, a value nor a range", span)
	case stepped && !isWord(step):
		return 0, fmt.Errorf("%q is not a step", step)
	}
	schedule, err := cron.NewParser(f.option).Parse(element)
	if err != nil {
		return 0, err
	}
	spec, ok := schedule.(*cron.SpecSchedule)
	if !ok {
		return 0, fmt.Errorf("%q is no set of numbers", element)
	}
	return f.set(spec) &^ (1 << 63), nil // the parser's note that there was a star
}

// isWord tells whether text may be a number or a name.
func isWord(text string) bool {
	return text != "" && strings.Trim(text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// setOfMonth reads the day of month, to which L belongs.
func (d *cronDays) setOfMonth(f cronField) error {
	return f.each(func(element string) error {
		if element == "L" {
			d.last = true
			return nil
		}
		set, err := f.plain(element)
		d.ofMonth |= uint32(set)
		return err
	})
}

// setOfWeek reads the day of week, to which 7 belongs, 5L and 5#2.
func (d *cronDays) setOfWeek(f cronField) error {
	return f.each(func(element string) error {
		if name, ok := strings.CutSuffix(element, "L"); ok {
			set, err := f.weekday(name)
			d.lastOf |= set
			return err
		}
		if name, nth, ok := strings.Cut(element, "#"); ok {
			set, err := f.weekday(name)
			if err != nil {
				return err
			}
			n, err := strconv.Atoi(nth)
			if err != nil || n < 1 || n > maxNth {
				return fmt.Errorf("# takes 1 to %d, as no month has more of one day of the week, and not %q", maxNth, nth)
			}
			d.nth[n-1] |= set
			return nil
		}
		set, err := f.weekdays(element)
		d.weekdays |= set
		return err
	})
}

// weekday is the set of one day of the week.
func (f cronField) weekday(name string) (uint8, error) {
	if !isWord(name) {
		return 0, errors.New("what stands before L or # is one day of the week, as in 5L, FRIL and MON#2")
	}
	return f.weekdays(name)
}

// weekdays is plain for days of the week, where a range may end with 7, or SUN for that.
func (f cronField) weekdays(element string) (uint8, error) {
	const sunday = 1
	span, step, stepped := strings.Cut(element, "/")
	low, high, _ := strings.Cut(span, "-")
	switch {
	case !stepped && (span == "7" || span == "7-7"):
		return sunday, nil
	case high == "7", high == "SUN" && low != "SUN" && low != "0":
	default:
		set, err := f.plain(element)
		return uint8(set), err
	}
	// Up to Saturday as ever; and Sunday, if that is so many steps from the beginning.
	set, err := f.plain(strings.Replace(element, "-"+high, "-6", 1))
	if err != nil {
		return 0, err
	}
	n := 1
	if stepped {
		n, err = strconv.Atoi(step)
	}
	if (7-firstBit(set, 0))%n == 0 {
		set |= sunday
	}
	return uint8(set), err
}
