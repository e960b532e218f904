// Command stops starts a program that answers by loadtest.Handler, puts it under load, stops it in
// the middle by SIGTERM, and counts the requests that this has lost; for each kind of load, several
// times over:
//
//	cd bench && go build -o /tmp/plain ./plain
//	go run ./stops -addr 127.0.0.1:18080 -kinds keep-alive,new-conn,post /tmp/plain -addr 127.0.0.1:18080
//
// The kinds of HTTP/2 want a program that takes h2c, which plain does not.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"tend.example/tend/internal/loadtest"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "stops:", err)
		os.Exit(1)
	}
}

// trial is what is done to the program at each stop.
type trial struct {
	program []string
	addr    string
	clients int
	warm    int // answers to each client before the stop
	verbose bool
}

func run(args []string, out io.Writer) error {
	var t trial
	flags := flag.NewFlagSet("stops", flag.ContinueOnError)
	flags.StringVar(&t.addr, "addr", "127.0.0.1:18080", "where the program listens")
	flags.IntVar(&t.clients, "clients", 64, "clients that send without pause")
	flags.IntVar(&t.warm, "warm", 5, "stop after so many answers to each `client`")
	flags.BoolVar(&t.verbose, "v", false, "print the result of each stop")
	stops := flags.Int("stops", 10, "how often each kind of load is stopped")
	names := flags.String("kinds", "keep-alive", "kinds of load, with commas between them, or \"all\"")
	if err := flags.Parse(args); err != nil {
		return err
	}
	t.program = flags.Args()
	if len(t.program) == 0 {
		return errors.New("name the program to start, and its arguments")
	}
	kinds, err := parseKinds(*names)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%-14s %6s %7s %5s %9s   (%d stops, %d clients)\n",
		"kind", "lost", "median", "most", "requests", *stops, t.clients)
	for _, kind := range kinds {
		var lost []int
		sent := 0
		for range *stops {
			result, err := t.stop(kind)
			if err != nil {
				return fmt.Errorf("%s: %w", kind, err)
			}
			if t.verbose {
				fmt.Fprint(out, result)
			}
			lost = append(lost, result.Lost())
			sent += result.Total().Sent()
		}
		row(out, kind, lost, sent)
	}
	return nil
}

func row(out io.Writer, kind loadtest.Kind, lost []int, sent int) {
	sum := 0
	for _, n := range lost {
		sum += n
	}
	slices.Sort(lost)
	fmt.Fprintf(out, "%-14s %6d %7d %5d %9d\n", kind, sum, lost[len(lost)/2], lost[len(lost)-1], sent)
}

func parseKinds(names string) ([]loadtest.Kind, error) {
	if names == "all" {
		return loadtest.Kinds(), nil
	}
	var kinds []loadtest.Kind
	for name := range strings.SplitSeq(names, ",") {
		kind, err := loadtest.ParseKind(name)
		if err != nil {
			return nil, err
		}
		kinds = append(kinds, kind)
	}
	return kinds, nil
}

// stop lets the program serve and stops it under load of one kind. The load goes on until the
// program has ended.
func (t trial) stop(kind loadtest.Kind) (loadtest.Result, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, t.program[0], t.program[1:]...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return loadtest.Result{}, fmt.Errorf("start %s: %w", t.program[0], err)
	}
	exited := make(chan error, 1)
	go func() {
		exited <- cmd.Wait() // bounded by ctx, which kills it; awaited below
		cancel()             // the load has nobody to ask any more
	}()
	if err := t.listening(ctx); err != nil {
		cancel()
		return loadtest.Result{}, errors.Join(err, <-exited)
	}
	var progress loadtest.Progress
	results := make(chan loadtest.Result, 1)
	load := loadtest.Load{Addr: t.addr, Kinds: []loadtest.Kind{kind}, Clients: t.clients, Progress: &progress}
	go func() { results <- load.Run(ctx) }() // until the program has ended; awaited below
	for progress.Of(kind) < t.warm*t.clients && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	if ctx.Err() != nil {
		return loadtest.Result{}, fmt.Errorf("ended before the stop: %w\n%s", <-exited, <-results)
	}
	signalled := cmd.Process.Signal(syscall.SIGTERM)
	return <-results, errors.Join(signalled, <-exited)
}

// listening waits until the program accepts connections.
func (t trial) listening(ctx context.Context) error {
	var dialer net.Dialer
	for {
		conn, err := dialer.DialContext(ctx, "tcp", t.addr)
		if err == nil {
			return conn.Close()
		}
		if ctx.Err() != nil {
			return fmt.Errorf("wait for %s: %w", t.addr, err)
		}
		time.Sleep(time.Millisecond)
	}
}
