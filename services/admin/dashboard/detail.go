package dashboard

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"tend.example/tend/supervise"
)

// detail is what services tell of themselves, as far as it is known how to show it. It is read from their JSON, so any service
// that tells the same is shown the same way: which kind it is shows in what it tells.
type detail struct {
	// Of a job.
	Schedule string    `json:"schedule"`
	Next     time.Time `json:"next"`
	Paused   flag      `json:"paused"`
	Queued   bool      `json:"queued"`
	UnderWay runs      `json:"under_way"`
	Last     runs      `json:"last"`
	Counts   *struct {
		Runs    int           `json:"runs"`
		Missed  int           `json:"missed"`
		MadeUp  int           `json:"made_up"`
		Total   time.Duration `json:"total"`
		Longest time.Duration `json:"longest"`
	} `json:"counts"`

	// Of a service that keeps many jobs.
	Jobs    *int     `json:"jobs"`
	Failing int      `json:"failing"`
	Worst   []string `json:"worst"`

	// Of an HTTP service.
	Served       *int      `json:"served"`
	Latency      []latency `json:"latency"`
	Conns        int       `json:"conns"`
	Requests     int       `json:"requests"`
	Active       int       `json:"active"`
	Idle         int       `json:"idle"`
	Hijacked     int       `json:"hijacked"`
	Leftover     int       `json:"leftover"`
	Panics       int       `json:"panics"`
	Cut          int       `json:"cut"`
	AcceptFaults int       `json:"accept_faults"`
}

// jobRun is a run of a job.
type jobRun struct {
	ID        int       `json:"id"`
	Scheduled time.Time `json:"scheduled"`
	Started   time.Time `json:"started"`
	Ended     time.Time `json:"ended"` // zero: it is under way
	Attempts  int       `json:"attempts"`
	Triggered bool      `json:"triggered"`
	Outcome   string    `json:"outcome"`
	Err       string    `json:"err"`
}

// Took is how long it took.
func (r jobRun) Took() time.Duration { return r.Ended.Sub(r.Started) }

// Well tells whether it did what it was to do.
func (r jobRun) Well() bool { return r.Outcome == "succeeded" }

// Icon is the icon of its outcome.
func (r jobRun) Icon() string {
	switch r.Outcome {
	case "succeeded":
		return "running"
	case "cancelled":
		return "stopped"
	case "under way":
		return "starting"
	default:
		return "failed"
	}
}

// Tone is the colour of its outcome.
func (r jobRun) Tone() string {
	switch r.Outcome {
	case "succeeded":
		return "good"
	case "cancelled":
		return "rest"
	case "under way":
		return "busy"
	default:
		return "bad"
	}
}

// latency is a bucket.
type latency struct {
	Below time.Duration `json:"below"` // 0: any time
	Count int           `json:"count"`
}

// runs are a list, or of a service with many jobs a number that is of no use here.
type runs []jobRun

// UnmarshalJSON takes both.
func (r *runs) UnmarshalJSON(text []byte) error {
	if !bytes.HasPrefix(text, []byte("[")) {
		return nil
	}
	var list []jobRun
	err := json.Unmarshal(text, &list)
	*r = list
	return err
}

// flag is true or false, or a number of those that are so.
type flag int

// UnmarshalJSON takes both.
func (f *flag) UnmarshalJSON(text []byte) error {
	var yes bool
	if json.Unmarshal(text, &yes) != nil {
		return json.Unmarshal(text, (*int)(f))
	}
	if yes {
		*f = 1
	}
	return nil
}

// read reads the Detail of a status. raw is its text when it is of no known kind. It is foreign: whatever it is, it is
// no fault of the page.
func read(st *supervise.Status) (d detail, raw string) {
	if st.Detail == nil {
		return detail{}, ""
	}
	text, err := marshal(st.Detail)
	if err != nil {
		return detail{}, err.Error()
	}
	if err := json.Unmarshal(text, &d); err == nil && (d.isHTTP() || d.isJob() || d.isJobs()) {
		return d, ""
	}
	var tidy bytes.Buffer
	if json.Indent(&tidy, text, "", "  ") != nil {
		return detail{}, string(text)
	}
	return detail{}, tidy.String()
}

// marshal survives a method that panics.
func marshal(v any) (text []byte, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("panic: %v", value)
		}
	}()
	return json.Marshal(v)
}

func (d *detail) isHTTP() bool { return d.Served != nil }
func (d *detail) isJob() bool  { return d.Counts != nil && d.Jobs == nil && d.Served == nil }
func (d *detail) isJobs() bool { return d.Jobs != nil }

// failing tells whether the last run of a job went wrong.
func (d *detail) failing() bool {
	return d.isJob() && len(d.Last) > 0 && !d.Last[0].Well() && d.Last[0].Outcome != "cancelled"
}
