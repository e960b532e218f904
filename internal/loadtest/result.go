package loadtest

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
)

// mostFailures is how many failures of a kind are described; all are counted.
const mostFailures = 5

// Result is what became of the requests of a [Load].
type Result struct {
	Kinds []Counts // of each of Load.Kinds, in their order
	Took  time.Duration
}

// Counts says how many requests had which outcome. Each is in one of OK, Cut, Wrong, Unavailable
// and Unprocessed; Refused and Local count those that could not be sent.
type Counts struct {
	Kind Kind // means nothing in a total

	OK          int // answered completely and rightly
	Cut         int // begun to be sent, or at least connected for, and not answered completely
	Wrong       int // answered completely, but not with what was asked for, or with a status
	Unavailable int // answered 503
	Unprocessed int // HTTP/2: given back by GOAWAY or REFUSED_STREAM, which promise it was not looked at

	Refused int // attempts to connect while nobody listened, or no backend was ready
	Local   int // attempts to connect that failed for want of ports or descriptors of this side

	Drained int // of OK: SSE and WebSocket that the server ended early, in the proper way
	Conns   int // connections made
	Stale   int // of Conns: seen to be closed by the server between two requests, which costs none

	Failures []Failure // the first few of Cut and Wrong
}

// Lost is how many requests a client did not get its answer to though it could connect: Cut and
// Wrong. A 503 is an answer, for a server may say that it has enough to do; a test of one that never
// does wants Unavailable to be 0, too.
func (c Counts) Lost() int { return c.Cut + c.Wrong }

// Sent is how many requests were sent, or lost before they could be.
func (c Counts) Sent() int { return c.OK + c.Cut + c.Wrong + c.Unavailable + c.Unprocessed }

// Lost is how many requests of all kinds were lost.
func (r Result) Lost() int { return r.Total().Lost() }

// Of returns the counts of a kind.
func (r Result) Of(kind Kind) Counts {
	of := Counts{Kind: kind}
	for _, c := range r.Kinds {
		if c.Kind == kind {
			of = of.plus(c)
		}
	}
	return of
}

// Total adds up all kinds.
func (r Result) Total() Counts {
	var total Counts
	for _, c := range r.Kinds {
		total = total.plus(c)
	}
	return total
}

func (c Counts) plus(other Counts) Counts {
	c.OK += other.OK
	c.Cut += other.Cut
	c.Wrong += other.Wrong
	c.Unavailable += other.Unavailable
	c.Unprocessed += other.Unprocessed
	c.Refused += other.Refused
	c.Local += other.Local
	c.Drained += other.Drained
	c.Conns += other.Conns
	c.Stale += other.Stale
	c.Failures = append(c.Failures[:len(c.Failures):len(c.Failures)], other.Failures...)
	return c
}

// String is a table with a line for each kind, and below it the first failures.
func (r Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d requests in %s, %d lost\n", r.Total().Sent(), r.Took.Round(time.Millisecond), r.Lost())
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "kind\tok\tcut\twrong\t503\tunprocessed\trefused\tlocal\tdrained\tconns\tstale\t")
	for _, c := range r.Kinds {
		c.row(table, c.Kind.String())
	}
	if len(r.Kinds) > 1 {
		r.Total().row(table, "total")
	}
	table.Flush()
	for _, c := range r.Kinds {
		for _, f := range c.Failures {
			fmt.Fprintf(&b, "%s: %s\n", c.Kind, f)
		}
	}
	return b.String()
}

func (c Counts) row(table *tabwriter.Writer, name string) {
	fmt.Fprint(table, name, "\t")
	for _, n := range []int{
		c.OK, c.Cut, c.Wrong, c.Unavailable, c.Unprocessed, c.Refused, c.Local, c.Drained, c.Conns, c.Stale,
	} {
		fmt.Fprint(table, n, "\t")
	}
	fmt.Fprintln(table)
}

// Stage is how far a request had come when it was cut.
type Stage string

// From the first to the last.
const (
	StageDial      Stage = "dial"      // connecting failed otherwise than by being refused; nothing was sent
	StageHandshake Stage = "handshake" // of TLS, or of the connection of HTTP/2; no request was sent
	StageWrite     Stage = "write"     // it was sent in part
	StageHeader    Stage = "header"    // it was sent, and no complete header came back
	StageBody      Stage = "body"      // the header came back, and not all of the body
	StageMessage   Stage = "message"   // a WebSocket broke
)

// Failure is a request that was lost.
type Failure struct {
	At    time.Duration // since the run began
	Stage Stage         // "": it was answered completely, but wrongly
	Nth   int           // which request of its connection it was, from 1; with HTTP/2 of its client
	Err   error
}

// String is one line.
func (f Failure) String() string {
	if f.Stage == "" {
		return fmt.Sprintf("request %d, after %s, was answered wrongly: %v", f.Nth, f.At.Round(time.Millisecond), f.Err)
	}
	return fmt.Sprintf("request %d, after %s, was cut at %s: %v", f.Nth, f.At.Round(time.Millisecond), f.Stage, f.Err)
}
