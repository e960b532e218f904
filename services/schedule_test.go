package services_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tend.example/tend/services"
)

// day is a time on the day on which the tests of schedules play.
func day(hour, minute, second int) time.Time {
	return time.Date(2026, 3, 10, hour, minute, second, 0, time.UTC)
}

// following are the next times of a schedule, n at most.
func following(s services.Schedule, after time.Time, n int) []time.Time {
	var times []time.Time
	for range n {
		after = s.Next(after)
		if after.IsZero() {
			break
		}
		times = append(times, after)
	}
	return times
}

func TestSchedulesHaveTheirTimes(t *testing.T) {
	for _, test := range []struct {
		name     string
		schedule services.Schedule
		after    time.Time
		want     []time.Time // the next three
	}{
		{"every", services.Every(time.Hour), day(1, 2, 3), []time.Time{day(2, 2, 3), day(3, 2, 3), day(4, 2, 3)}},
		{"from long ago", services.EveryFrom(time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC), 15*time.Minute), day(1, 2, 3), []time.Time{day(1, 15, 0), day(1, 30, 0), day(1, 45, 0)}},
		{"from the year 1", services.EveryFrom(time.Time{}, 7*time.Minute), day(1, 2, 3), []time.Time{day(1, 5, 0), day(1, 12, 0), day(1, 19, 0)}},
		{"from one of its times", services.EveryFrom(day(0, 0, 1), time.Minute), day(1, 2, 1), []time.Time{day(1, 3, 1), day(1, 4, 1), day(1, 5, 1)}},
		{"from a time to come", services.EveryFrom(day(5, 0, 0), time.Hour), day(1, 2, 3), []time.Time{day(5, 0, 0), day(6, 0, 0), day(7, 0, 0)}},
		{"at", services.At(day(5, 0, 0), day(3, 0, 0), day(1, 0, 0), day(5, 0, 0)), day(2, 0, 0), []time.Time{day(3, 0, 0), day(5, 0, 0)}},
		{"at one of its times", services.At(day(1, 0, 0), day(2, 0, 0)), day(1, 0, 0), []time.Time{day(2, 0, 0)}},
		{"at none", services.At(), day(1, 0, 0), nil},
		{"at once, to those who are no job", services.AtOnce(services.Every(time.Hour)), day(1, 0, 0), []time.Time{day(2, 0, 0), day(3, 0, 0), day(4, 0, 0)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, following(test.schedule, test.after, 3)); diff != "" {
				t.Errorf("after %s (-want +got):\n%s", test.after, diff)
			}
		})
	}
}

func TestEveryFromKeepsItsPhaseForHoweverLong(t *testing.T) {
	anchor := time.Date(1, 1, 1, 0, 0, 0, 123456789, time.UTC)
	for _, interval := range []time.Duration{1, 7, time.Microsecond, 999_999_937, time.Hour, 1<<63 - 1} {
		s := services.EveryFrom(anchor, interval)
		for after := anchor; after.Year() < 9000; after = after.Add(97*365*24*time.Hour + 11) {
			next := s.Next(after)
			if gap := next.Sub(after); gap <= 0 || gap > interval {
				t.Fatalf("every %s: Next(%s) is %s later", interval, after, gap)
			}
			if again := s.Next(next.Add(-1)); !again.Equal(next) {
				t.Fatalf("every %s: Next(%s) = %s, but just before it %s", interval, after, next, again)
			}
			if got, want := s.Next(next).Sub(next), interval; got != want {
				t.Fatalf("every %s: the distance after %s is %s", interval, next, got)
			}
		}
	}
}

// A reading of the monotonic clock in the anchor would make the times depend on how the clock was set.
func TestNamedTimesHaveNoMonotonicReading(t *testing.T) {
	now := time.Now()
	for _, s := range []services.Schedule{services.At(now), services.EveryFrom(now, time.Hour)} {
		next := s.Next(now.Add(-time.Minute))
		if got, want := next.String(), now.Round(0).String(); got != want {
			t.Errorf("%s: got %s, want %s", s, got, want)
		}
	}
}

func TestAtOnceIsFirstTheMomentAtWhichTheJobBegan(t *testing.T) {
	daily := services.EveryFrom(day(3, 0, 0), 24*time.Hour)
	if got, want := services.First(daily, day(1, 2, 3)), day(3, 0, 0); !got.Equal(want) {
		t.Errorf("without AtOnce: got %s, want %s", got, want)
	}
	if got, want := services.First(services.AtOnce(daily), day(1, 2, 3)), day(1, 2, 3); !got.Equal(want) {
		t.Errorf("with AtOnce: got %s, want %s", got, want)
	}
}

// foreign is a schedule of somebody else's, of which nothing is known but Next.
type foreign struct{ services.Schedule }

// stuck is one that breaks the law of Next.
type stuck struct{}

func (stuck) Next(after time.Time) time.Time { return after }

func wantLatest(t *testing.T, s services.Schedule, after, now, wantLast time.Time, wantPassed int) {
	t.Helper()
	last, passed := services.Latest(s, after, now)
	if !last.Equal(wantLast) || passed != wantPassed {
		t.Errorf("%v from %s to %s: got %s and %d, want %s and %d", s, after, now, last, passed, wantLast, wantPassed)
	}
}

func TestLatestFindsTheLastPassedTime(t *testing.T) {
	year := func(n int) time.Time { return time.Date(n, 1, 1, 0, 0, 0, 0, time.UTC) }
	every := services.Every(time.Minute)
	for _, test := range []struct {
		name       string
		schedule   services.Schedule
		after, now time.Time
		last       time.Time // zero: after
		passed     int
	}{
		{"every, none", every, day(1, 0, 0), day(1, 0, 59), time.Time{}, 0},
		{"every, one that is now", every, day(1, 0, 0), day(1, 1, 0), day(1, 1, 0), 1},
		{"every, many", every, day(1, 0, 7), day(3, 0, 0), day(2, 59, 7), 119},
		{"every, more years than a Duration holds", every, year(1), year(2001), year(2001), 1_051_898_400},
		{"every, more than an int holds", services.Every(1), year(1), year(2001), year(2001), math.MaxInt},
		{"a clock put back", every, day(1, 0, 0), day(0, 0, 0), time.Time{}, 0},
		{"from, none", services.EveryFrom(day(0, 0, 7), time.Minute), day(1, 0, 7), day(1, 1, 6), time.Time{}, 0},
		{"from, some", services.EveryFrom(day(0, 0, 7), time.Minute), day(1, 0, 7), day(1, 3, 6), day(1, 2, 7), 2},
		{"from, before it", services.EveryFrom(day(2, 0, 7), time.Minute), day(1, 0, 0), day(2, 0, 0), time.Time{}, 0},
		{"from, its anchor", services.EveryFrom(day(2, 0, 7), time.Minute), day(1, 0, 0), day(2, 0, 7), day(2, 0, 7), 1},
		{"from, put back", services.EveryFrom(day(0, 0, 7), time.Minute), day(1, 0, 7), day(0, 0, 7), time.Time{}, 0},
		{"at, none", services.At(day(1, 0, 0), day(2, 0, 0)), day(1, 0, 0), day(1, 59, 0), time.Time{}, 0},
		{"at, both", services.At(day(1, 0, 0), day(2, 0, 0)), day(0, 0, 0), day(2, 0, 0), day(2, 0, 0), 2},
		{"at, put back", services.At(day(1, 0, 0), day(2, 0, 0)), day(2, 0, 0), day(0, 0, 0), time.Time{}, 0},
		{"once and then", services.AtOnce(every), day(1, 0, 7), day(3, 0, 0), day(2, 59, 7), 119},
		{"foreign", foreign{every}, day(1, 0, 7), day(3, 0, 0), day(2, 59, 7), 119},
		{"foreign, more than are counted", foreign{services.EveryFrom(day(0, 0, 7), time.Second)}, year(1990), day(3, 0, 0), day(3, 0, 0), services.MostCounted},
		{"foreign, at an end", foreign{services.At(day(1, 0, 0))}, day(0, 0, 0), day(3, 0, 0), day(1, 0, 0), 1},
		{"stuck", stuck{}, day(1, 0, 0), day(3, 0, 0), time.Time{}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.last.IsZero() {
				test.last = test.after
			}
			wantLatest(t, test.schedule, test.after, test.now, test.last, test.passed)
		})
	}
}

func TestSchedulesSayWhatTheyAre(t *testing.T) {
	for _, test := range []struct {
		schedule services.Schedule
		want     string
	}{
		{services.Every(90 * time.Second), "every 1m30s"},
		{services.EveryFrom(day(0, 15, 0), time.Hour), "every 1h0m0s from 2026-03-10T00:15:00Z"},
		{services.At(), "at"},
		{services.At(day(1, 0, 0), day(2, 0, 0)), "at 2026-03-10T01:00:00Z 2026-03-10T02:00:00Z"},
		{services.At(day(1, 0, 0), day(2, 0, 0), day(3, 0, 0), day(4, 0, 0)), "at 2026-03-10T01:00:00Z 2026-03-10T02:00:00Z 2026-03-10T03:00:00Z ..."},
		{services.AtOnce(services.Every(time.Second)), "at once, then every 1s"},
		{services.AtOnce(stuck{}), "at once, then by schedule"},
	} {
		if got := fmt.Sprint(test.schedule); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestSchedulesThatCannotBePanic(t *testing.T) {
	for name, f := range map[string]func(){
		"Every":     func() { services.Every(0) },
		"EveryFrom": func() { services.EveryFrom(day(0, 0, 0), -1) },
		"AtOnce":    func() { services.AtOnce(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			f()
		})
	}
}
