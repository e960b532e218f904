// Command bench measures tend beside suture v4.0.6, the library it is built on, and prints a
// Markdown table for docs/performance.md:
//
//	cd bench && go run .                     # everything: four minutes where nothing else runs, and five a round for jobs
//	go run . -run 'restart|panic' -rounds 9
//	go run . -short -check                   # exits with 1 when a bound is missed
//
// Each measure is taken of both in one run, in turns (tend, suture, tend, suture, ...), because a
// shared machine is faster in one minute than in the next: only the ratio of two neighbours means
// something. A bound holds when the median of the ratios keeps it.
//
// suture is one flat Supervisor with an EventHook that does nothing and FailureThreshold +Inf, so
// that it restarts at once, as tend does with Policy{MinBackoff: -1}; all else is as it comes. The
// services are the same values on both sides. GC settings are those of the environment, for both. In the
// measure http a bare http.Server stands in suture's place, and in jobs those who keep timers; both take their turns
// by themselves.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"time"
)

func main() {
	ok, err := run(os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	case !ok:
		os.Exit(1)
	}
}

// settings are how long and how large the samples are.
type settings struct {
	size   string // its name, for the program itself
	rounds int
	warm   time.Duration // before a sample of a rate
	sample time.Duration // of a rate
	solo   int           // restarts in a sample of the latency of one child
	bursts int           // in a sample of the latency in a burst
	many   int           // children that fail together
	crowd  int           // members of a pool
	scale  []int         // children of a group

	near, far int           // clients of a server, on its core and in another process
	turns     int           // of each server in a round
	turn      time.Duration // of one
	requests  int           // whose allocations are counted

	jobs            []int         // of a keeper
	period          time.Duration // of each
	jobWarm, jobFor time.Duration // before a sample of them, and of it
}

var (
	full = settings{
		size: "full", rounds: 5, warm: 100 * time.Millisecond, sample: 500 * time.Millisecond,
		solo: 500, bursts: 40, many: 1000, crowd: 100_000, scale: []int{1000, 10_000, 100_000},
		near: 16, far: 64, turns: 80, turn: 20 * time.Millisecond, requests: 20_000,
		jobs: []int{10_000, 100_000}, period: time.Second, jobWarm: 3 * time.Second, jobFor: 12 * time.Second,
	}
	short = settings{
		size: "short", rounds: 3, warm: 50 * time.Millisecond, sample: 150 * time.Millisecond,
		solo: 300, bursts: 20, many: 1000, crowd: 20_000, scale: []int{1000, 10_000},
		near: 16, far: 64, turns: 32, turn: 20 * time.Millisecond, requests: 10_000,
		jobs: []int{10_000, 50_000}, period: time.Second, jobWarm: 2 * time.Second, jobFor: 4 * time.Second,
	}
	tiny = settings{ // tells nothing but that all of it works
		size: "tiny", rounds: 1, warm: time.Millisecond, sample: 20 * time.Millisecond,
		solo: 20, bursts: 2, many: 20, crowd: 500, scale: []int{10, 100},
		near: 2, far: 2, turns: 2, turn: 10 * time.Millisecond, requests: 400,
		jobs: []int{5, 50}, period: 20 * time.Millisecond, jobWarm: 20 * time.Millisecond, jobFor: 60 * time.Millisecond,
	}
	sizes = []settings{full, short, tiny}
)

// run is the program; ok says that no bound was missed, or that nobody asked.
func run(args []string, out, log io.Writer) (ok bool, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	which := flags.String("run", "", "take only the measures whose name matches this `regexp`")
	rounds := flags.Int("rounds", 0, "samples of each side; 0: 5, or 3 with -short")
	quick := flags.Bool("short", false, "smaller and shorter samples, for a first look")
	check := flags.Bool("check", false, "exit with 1 when a bound is missed")
	alone := flags.String("alone", "", "for the program itself: take one sample in this process, print it as JSON, or be a client")
	if err := flags.Parse(args); err != nil {
		return false, err
	}
	s := full
	if *quick {
		s = short
	}
	if *rounds > 0 {
		s.rounds = *rounds
	}
	if *alone != "" {
		return true, answerAlone(*alone, os.Stdin, out)
	}
	wanted, err := regexp.Compile(*which)
	if err != nil {
		return false, err
	}
	missed := report(s, wanted, out, log)
	return missed == 0 || !*check, nil
}

// report takes the measures and prints each as soon as it is known.
func report(s settings, wanted *regexp.Regexp, out, log io.Writer) (missed int) {
	printHead(out)
	for _, m := range measures {
		if !wanted.MatchString(m.name) {
			continue
		}
		began := time.Now()
		for _, e := range m.experiments(s) {
			for _, r := range e.run(s.rounds) {
				printRow(out, &r)
				if !r.holds() {
					missed++
				}
			}
		}
		fmt.Fprintf(log, "bench: %s took %.1f s\n", m.name, time.Since(began).Seconds())
	}
	return missed
}
