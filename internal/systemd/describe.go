package systemd

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strings"
	"unicode"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

const (
	mostNamed  = 3
	longestSay = 400 // bytes of a status: systemctl shows one line
)

// describe is what goes on, in a line.
func describe(s supervise.Status) string {
	var all, well int
	var others []string
	each(s, func(leaf supervise.Status) {
		all++
		rests := isAtRest(leaf.State)
		switch {
		case leaf.State == supervise.Running, rests && leaf.State != supervise.Failed && s.State == supervise.Running:
			well++
		case leaf.State == supervise.Idle, rests && s.State != supervise.Running, leaf.State == supervise.Backoff && s.State == supervise.Stopping:
		default:
			others = append(others, shown(leaf))
		}
	})
	named := strings.Join(others[:min(len(others), mostNamed)], ", ")
	if more := len(others) - mostNamed; more > 0 {
		named += fmt.Sprintf(" and %d more", more)
	}
	switch s.State {
	case supervise.Running:
		if named == "" {
			return fmt.Sprintf("ready: services: %d", all)
		}
		return fmt.Sprintf("ready: %d of %d services; %s", well, all, named)
	case supervise.Starting, supervise.Stopping:
		text := s.State.String()
		if named != "" {
			text += ": waits for " + named
		}
		return text
	default:
		return s.State.String()
	}
}

// shown is a service that there is something to say about.
func shown(s supervise.Status) string {
	text := s.Path + " (" + s.State.String()
	if stats, ok := s.Detail.(services.HTTPDetail); ok && s.State == supervise.Stopping {
		text += fmt.Sprintf(", requests: %d, connections: %d", stats.Requests, stats.Conns)
	}
	if s.Err != nil && (s.State == supervise.Backoff || s.State == supervise.Failed || s.State == supervise.Stuck) {
		text += ": " + fmt.Sprint(s.Err) // which survives an Error method that panics
	}
	return text + ")"
}

func isAtRest(s supervise.State) bool {
	return s == supervise.Stopped || s == supervise.Done || s == supervise.Failed
}

// each calls f for every service that is no group. A pool is one service.
func each(s supervise.Status, f func(supervise.Status)) {
	for _, child := range s.Children {
		if len(child.Children) > 0 && child.Counts == nil {
			each(child, f)
		} else {
			f(child)
		}
	}
}

// oneLine makes something foreign fit for a line of its own.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
	if len(text) > longestSay {
		text = strings.ToValidUTF8(text[:longestSay], "") + "..."
	}
	return text
}

// progress tells whether a stop gets anywhere.
type progress struct {
	watched bool // a stop is under way
	due     bool // it is time to look
	seen    uint64
}

// made tells whether something has changed since the look before, if it is time for another.
func (p *progress) made(s supervise.Status, stops bool) bool {
	if !stops || p.watched && !p.due {
		return false
	}
	first, now := !p.watched, fingerprint(s)
	changed := now != p.seen
	p.watched, p.due, p.seen = true, false, now
	return changed && !first
}

// fingerprint is another one when a service has come further: its state, its requests, whatever it tells of itself.
func fingerprint(s supervise.Status) uint64 {
	h := fnv.New64a()
	each(s, func(leaf supervise.Status) {
		detail, _ := json.Marshal(leaf.Detail) // what cannot be told does not count
		fmt.Fprintln(h, leaf.Path, leaf.State, leaf.Run, len(leaf.Children), string(detail))
	})
	return h.Sum64()
}
