package services

import (
	"math/bits"
	"time"
)

// Cron is a schedule of times of the clock on the wall in a place, as crontab writes them: minute, hour, day of
// month, month, day of week, and before them seconds if there are six fields. So `0 3 * * *` is each
// night at three, and `*/10 0 3 * * *` every ten seconds of that minute. A nil loc is time.Local.
//
// A field is `*` (or `?`), a value, a range `1-5`, one of these with a step `*/15`, `10-50/20`, `5/15` (from 5 to the
// end), or a list of those, parted by commas. Months and days of the week also have names, `JAN` and `MON`, in
// capitals or not; Sunday is 0 and 7. `L` as day of month is the last day of the month, `5L` or
// `FRIL` as day of week the month's last Friday, and `MON#2` its second Monday. Instead of fields there may be
// @yearly (or @annually), @monthly, @weekly, @daily (or @midnight), @hourly, or `@every 90s`, which is Every.
//
// If the day of month and the day of week are both given, either will do: `0 0 13 * FRI` is every
// 13th and every Friday. A field that begins with `*` or `?` is not given, so that `*/2` stays a condition of its
// own: crontab and crontab(5) say so, too; robfig/cron is of another opinion about `*/2`.
//
// What becomes of the hour that is lost in spring, and of the one that comes twice in autumn:
//
//   - An expression runs once for each of its times, at the first moment at which the wall clock shows
//     that time or a later one. A time that is skipped therefore runs at the end of the gap (several in
//     one gap run together), and of a time that comes twice it is the first.
//   - An expression whose hour field names every hour (`*`, `*/1`, `0-23`) is about real time: it runs at every
//     moment at which the wall clock shows one of its times. Nothing is made up for or left out.
//
// An error names the field at fault. An expression that would never run, such as `0 0 30 2 *`, is one.
//
// The times are whole seconds in loc, in the years 1 to 9999. The schedule has a String that gives
// expression and zone.
func Cron(expr string, loc *time.Location) (Schedule, error) {
	if loc == nil {
		loc = time.Local
	}
	return parseCron(expr, loc)
}

// MustCron is Cron for an expression that stands in the program. It panics where Cron has an error.
func MustCron(expr string, loc *time.Location) Schedule {
	s, err := Cron(expr, loc)
	if err != nil {
		panic("services.MustCron: " + err.Error())
	}
	return s
}

// crontab is an expression: sets of numbers, one bit a number. Inside, a time on the wall is the Unix time
// at which a clock in UTC would show it.
type crontab struct {
	expr    string
	loc     *time.Location
	seconds uint64
	minutes uint64
	hours   uint64
	months  uint64
	days    cronDays
}

func (c *crontab) String() string { return c.expr + " " + c.loc.String() }

// everyHour tells an expression about real time from one about the clock on the wall.
func (c *crontab) everyHour() bool { return c.hours == 1<<24-1 }

func (c *crontab) Next(after time.Time) time.Time {
	sec := after.Unix()
	if sec < earliestWall {
		sec = earliestWall
	}
	if sec > latestWall {
		return time.Time{}
	}
	var ok bool
	if c.everyHour() {
		sec, ok = c.shownAfter(sec)
	} else {
		sec, ok = c.wallFrom(unreached(c.loc, sec))
		sec = reached(c.loc, sec)
	}
	if !ok {
		return time.Time{}
	}
	return time.Unix(sec, 0).In(c.loc)
}

// shownAfter is the first second after sec at which the wall clock shows a time of the expression.
func (c *crontab) shownAfter(sec int64) (int64, bool) {
	for from := sec + 1; ; {
		s := stretchAt(c.loc, from)
		wall, ok := c.wallFrom(from + s.offset)
		if !ok {
			return 0, false
		}
		if wall-s.offset < s.end {
			return wall - s.offset, true
		}
		from = s.end
	}
}

// The bounds keep all arithmetic far away from its limits.
const (
	earliestWall = -62135596800 // the year 1, where the zero time.Time is
	latestWall   = 253402300799 // the end of 9999
	secondsADay  = 24 * 60 * 60
	monthsACycle = 400 * 12 // after 400 years dates and days of the week are the same again
)

// wallFrom is the first time on the wall that matches and is not earlier than from.
func (c *crontab) wallFrom(from int64) (int64, bool) {
	t := time.Unix(from, 0).UTC()
	year, month, day := t.Date()
	days := c.daysOf(year, month)
	second, ok := c.clockFrom(t.Hour()*3600 + t.Minute()*60 + t.Second())
	if days&(1<<day) == 0 || !ok {
		second, _ = c.clockFrom(0)
		days &^= 1<<(day+1) - 1
		for n := 0; days == 0; n++ {
			if n > monthsACycle {
				return 0, false
			}
			month++
			if month > time.December {
				year, month = year+1, time.January
			}
			days = c.daysOf(year, month)
		}
		day = bits.TrailingZeros32(days)
	}
	wall := time.Date(year, month, day, 0, 0, second, 0, time.UTC).Unix()
	return wall, wall <= latestWall
}

// daysOf is the set of matching days of a month, of which it may be none.
func (c *crontab) daysOf(year int, month time.Month) uint32 {
	if c.months&(1<<month) == 0 {
		return 0
	}
	return c.days.in(year, month)
}

// clockFrom is the first second of a day that matches and is not earlier than from.
func (c *crontab) clockFrom(from int) (int, bool) {
	h, m, s := from/3600, from/60%60, from%60
	hour := firstBit(c.hours, h)
	minute, second := firstBit(c.minutes, 0), firstBit(c.seconds, 0)
	if hour == h {
		// The rest of this hour, if there is one, comes before the next hour; so with the minute.
		if c.minutes&(1<<m) != 0 && firstBit(c.seconds, s) != none {
			return h*3600 + m*60 + firstBit(c.seconds, s), true
		}
		if later := firstBit(c.minutes, m+1); later != none {
			minute = later
		} else {
			hour = firstBit(c.hours, h+1)
		}
	}
	return hour*3600 + minute*60 + second, hour != none
}

const none = 64

// firstBit is the lowest member of a set of numbers that is not lower than from, or none.
func firstBit(set uint64, from int) int { return bits.TrailingZeros64(set &^ (1<<from - 1)) }
