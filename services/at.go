package services

import (
	"slices"
	"strings"
	"time"
)

// At is a schedule of the times given: in their order in time, one that is given twice once. Times that have passed
// when the job begins are not made up for. After the last the job is done, and with none at all at once.
func At(times ...time.Time) Schedule {
	var a at
	for _, t := range times {
		a = append(a, t.Round(0)) // what is named is a time of the clock on the wall, so no monotonic reading
	}
	slices.SortStableFunc(a, time.Time.Compare)
	return slices.CompactFunc(a, time.Time.Equal)
}

type at []time.Time

// passed is how many of the times are not later than t.
func (a at) passed(t time.Time) int {
	i, found := slices.BinarySearchFunc(a, t.Round(0), time.Time.Compare)
	if found {
		i++
	}
	return i
}

func (a at) Next(after time.Time) time.Time {
	if i := a.passed(after); i < len(a) {
		return a[i]
	}
	return time.Time{}
}

func (a at) latest(after, now time.Time) (time.Time, int) {
	from, to := a.passed(after), a.passed(now)
	if to <= from {
		return after, 0
	}
	return a[to-1], to - from
}

func (a at) String() string {
	const shown = 3
	var b strings.Builder
	b.WriteString("at")
	for i, t := range a {
		if i == shown {
			b.WriteString(" ...")
			break
		}
		b.WriteString(" " + t.Format(time.RFC3339Nano))
	}
	return b.String()
}
