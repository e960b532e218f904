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

// HeapDue is which of the times given is due first at a moment, as a rota finds it that has had them since base; -1: none.
func HeapDue(base, now time.Time, at ...time.Time) int {
	h := jobHeap{base: base}
	for i := range at {
		h.set(&seat{job: &Job{Parallel: i}}, at[i], base)
	}
	h.look(now)
	if s := h.due(now); s != nil {
		return s.job.Parallel
	}
	return -1
}

// CountLatency is what an HTTP does for each request to know how long it took, but for reading the clock.
func CountLatency(h *HTTP, took time.Duration) { h.latencies.add(took) }

// HistoryRoom is for how many runs, and errors of runs, a job has room once n of them have failed.
func HistoryRoom(n int) (runs, errs int) {
	var h jobHistory
	for id := range n {
		h.add(&JobRun{ID: id, Err: ErrTimeout})
	}
	return cap(h.runs), cap(h.errs)
}

// HeapSetsBack tells at which of the moments a rota that began at base notices that the clock was set back.
func HeapSetsBack(base time.Time, moments ...time.Time) (noticed []bool) {
	h := jobHeap{base: base}
	for _, now := range moments {
		h.look(now)
		noticed = append(noticed, h.setBack())
	}
	return noticed
}
