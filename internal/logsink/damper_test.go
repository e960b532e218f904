package logsink_test

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// fail logs a failed run as the tree does.
func fail(log *slog.Logger, run int, err string) {
	log.Warn("state", slog.String("service", "tend/a"), slog.Int("run", run), slog.String("err", err),
		slog.Duration("delay", time.Duration(run)))
}

func failed(run int, err, more string) string {
	return fmt.Sprintf("level=WARN msg=state service=tend/a run=%d err=%s delay=%s%s", run, err, time.Duration(run), more)
}

func TestFailuresThatAreTheSameAreShownAndThenSummedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &file{}
		_, log, end := serve(t, f)
		for run := range 100 {
			fail(log, run, "x")
		}
		synctest.Wait()
		first := []string{failed(0, "x", ""), failed(1, "x", ""), failed(2, "x", ""), failed(3, "x", ""), failed(4, "x", "")}
		want(t, f, first...)

		want(t, f, first...)

		time.Sleep(10 * time.Second) // the summary is the latest of them
		synctest.Wait()
		all := slices.Concat(first, []string{failed(99, "x", " repeats=95")})
		want(t, f, all...)

		fail(log, 101, "x") // goes on: none is shown any more, and the next summary takes longer
		time.Sleep(10 * time.Second)
		synctest.Wait()
		want(t, f, all...)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		all = append(all, failed(101, "x", " repeats=1"))
		want(t, f, all...)

		time.Sleep(time.Hour) // of calm, and it is news again
		fail(log, 102, "x")
		synctest.Wait()
		want(t, f, append(all, failed(102, "x", ""))...)
		_ = end()
	})
}

func TestNewsOfAServiceComeAfterWhatWasHeldBackOfIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &file{}
		_, log, end := serve(t, f)
		for run := range 7 {
			fail(log, run, "x")
		}
		log.Warn("state", slog.String("service", "tend/b"), slog.String("err", "z")) // is none
		fail(log, 7, "y")
		synctest.Wait()
		want(t, f, failed(0, "x", ""), failed(1, "x", ""), failed(2, "x", ""), failed(3, "x", ""), failed(4, "x", ""),
			"level=WARN msg=state service=tend/b err=z", failed(6, "x", " repeats=2"), failed(7, "y", ""))
		_ = end()
	})
}

func TestSummariesComeBeforeTheLastLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &file{}
		sink, log, end := serve(t, f)
		for run := range 7 {
			fail(log, run, "x")
		}
		sink.Settle()
		log.Info("exit")
		_ = end()
		lines := f.lines()
		if got, want := lines[len(lines)-2:], []string{failed(6, "x", " repeats=2"), "level=INFO msg=exit"}; got[0] != want[0] || got[1] != want[1] {
			t.Errorf("last lines: got %q, want %q", got, want)
		}
	})
}

func TestSummariesAreNotLostAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &file{}
		_, log, end := serve(t, f)
		for run := range 6 {
			fail(log, run, "x")
		}
		_ = end()
		lines := f.lines()
		if got, want := lines[len(lines)-1], failed(5, "x", " repeats=1"); got != want {
			t.Errorf("last line: got %q, want %q", got, want)
		}
	})
}

func TestStartsThatComeWithFailuresAreSummedUpToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &file{}
		_, log, end := serve(t, f)
		for run := range 20 {
			log.Info("state", slog.String("service", "tend/a"), slog.String("state", "running"), slog.Int("run", run))
			log.Info("program started", slog.String("service", "tend/a"), slog.Int("pid", 100+run), slog.String("program", "sh"))
			fail(log, run, "x")
		}
		_ = end()
		lines := f.lines()
		got := lines[len(lines)-3:]
		slices.Sort(got)
		want := []string{
			`level=INFO msg="program started" service=tend/a pid=119 program=sh repeats=15`,
			`level=INFO msg=state service=tend/a state=running run=19 repeats=15`,
			failed(19, "x", " repeats=15"),
		}
		if len(lines) != 18 || !slices.Equal(got, want) {
			t.Errorf("got %d lines, the last %q, want 18 and %q", len(lines), got, want)
		}
	})
}

func TestWhatIsNoFailureIsNeverHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &file{}
		_, log, end := serve(t, f)
		for range 50 {
			log.Info("tick", slog.String("service", "tend/timer"))
			log.Warn("output", slog.String("stream", "stderr"), slog.String("line", "again"))
			log.WithGroup("of").Warn("somebody", slog.String("err", "else"))
		}
		_ = end()
		if got := len(f.lines()); got != 150 {
			t.Errorf("got %d lines, want all 150", got)
		}
	})
}

func TestFailuresOfTwoServicesAreNotTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &file{}
		_, log, end := serve(t, f)
		for i := range 10 {
			log.With(slog.Int("service", i)).Error("broken", slog.Any("err", errors.New("x")))
			log.With(slog.String("service", "a")).Error("broken", slog.Any("err", fmt.Errorf("x%d", i)))
		}
		_ = end()
		if got := len(f.lines()); got != 20 {
			t.Errorf("got %d lines, want all 20", got)
		}
	})
}

func TestMoreKindsOfFailuresThanCanBeRememberedAreAllShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &file{}
		_, log, end := serve(t, f)
		for range 8 {
			for i := range 1500 {
				log.Error("broken", slog.Int("err", i))
			}
			synctest.Wait()
		}
		_ = end()
		// A thousand are shown five times, and then once more for the three that are left; the others always.
		if got, want := len(f.lines()), 1000*6+500*8; got != want {
			t.Errorf("got %d lines, want %d", got, want)
		}
	})
}
