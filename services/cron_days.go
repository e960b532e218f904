package services

import "time"

// cronDays is what an expression says of days.
type cronDays struct {
	ofMonth  uint32        // bits 1 to 31
	last     bool          // L: the last day of the month
	weekdays uint8         // bits 0 to 6, from Sunday on
	nth      [maxNth]uint8 // the first, second, ... of these days of the week in the month
	lastOf   uint8         // the last of these days of the week in the month
	both     bool          // both have to match, as one of the fields begins with a star; otherwise either
}

const (
	week   = 7
	maxNth = 5 // of any day of the week in one month
)

// in is the set of matching days of a month.
func (d *cronDays) in(year int, month time.Month) uint32 {
	length := time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
	whole := uint32(1)<<(length+1) - 2
	ofMonth := d.ofMonth & whole
	if d.last {
		ofMonth |= 1 << length
	}
	ofWeek := d.byWeekday(time.Date(year, month, 1, 0, 0, 0, 0, time.UTC).Weekday(), length) & whole
	if d.both {
		return ofMonth & ofWeek
	}
	return ofMonth | ofWeek
}

// byWeekday is the set of days that match by their day of the week, in a month that begins with one
// and has a length; a few days after its end may be among them.
func (d *cronDays) byWeekday(begin time.Weekday, length int) uint32 {
	const everyWeek = 1 | 1<<week | 1<<(2*week) | 1<<(3*week) | 1<<(4*week)
	var days uint32
	for weekday := range week {
		bit := uint8(1) << weekday
		first := 1 + (weekday-int(begin)+week)%week
		if d.weekdays&bit != 0 {
			days |= everyWeek << first
		}
		for n, set := range d.nth {
			if set&bit != 0 {
				days |= 1 << (first + n*week)
			}
		}
		if d.lastOf&bit != 0 {
			days |= 1 << (first + (length-first)/week*week)
		}
	}
	return days
}
