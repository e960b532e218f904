package services_test

import (
	"slices"
	"testing"
	"time"

	"tend.example/tend/services"
)

// The oracle: it walks through real time, second by second or minute by minute, looks at the clock on the
// wall, and runs what is due by the definition in the doc comment of Cron. It shares no code and no idea
// with the implementation, which computes with offsets.

// wall is what the clock on the wall shows.
type wall struct {
	year                int
	month               time.Month
	day, hour, min, sec int
	weekday             time.Weekday
	daysLeft            int // in the month, after this one
}

func wallOf(t time.Time) wall {
	w := wall{weekday: t.Weekday()}
	w.year, w.month, w.day = t.Date()
	w.hour, w.min, w.sec = t.Clock()
	w.daysLeft = time.Date(w.year, w.month+1, 0, 0, 0, 0, 0, time.UTC).Day() - w.day
	return w
}

// sample is an expression, and what it means, said once more in Go.
type sample struct {
	expr      string
	match     func(w *wall) bool
	everyHour bool
}

// moment is a step of the walk.
type moment struct {
	at      time.Time
	shows   wall
	again   bool   // shown before, so the clock was put back
	skipped []wall // never shown, because the clock was put forward to what it shows
}

// walk goes from begin to end. It looks at the 27 hours before begin, to know what has been shown.
func walk(loc *time.Location, begin, end time.Time, step time.Duration) []moment {
	shown := map[int64]bool{} // by what a clock in UTC would need to show the same
	var moments []moment
	last := int64(0)
	for t := begin.Add(-27 * time.Hour).In(loc); !t.After(end); t = t.Add(step) {
		_, offset := t.Zone()
		now := t.Unix() + int64(offset)
		m := moment{at: t, shows: wallOf(t), again: shown[now]}
		for missing := last + int64(step/time.Second); len(shown) > 0 && missing < now; missing += int64(step / time.Second) {
			if !shown[missing] {
				m.skipped = append(m.skipped, wallOf(time.Unix(missing, 0).UTC()))
			}
		}
		shown[now] = true
		last = now
		if t.After(begin) {
			moments = append(moments, m)
		}
	}
	return moments
}

// runs says when a sample runs on a walk.
func (s *sample) runs(moments []moment) []time.Time {
	var times []time.Time
	for i := range moments {
		m := &moments[i]
		due := s.match(&m.shows) && (s.everyHour || !m.again)
		for j := 0; j < len(m.skipped) && !due && !s.everyHour; j++ {
			due = s.match(&m.skipped[j])
		}
		if due {
			times = append(times, m.at)
		}
	}
	return times
}

// hold compares what Cron does in a window with the oracle.
func (s *sample) hold(t *testing.T, loc *time.Location, begin, end time.Time, moments []moment) {
	t.Helper()
	cron, err := services.Cron(s.expr, loc)
	if err != nil {
		t.Fatal(err)
	}
	want := s.runs(moments)
	var got []time.Time
	for next := cron.Next(begin); !next.IsZero() && !next.After(end); next = cron.Next(next) {
		if got = append(got, next); len(got) > len(want) {
			break // enough to be wrong, and maybe without end
		}
	}
	if i := firstDifference(got, want); i >= 0 {
		t.Errorf("%s %s, run %d after %s:\n got %v\nwant %v", s.expr, loc, i, begin.In(loc), around(got, i), around(want, i))
	}
}

// probe compares what Cron answers between the runs, at an odd time in every stretch of some minutes.
func (s *sample) probe(t *testing.T, loc *time.Location, begin, end time.Time, moments []moment) {
	t.Helper()
	cron := services.MustCron(s.expr, loc)
	times := s.runs(moments)
	for at := begin; at.Before(end); at = at.Add(13*time.Minute + 30*time.Second + 1) {
		i := slices.IndexFunc(times, at.Before)
		if i < 0 {
			return
		}
		if got := cron.Next(at); !got.Equal(times[i]) {
			t.Errorf("%s %s: Next(%s) = %s, want %s", s.expr, loc, at.In(loc), got, times[i])
			return
		}
	}
}

func firstDifference(a, b []time.Time) int {
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || !a[i].Equal(b[i]) {
			return i
		}
	}
	return -1
}

// around is the part of a list that surrounds its i-th member.
func around(times []time.Time, i int) []time.Time {
	return times[min(max(i-1, 0), len(times)):min(i+3, len(times))]
}

// transitions are the moments at which the wall clock of a place jumps; of two within half a day none.
func transitions(loc *time.Location, begin, end time.Time) []time.Time {
	offset := func(t time.Time) int {
		_, offset := t.In(loc).Zone()
		return offset
	}
	var jumps []time.Time
	for t := begin; t.Before(end); t = t.Add(12 * time.Hour) {
		before := offset(t)
		if before == offset(t.Add(12*time.Hour)) {
			continue
		}
		jump := t
		for offset(jump) == before {
			jump = jump.Add(time.Minute)
		}
		jumps = append(jumps, jump)
	}
	return jumps
}

// zones are places whose clocks jump, each in its own way.
func zones() []string {
	return []string{
		"Europe/Berlin", "America/New_York", "Africa/Cairo", "America/Santiago", "Australia/Lord_Howe",
		"Australia/Sydney", "Pacific/Apia", "Asia/Tehran", "Europe/Chisinau", "Europe/Kiev", "Africa/Casablanca",
		"America/Sao_Paulo", "America/Havana", "Antarctica/Troll", "Atlantic/Azores", "Asia/Beirut",
		"America/Asuncion", "Asia/Gaza", "Asia/Pyongyang", "America/Caracas", "Europe/Dublin", "Pacific/Norfolk", "America/St_Johns",
	}
}

// samples are expressions that run around the hours at which clocks are changed.
func samples() []sample {
	at := func(hour, minute int) func(*wall) bool {
		return func(w *wall) bool { return w.hour == hour && w.min == minute }
	}
	both := func(f, g func(*wall) bool) func(*wall) bool {
		return func(w *wall) bool { return f(w) && g(w) }
	}
	return []sample{
		{"* * * * *", func(*wall) bool { return true }, true},
		{"*/7 * * * *", func(w *wall) bool { return w.min%7 == 0 }, true},
		{"0 * * * *", func(w *wall) bool { return w.min == 0 }, true},
		{"15,45 0-23 * * *", func(w *wall) bool { return w.min%30 == 15 }, true},
		{"30 */1 * * SUN", func(w *wall) bool { return w.min == 30 && w.weekday == time.Sunday }, true},
		{"0 ? L * ?", func(w *wall) bool { return w.min == 0 && w.daysLeft == 0 }, true},
		{"0 0 * * *", at(0, 0), false},
		{"@daily", at(0, 0), false},
		{"30 0 * * *", at(0, 30), false},
		{"0 1 * * *", at(1, 0), false},
		{"59 1 * * *", at(1, 59), false},
		{"0 2 * * *", at(2, 0), false},
		{"15 2 * * *", at(2, 15), false},
		{"30 2 * * *", at(2, 30), false},
		{"0 3 * * *", at(3, 0), false},
		{"30 23 * * *", at(23, 30), false},
		{"* 1-2 * * *", func(w *wall) bool { return w.hour == 1 || w.hour == 2 }, false},
		{"*/10 0,2,23 * * *", func(w *wall) bool { return w.min%10 == 0 && (w.hour == 0 || w.hour == 2 || w.hour == 23) }, false},
		{"0,30 */2 * * *", func(w *wall) bool { return w.min%30 == 0 && w.hour%2 == 0 }, false},
		{"*/20 0-22 * * *", func(w *wall) bool { return w.min%20 == 0 && w.hour <= 22 }, false},
		{"45 1,2 * * 0", func(w *wall) bool { return w.min == 45 && (w.hour == 1 || w.hour == 2) && w.weekday == 0 }, false},
		{"30 2 * 3,10 7L", both(at(2, 30), func(w *wall) bool {
			return (w.month == 3 || w.month == 10) && w.weekday == time.Sunday && w.daysLeft < 7
		}), false},
		{"30 2 * MAR,NOV SUN#2,SUN#1", both(at(2, 30), func(w *wall) bool {
			return (w.month == 3 || w.month == 11) && w.weekday == time.Sunday && w.day <= 14
		}), false},
		{"0 0 25-31 * FRI", both(at(0, 0), func(w *wall) bool { return w.day >= 25 || w.weekday == time.Friday }), false},
		{"0 0 */2 * SAT,SUN", both(at(0, 0), func(w *wall) bool { return w.day%2 == 1 && (w.weekday == 0 || w.weekday == 6) }), false},
		{"0 0,1 L * *", func(w *wall) bool { return w.min == 0 && w.hour < 2 && w.daysLeft == 0 }, false},
	}
}

func TestCronAgreesWithTheOracleAroundEveryTransition(t *testing.T) {
	begin, end := time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, name := range zones() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			loc := zone(t, name)
			jumps := transitions(loc, begin, end)
			if len(jumps) == 0 {
				t.Fatal("the clock never jumps here: this zone shows nothing")
			}
			for _, jump := range jumps {
				holdAround(t, loc, jump, 3*time.Hour)
			}
		})
	}
}

// Whole days are left out or repeated where the date line is moved: Samoa never saw 30 December 2011, nor
// Kwajalein 21 August 1993, where 30 September 1969 had come twice.
func TestCronAgreesWithTheOracleAroundTheDateLine(t *testing.T) {
	for _, test := range []struct {
		zone string
		day  time.Time
	}{
		{"Pacific/Apia", time.Date(2011, 12, 30, 0, 0, 0, 0, time.UTC)},
		{"Pacific/Kwajalein", time.Date(1993, 8, 21, 0, 0, 0, 0, time.UTC)},
		{"Pacific/Kwajalein", time.Date(1969, 9, 30, 0, 0, 0, 0, time.UTC)},
	} {
		loc := zone(t, test.zone)
		jumps := transitions(loc, test.day.AddDate(0, 0, -1), test.day.AddDate(0, 0, 2))
		if len(jumps) != 1 {
			t.Errorf("%s: got jumps at %v, want one", loc, jumps)
			continue
		}
		holdAround(t, loc, jumps[0], 27*time.Hour)
	}
}

// holdAround looks at all samples from a day before a jump to a day after it, and closely as near as probed.
func holdAround(t *testing.T, loc *time.Location, jump time.Time, probed time.Duration) {
	t.Helper()
	begin, end := jump.Add(-27*time.Hour), jump.Add(27*time.Hour)
	moments := walk(loc, begin, end, time.Minute)
	for _, s := range samples() {
		s.hold(t, loc, begin, end, moments)
		s.probe(t, loc, jump.Add(-probed), jump.Add(probed), moments)
	}
}

func TestCronAgreesWithTheOracleInSeconds(t *testing.T) {
	list := []sample{
		{"*/30 * * * * *", func(w *wall) bool { return w.sec%30 == 0 }, true},
		{"1-59/29 59 1-2 * * *", func(w *wall) bool { return w.sec%29 == 1 && w.min == 59 && (w.hour == 1 || w.hour == 2) }, false},
		{"*/7 0,30 */2 * * *", func(w *wall) bool { return w.sec%7 == 0 && w.min%30 == 0 && w.hour%2 == 0 }, false},
		{"59 59 23 * * *", func(w *wall) bool { return w.sec == 59 && w.min == 59 && w.hour == 23 }, false},
	}
	for _, name := range []string{"Europe/Berlin", "Australia/Lord_Howe", "America/Havana"} {
		loc := zone(t, name)
		year := time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC)
		for _, jump := range transitions(loc, year, year.AddDate(1, 0, 0)) {
			begin, end := jump.Add(-2*time.Hour), jump.Add(3*time.Hour)
			moments := walk(loc, begin, end, time.Second)
			for _, s := range list {
				s.hold(t, loc, begin, end, moments)
			}
		}
	}
}
