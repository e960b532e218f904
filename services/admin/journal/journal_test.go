package journal_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tend.example/tend/services/admin/journal"
	"tend.example/tend/supervise"
)

func event(path string, state supervise.State, err error) supervise.Event {
	return supervise.Event{Time: time.Unix(1700000000, 500).UTC(), Path: path, State: state, Run: 1, Err: err}
}

func ids(entries []journal.Entry) []uint64 {
	var ids []uint64
	for _, e := range entries {
		ids = append(ids, e.ID)
	}
	return ids
}

func TestEntriesAreNumberedAndKeptByPath(t *testing.T) {
	var j journal.Journal
	if got := j.Recent("", 10); len(got) > 0 {
		t.Errorf("of nothing: %v", got)
	}
	j.Observe(event("tend", supervise.Starting, nil))
	j.Observe(event("tend/a", supervise.Starting, nil))
	j.Observe(event("tend/b", supervise.Starting, nil))
	j.Observe(event("tend/a", supervise.Running, nil))
	for _, c := range []struct {
		path string
		n    int
		want []uint64
	}{
		{"", 10, []uint64{1, 2, 3, 4}},
		{"", 2, []uint64{3, 4}},
		{"tend/a", 10, []uint64{2, 4}},
		{"tend/a", 1, []uint64{4}},
		{"tend/c", 10, nil},
		{"", 0, nil},
	} {
		if diff := cmp.Diff(c.want, ids(j.Recent(c.path, c.n))); diff != "" {
			t.Errorf("Recent(%q, %d) (-want +got):\n%s", c.path, c.n, diff)
		}
	}
}

func TestTheLastThousandAndTheLastHundredOfEachPathAreKept(t *testing.T) {
	var j journal.Journal
	j.Observe(event("tend/quiet", supervise.Running, nil))
	for range 2500 {
		j.Observe(event("tend/loud", supervise.Running, nil))
	}
	all := j.Recent("", 5000)
	if len(all) != 1000 || all[0].ID != 1502 || all[999].ID != 2501 {
		t.Errorf("of all: got %d, from %d to %d, want 1000, from 1502 to 2501", len(all), all[0].ID, all[len(all)-1].ID)
	}
	loud := j.Recent("tend/loud", 5000)
	if len(loud) != 100 || loud[0].ID != 2402 || loud[99].ID != 2501 {
		t.Errorf("of a path: got %d, from %d, want 100, from 2402", len(loud), loud[0].ID)
	}
	if diff := cmp.Diff([]uint64{1}, ids(j.Recent("tend/quiet", 5))); diff != "" {
		t.Errorf("of the quiet one (-want +got):\n%s", diff)
	}
}

func TestTheLastErrorOutlivesTheEventsAfterIt(t *testing.T) {
	var j journal.Journal
	j.Observe(event("tend/a", supervise.Backoff, errors.New("first")))
	j.Observe(event("tend/a", supervise.Backoff, &supervise.PanicError{Value: "second", Stack: []byte("main.f(...)")}))
	for range 500 {
		j.Observe(event("tend/a", supervise.Running, nil))
	}
	got, ok := j.LastError("tend/a")
	if !ok || got.ID != 2 || got.Err.Error() != "panic: second" || got.Stack != "main.f(...)" {
		t.Errorf("got %+v, %v, want the second with its stack", got, ok)
	}
	j.Observe(event("tend/a", supervise.Stopping, supervise.ErrRestart))
	if got, _ := j.LastError("tend/a"); got.ID != 2 {
		t.Errorf("why a run is told to stop is no failure: %+v", got)
	}
	if _, ok := j.LastError("tend"); ok {
		t.Error("the root has an error, but none was observed")
	}
}

func TestOnlyTheLastErrorOfAPathHasItsStack(t *testing.T) {
	var j journal.Journal
	for _, path := range []string{"tend/a", "tend/b", "tend/a"} {
		j.Observe(event(path, supervise.Backoff, &supervise.PanicError{Stack: []byte(path)}))
	}
	j.Observe(event("tend/c", supervise.Stuck, &supervise.StuckError{Stacks: []byte("tend/c")}))
	j.Observe(event("tend", supervise.Failed, &supervise.ChildError{Path: "tend/c", Err: &supervise.StuckError{Stacks: []byte("tend/c")}}))
	var got []string
	for _, e := range j.Recent("", 10) {
		got = append(got, e.Stack)
	}
	if diff := cmp.Diff([]string{"", "tend/b", "tend/a", "tend/c", ""}, got); diff != "" {
		t.Errorf("stacks (-want +got):\n%s", diff)
	}
	j.Observe(event("tend/b", supervise.Backoff, errors.New("no panic")))
	if e, _ := j.LastError("tend/b"); e.Stack != "" {
		t.Errorf("an error without a stack has the one of the error before: %q", e.Stack)
	}
}

type malicious struct{}

func (malicious) Error() string { panic("ha") }
func (malicious) As(any) bool   { panic("ha") }

func TestForeignErrorsAreAskedOnceAndNotKept(t *testing.T) {
	var j journal.Journal
	j.Observe(event("tend/a", supervise.Backoff, malicious{}))
	if got, _ := j.LastError("tend/a"); !strings.Contains(got.Err.Error(), "PANIC") {
		t.Errorf("got %q, want what fmt makes of the panic", got.Err)
	}
	collected := make(chan struct{})
	func() {
		err := &struct{ error }{errors.New("big")}
		runtime.AddCleanup(err, func(c chan struct{}) { close(c) }, collected)
		j.Observe(event("tend/a", supervise.Backoff, err))
	}()
	runtime.GC()
	runtime.GC()
	<-collected // or the test runs into its timeout
	if got, _ := j.LastError("tend/a"); got.Err.Error() != "big" {
		t.Errorf("got %q, want the text", got.Err)
	}
}

func TestErrorsOfSuperviseAreStillFound(t *testing.T) {
	var j journal.Journal
	j.Observe(event("tend/a", supervise.Stopping, supervise.ErrHung))
	j.Observe(event("tend/b", supervise.Stuck, &supervise.StuckError{}))
	a := j.Recent("tend/a", 1)[0]
	b, _ := j.LastError("tend/b")
	if !errors.Is(a.Err, supervise.ErrHung) || !errors.Is(b.Err, supervise.ErrStuck) || errors.Is(b.Err, supervise.ErrHung) {
		t.Errorf("got %v and %v, want ErrHung and ErrStuck", a.Err, b.Err)
	}
}

func TestAMemberOfAChurningPoolIsForgottenAndANamedServiceIsNot(t *testing.T) {
	var j journal.Journal
	j.Observe(event("tend/import", supervise.Failed, errors.New("disk full")))
	for i := range 50_000 {
		path := fmt.Sprintf("tend/conns/%d", i)
		j.Observe(event(path, supervise.Running, nil))
		if i%2 == 0 {
			j.Observe(event(path, supervise.Done, nil))
		}
	}
	if e, ok := j.LastError("tend/import"); !ok || e.Err.Error() != "disk full" {
		t.Errorf("the last error of the service is gone: %+v, %v", e, ok)
	}
	for path, want := range map[string]int{
		"tend/conns/2000":  0, // gone
		"tend/conns/2001":  0, // one of too many
		"tend/conns/47000": 0, // gone, and more than a thousand after it
		"tend/conns/49998": 2,
		"tend/conns/45001": 1, // lives
	} {
		if got := len(j.Recent(path, 10)); got != want {
			t.Errorf("%s: got %d entries, want %d", path, got, want)
		}
	}
}

func TestMemoryIsBoundedWhateverTheTreeDoes(t *testing.T) {
	measure := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	var j journal.Journal
	before := measure()
	stack := []byte(strings.Repeat("frame\n", 3000))
	for i := range 15_000 {
		text := strings.Repeat(fmt.Sprint(i%10), 10_000)
		j.Observe(event(fmt.Sprintf("tend/conns/%d/reader", i%12_000), supervise.Backoff, &supervise.PanicError{Value: text, Stack: stack}))
	}
	after := measure()
	if grown := (int64(after) - int64(before)) >> 20; grown > 24 {
		t.Errorf("the journal has %d MiB, want no more than 24", grown)
	}
	runtime.KeepAlive(&j)
}

func TestSinceTellsWhatCameAfterAndWhetherSomeOfItIsGone(t *testing.T) {
	var j journal.Journal
	if got, gap := j.Since(0); len(got) > 0 || gap {
		t.Errorf("of nothing: %v, %v", got, gap)
	}
	for range 1200 {
		j.Observe(event("tend", supervise.Running, nil))
	}
	for _, c := range []struct {
		id    uint64
		first uint64
		n     int
		gap   bool
	}{
		{1200, 0, 0, false},
		{1199, 1200, 1, false},
		{200, 201, 1000, false},
		{199, 201, 1000, true},
		{0, 201, 1000, true},
		{1201, 201, 1000, true}, // of another journal
	} {
		got, gap := j.Since(c.id)
		if len(got) != c.n || gap != c.gap || c.n > 0 && got[0].ID != c.first {
			t.Errorf("Since(%d): got %d entries from %v, gap %v; want %d from %d, gap %v", c.id, len(got), ids(got[:min(1, len(got))]), gap, c.n, c.first, c.gap)
		}
	}
}

func TestAWatcherIsWokenOnceForManyAndNeverWaitedFor(t *testing.T) {
	var j journal.Journal
	woken, stop := j.Watch()
	for range 10 {
		j.Observe(event("tend", supervise.Running, nil))
	}
	<-woken
	select {
	case <-woken:
		t.Error("woken twice for what came before the first receive")
	default:
	}
	j.Observe(event("tend", supervise.Running, nil))
	<-woken
	stop()
	stop() // may be called again
	j.Observe(event("tend", supervise.Running, nil))
	select {
	case <-woken:
		t.Error("woken after stop")
	default:
	}
}

func TestAFollowerMissesNothingWhileTheTreeIsBusy(t *testing.T) {
	var j journal.Journal
	const events = 5000
	var group sync.WaitGroup
	seen := make(chan struct{}, events)
	woken, stop := j.Watch()
	defer stop()
	group.Go(func() {
		for range events {
			j.Observe(event("tend", supervise.Running, nil))
			<-seen // so that none is gone before it was read
		}
	})
	last := uint64(0)
	for last < events {
		<-woken
		entries, gap := j.Since(last)
		if gap {
			t.Fatalf("a gap after %d", last)
		}
		for _, e := range entries {
			if e.ID != last+1 {
				t.Fatalf("got %d after %d", e.ID, last)
			}
			last = e.ID
			seen <- struct{}{}
		}
	}
	group.Wait()
}

func TestJSONLeavesOutWhatIsZero(t *testing.T) {
	for want, e := range map[string]journal.Entry{
		`{"id":1,"time":"2023-11-14T22:13:20.0000005Z","path":"tend","state":"idle"}`: {
			ID: 1, Event: supervise.Event{Time: time.Unix(1700000000, 500).UTC(), Path: "tend"},
		},
		`{"id":17,"time":"2023-11-14T22:13:20.0000005Z","path":"tend/hello","state":"backoff","run":3,"err":"<b>\nboom","delay":"1.5s","dropped":2,"stack":"main.f"}`: {
			ID: 17, Stack: "main.f", Event: supervise.Event{
				Time: time.Unix(1700000000, 500).UTC(), Path: "tend/hello", State: supervise.Backoff, Run: 3,
				Err: errors.New("<b>\nboom"), Delay: 1500 * time.Millisecond, Dropped: 2,
			},
		},
	} {
		got, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var a, b any
		if json.Unmarshal(got, &a) != nil || json.Unmarshal([]byte(want), &b) != nil || !cmp.Equal(a, b) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
