package services

import "time"

// MostCounted is what a count of Latest stops at, for a schedule that has to be walked through.
const MostCounted = mostCounted

// Latest is what a Job finds its missed times with.
func Latest(s Schedule, after, now time.Time) (last time.Time, passed int) {
	return latest(s, after, now)
}

// First is what a Job finds its first time with.
func First(s Schedule, began time.Time) time.Time { return first(s, began) }
