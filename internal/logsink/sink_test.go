package logsink_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"tend.example/tend/internal/logsink"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// file is where a log goes: it can be made to block, and to fail.
type file struct {
	mu     sync.Mutex
	text   bytes.Buffer
	fault  error         // of Write
	before int           // bytes that are written all the same
	gate   chan struct{} // Write waits for it to be closed; nil: it doesn't
}

func (f *file) Write(p []byte) (int, error) {
	f.mu.Lock()
	gate := f.gate
	f.mu.Unlock()
	if gate != nil {
		<-gate
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fault != nil {
		f.text.Write(p[:f.before])
		return f.before, f.fault
	}
	return f.text.Write(p)
}

func (f *file) set(fault error, before int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault, f.before = fault, before
}

func (f *file) block() (release func()) {
	gate := make(chan struct{})
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gate = gate
	return func() {
		f.mu.Lock()
		f.gate = nil
		f.mu.Unlock()
		close(gate)
	}
}

func (f *file) lines() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Split(strings.TrimSuffix(f.text.String(), "\n"), "\n")
}

// timeless is the text format without times.
func timeless(w io.Writer) slog.Handler {
	return slog.NewTextHandler(w, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
}

// serve serves a sink until end is called, which returns what Serve did.
func serve(t *testing.T, out io.Writer) (sink *logsink.Sink, log *slog.Logger, end func() error) {
	t.Helper()
	sink = logsink.New(out, timeless)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- sink.Serve(ctx) }()
	return sink, slog.New(sink.Handler()), func() error {
		cancel()
		return <-ended
	}
}

func want(t *testing.T, f *file, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, f.lines()); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

func TestLinesComeInOrderAndAllOfThemBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &file{}
		_, log, end := serve(t, f)
		log.Info("one")
		synctest.Wait()
		want(t, f, "level=INFO msg=one")
		log.Info("two", "n", 2)
		log.Info("three")
		if err := end(); err != nil {
			t.Errorf("Serve: got %v, want nil", err)
		}
		want(t, f, "level=INFO msg=one", "level=INFO msg=two n=2", "level=INFO msg=three")
	})
}

var lostLines = regexp.MustCompile(`level=WARN msg="log lines lost" lines=(\d+)`)

// count adds up the lines of messages, and those that reports tell of.
func count(t *testing.T, f *file, message string) (there, lost int) {
	t.Helper()
	for _, line := range f.lines() {
		if strings.Contains(line, message) {
			there++
		} else if match := lostLines.FindStringSubmatch(line); match != nil {
			n, err := strconv.Atoi(match[1])
			if err != nil {
				t.Fatal(err)
			}
			lost += n
		} else {
			t.Errorf("unexpected line %q", line)
		}
	}
	return there, lost
}

func TestAFileThatTakesNothingHoldsUpNobodyAndWhatIsLostIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &file{}
		_, log, end := serve(t, f)
		release := f.block()
		const all = 100_000
		begin := time.Now()
		for i := range all {
			log.Info("flood", "n", i)
		}
		if took := time.Since(begin); took > 0 {
			t.Errorf("logging took %s, want it not to wait", took)
		}
		release()
		synctest.Wait()
		there, lost := count(t, f, "msg=flood")
		if there+lost != all || lost == 0 || there == 0 {
			t.Errorf("got %d lines and %d lost, want some of both and %d together", there, lost, all)
		}
		if last := f.lines()[len(f.lines())-1]; !lostLines.MatchString(last) {
			t.Errorf("last line: got %q, want what was lost, without another line to come", last)
		}
		if err := end(); err != nil {
			t.Errorf("Serve: got %v, want nil", err)
		}
	})
}

func TestServeEndsWithinASecondWhenNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &file{}
		_, log, end := serve(t, f)
		release := f.block()
		log.Info("unread")
		begin := time.Now()
		if err := end(); !errors.Is(err, logsink.ErrUnread) {
			t.Errorf("Serve: got %v, want ErrUnread", err)
		}
		if took := time.Since(begin); took != time.Second {
			t.Errorf("Serve took %s, want 1s", took)
		}
		release()
	})
}

func TestAReaderThatComesBackIsToldWhatItMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &file{}
		_, log, end := serve(t, f)
		log.Info("before")
		synctest.Wait()
		f.set(io.ErrClosedPipe, 0)
		for range 3 {
			log.Info("lost")
			synctest.Wait()
		}
		f.set(nil, 0)
		log.Info("after")
		synctest.Wait()
		want(t, f, "level=INFO msg=before", `level=WARN msg="log lines lost" lines=3`, "level=INFO msg=after")
		if err := end(); err != nil {
			t.Errorf("Serve: got %v, want nil", err)
		}
	})
}

func TestALineThatIsTornGetsAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &file{}
		_, log, end := serve(t, f)
		f.set(errors.New("no space left"), len("level=INFO ms"))
		log.Info("torn")
		synctest.Wait()
		f.set(nil, 0)
		log.Info("whole")
		synctest.Wait()
		want(t, f, "level=INFO ms", `level=WARN msg="log lines lost" lines=1`, "level=INFO msg=whole")
		_ = end()
	})
}

func TestLinesOfManyAtOnceStayWhole(t *testing.T) {
	f := &file{}
	_, log, end := serve(t, f)
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			for range 500 {
				log.Info("line", "text", strings.Repeat("x", 100))
			}
		})
	}
	writers.Wait()
	if err := end(); err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
	line := fmt.Sprintf("level=INFO msg=line text=%0100d", 0)
	there := 0
	for _, got := range f.lines() {
		if got == strings.ReplaceAll(line, "0", "x") {
			there++
		}
	}
	if _, lost := count(t, f, "msg=line"); there+lost != 4000 {
		t.Errorf("got %d whole lines and %d lost, want 4000", there, lost)
	}
}
