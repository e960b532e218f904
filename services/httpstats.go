package services

import (
	"net"
	"net/http"
	"slices"
	"sync/atomic"
)

// HTTPStats counts what an HTTP has done since it was made. The first six are of this moment.
type HTTPStats struct {
	Conns    int `json:"conns"`    // connections open
	Requests int `json:"requests"` // requests in flight, those that hijacked their connection included
	Leftover int `json:"leftover"` // of the connections, those that are finished beside a later run

	// Of the connections, those with a request under way, those that wait for the next one, and those that a
	// handler has taken over. The others have not sent anything yet.
	Active   int `json:"active"`
	Idle     int `json:"idle"`
	Hijacked int `json:"hijacked"`

	Panics       int `json:"panics"`        // handlers that panicked
	Cut          int `json:"cut"`           // requests cut off, because the time for stopping was over
	AcceptFaults int `json:"accept_faults"` // failures to accept, such as no file descriptor left
}

// Stats tells what the service has done. It looks at every connection for a moment.
func (h *HTTP) Stats() HTTPStats {
	c := &h.counts
	s := HTTPStats{
		Conns: int(c.conns.Load()), Requests: int(c.requests.Load()),
		Panics: int(c.panics.Load()), Cut: int(c.cut.Load()), AcceptFaults: int(c.acceptFaults.Load()),
	}
	runs := h.leftover.under()
	for _, r := range runs {
		s.Leftover += r.conns.count()
	}
	if r := h.current.Load(); r != nil && !slices.Contains(runs, r) {
		runs = append(runs, r)
	}
	for _, r := range runs {
		r.conns.each(func(_ *track, _ net.Conn, state http.ConnState) {
			switch state {
			case http.StateActive:
				s.Active++
			case http.StateIdle:
				s.Idle++
			case http.StateHijacked:
				s.Hijacked++
			case http.StateNew, http.StateClosed:
			}
		})
	}
	return s
}

// HTTPDetail is what an HTTP tells of itself, as supervise.Status has it.
type HTTPDetail struct {
	HTTPStats
	Served  int           `json:"served"`            // requests answered since it was made; not those that hijacked
	Latency []HTTPLatency `json:"latency,omitempty"` // how long their handlers took, those of streams until the first Flush
}

// Detail is an HTTPDetail.
func (h *HTTP) Detail() any {
	d := HTTPDetail{HTTPStats: h.Stats()}
	d.Latency, d.Served = h.latencies.sum()
	return d
}

type counts struct {
	conns, requests, panics, cut, acceptFaults atomic.Int64
}
