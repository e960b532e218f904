package services

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

func parseCron(expr string, loc *time.Location) (Schedule, error) {
	fields := strings.Fields(expr)
	c := &crontab{expr: strings.Join(fields, " "), loc: loc}
	if len(fields) > 0 && strings.HasPrefix(fields[0], "@") {
		if fields[0] == "@every" {
			return parseEvery(expr, fields[1:])
		}
		fields = macro(c.expr)
		if fields == nil {
			return nil, fmt.Errorf("cron %q: no macro of that name: there are @yearly, @annually, @monthly, "+
				"@weekly, @daily, @midnight, @hourly and @every with a duration", expr)
		}
	}
	if err := c.parse(fields); err != nil {
		return nil, fmt.Errorf("cron %q: %w", expr, err)
	}
	return c, nil
}

func parseEvery(expr string, args []string) (Schedule, error) {
	if len(args) != 1 {
		return nil, fmt.Errorf("cron %q: @every takes one duration, such as 90s or 1h30m", expr)
	}
	interval, err := time.ParseDuration(args[0])
	if err != nil {
		return nil, fmt.Errorf("cron %q: %w", expr, err)
	}
	if interval <= 0 {
		return nil, fmt.Errorf("cron %q: the duration %s is not positive", expr, interval)
	}
	return Every(interval), nil
}

// macro is the fields that a name stands for, nil for one that is unknown.
func macro(name string) []string {
	switch name {
	case "@yearly", "@annually":
		return []string{"0", "0", "1", "1", "*"}
	case "@monthly":
		return []string{"0", "0", "1", "*", "*"}
	case "@weekly":
		return []string{"0", "0", "*", "*", "0"}
	case "@daily", "@midnight":
		return []string{"0", "0", "*", "*", "*"}
	case "@hourly":
		return []string{"0", "*", "*", "*", "*"}
	}
	return nil
}

// parse sets everything but expr and loc.
func (c *crontab) parse(fields []string) error {
	if len(fields) > 0 && strings.Contains(fields[0], "TZ=") {
		return errors.New("the zone does not belong into the expression, it is given beside it")
	}
	switch len(fields) {
	case 5:
		fields = append([]string{"0"}, fields...)
	case 6:
	default:
		return fmt.Errorf("it has %d fields, not 5 (minute, hour, day of month, month, day of week) "+
			"or 6 (a second first)", len(fields))
	}
	return c.read(cronFields(fields))
}

func (c *crontab) read(f [6]cronField) error {
	second, minute, hour, ofMonth, month, ofWeek := f[0], f[1], f[2], f[3], f[4], f[5]
	var err error
	numbers := func(f cronField) (set uint64) {
		if err == nil {
			set, err = f.numbers()
		}
		return set
	}
	c.seconds, c.minutes, c.hours, c.months = numbers(second), numbers(minute), numbers(hour), numbers(month)
	if err != nil {
		return err
	}
	if err := c.days.setOfMonth(ofMonth); err != nil {
		return err
	}
	if err := c.days.setOfWeek(ofWeek); err != nil {
		return err
	}
	c.days.both = ofMonth.open() || ofWeek.open()
	if _, ok := c.wallFrom(0); !ok {
		return neverRuns(ofMonth, month, ofWeek)
	}
	return nil
}

// neverRuns says why: whatever the clock, there is no such day.
func neverRuns(ofMonth, month, ofWeek cronField) error {
	if ofWeek.text == "*" || ofWeek.text == "?" {
		return fmt.Errorf("it would never run: %s does not come in %s", ofMonth, month)
	}
	return fmt.Errorf("it would never run: no date in any year matches %s, %s and %s together", ofMonth, month, ofWeek)
}
