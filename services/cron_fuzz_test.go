package services_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"tend.example/tend/services"
)

// FuzzCron holds Cron to what is true of any expression, in any zone, at any time.
func FuzzCron(f *testing.F) {
	for i, expr := range []string{
		"", "* * * * *", "*/7 1-5,9 L,15W ? FRIL,MON#2", "59 59 23 31 12 7", "0 0 29 2 5#5", "0 0 31 2 *", "@weekly", "@every 1h1ns", "@every -1s",
		"TZ=UTC", "CRON_TZ=", "TZ=UTC * * * * *", "@", "@every ", "*/9223372036854775807 * * * *", "1-/2 * * * *", ", , , , ,", "# # # # #", "L L L L L",
		"0 0 * * 7#1-7", "0 0 * * SAT-SUN/2", "0 0 1-31/30 4 *", "\x00 \xff * * *",
	} {
		f.Add(expr, uint8(i), int64(1_700_000_000+i*86_400*37))
	}
	f.Fuzz(func(t *testing.T, expr string, place uint8, unix int64) {
		names := zones()
		cron, err := services.Cron(expr, zone(t, names[int(place)%len(names)]))
		if err != nil {
			if !strings.HasPrefix(err.Error(), "cron "+strconv.Quote(expr)+": ") {
				t.Errorf("the error does not name the expression: %v", err)
			}
			return
		}
		if strings.HasPrefix(strings.TrimSpace(expr), "@every") {
			return // that is Every, whose times are those of its job
		}
		after := time.Unix(unix, 0)
		for range 20 {
			next := cron.Next(after)
			if next.IsZero() {
				if after.Year() < 9999-400 {
					t.Errorf("%v: nothing after %s", cron, after)
				}
				return
			}
			if !next.After(after) {
				t.Fatalf("%v: Next(%s) = %s, which is not later", cron, after, next)
			}
			if again := cron.Next(next.Add(-1)); !again.Equal(next) {
				t.Fatalf("%v: Next(%s) = %s, but just before it %s", cron, after, next, again)
			}
			after = next
		}
	})
}

// FuzzCronAgainstTheOracle makes an expression of a number, and looks at it where a clock jumps.
func FuzzCronAgainstTheOracle(f *testing.F) {
	for seed := range uint64(60) {
		f.Add(seed, uint8(seed), uint16(seed*977))
	}
	f.Fuzz(func(t *testing.T, seed uint64, place uint8, day uint16) {
		names := zones()
		loc := zone(t, names[int(place)%len(names)])
		s, on := anySample(rand.New(rand.NewPCG(seed, 0)))
		if _, err := services.Cron(s.expr, loc); err != nil {
			if !strings.Contains(err.Error(), "never run") || hasADay(on) {
				t.Errorf("%s: %v", s.expr, err)
			}
			return
		}
		// From 2000 on, which is long enough ago for laws that are no longer in force.
		begin := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, int(day)%(37*365))
		if jumps := transitions(loc, begin, begin.AddDate(0, 8, 0)); len(jumps) > 0 {
			begin = jumps[0].Add(-27 * time.Hour)
		}
		end := begin.Add(54 * time.Hour)
		moments := walk(loc, begin, end, time.Minute)
		s.hold(t, loc, begin, end, moments)
		s.probe(t, loc, begin.Add(24*time.Hour), begin.Add(30*time.Hour), moments)
	})
}

// hasADay tells whether there is any in 400 years.
func hasADay(on func(*wall) bool) bool {
	for day := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() < 2400; day = day.AddDate(0, 0, 1) {
		if w := wallOf(day); on(&w) {
			return true
		}
	}
	return false
}

// anySample is an expression of minutes, made at random together with its meaning, and the days on which it runs.
func anySample(r *rand.Rand) (s sample, on func(*wall) bool) {
	minute, minutes := anyList(r, 0, 59, nil)
	hour, hours := anyList(r, 0, 23, nil)
	month, months := anyList(r, 1, 12, strings.Fields("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC"))
	ofMonth, byDate := anyList(r, 1, 31, nil)
	ofWeek, byWeekday := anyList(r, 0, 6, strings.Fields("SUN MON TUE WED THU FRI SAT"))
	last := r.IntN(8) == 0
	if last {
		ofMonth += ",L"
	}
	weekday, nth := time.Weekday(r.IntN(7)), 0
	switch r.IntN(6) {
	case 0:
		nth = 1 + r.IntN(5)
		ofWeek = fmt.Sprintf("%d#%d", weekday, nth)
		byWeekday = map[int]bool{}
	case 1:
		nth = -1
		ofWeek = fmt.Sprintf("%dL", weekday)
		byWeekday = map[int]bool{}
	}
	either := ofMonth[0] != '*' && ofWeek[0] != '*'
	on = func(w *wall) bool {
		date := byDate[w.day] || last && w.daysLeft == 0
		week := byWeekday[int(w.weekday)] || w.weekday == weekday &&
			(nth > 0 && (w.day+6)/7 == nth || nth < 0 && w.daysLeft < 7)
		return months[int(w.month)] && (date && week || either && (date || week))
	}
	s = sample{
		expr:      strings.Join([]string{minute, hour, ofMonth, month, ofWeek}, " "),
		match:     func(w *wall) bool { return minutes[w.min] && hours[w.hour] && on(w) },
		everyHour: len(hours) == 24,
	}
	return s, on
}

// anyList is a field between two numbers, of which the second and later ones may have names.
func anyList(r *rand.Rand, low, high int, names []string) (text string, set map[int]bool) {
	set = map[int]bool{}
	word := func(n int) string {
		if names != nil && r.IntN(2) == 0 {
			return names[n-low]
		}
		return strconv.Itoa(n)
	}
	var elements []string
	for range 1 + r.IntN(2) {
		from := low + r.IntN(high-low+1)
		to := from + r.IntN(high-from+1)
		step := 1 + r.IntN(9)
		element := ""
		switch r.IntN(6) {
		case 0, 1:
			from, to, step = low, high, 1
			element = "*"
		case 2:
			from, to = low, high
			element = fmt.Sprintf("*/%d", step)
		case 3:
			to, step = from, 1
			element = word(from)
		case 4:
			step = 1
			element = word(from) + "-" + word(to)
		case 5:
			element = fmt.Sprintf("%s-%s/%d", word(from), word(to), step)
		}
		for n := from; n <= to; n += step {
			set[n] = true
		}
		elements = append(elements, element)
	}
	return strings.Join(elements, ","), set
}
