package loadtest_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tend.example/tend/internal/loadtest"
)

func TestResultIsATable(t *testing.T) {
	result := loadtest.Result{
		Took: 1500 * time.Millisecond,
		Kinds: []loadtest.Counts{
			{Kind: loadtest.KeepAlive, OK: 12345, Cut: 1, Wrong: 1, Unavailable: 2, Refused: 7, Conns: 64, Failures: []loadtest.Failure{
				{At: 30 * time.Millisecond, Stage: loadtest.StageHeader, Nth: 9, Err: errors.New("unexpected EOF")},
				{At: 31 * time.Millisecond, Nth: 2, Err: errors.New("status 500")},
			}},
			{Kind: loadtest.H2SSE, OK: 3, Unprocessed: 4, Local: 5, Drained: 2, Conns: 1, Stale: 1},
		},
	}
	const want = `12356 requests in 1.5s, 2 lost
        kind     ok  cut  wrong  503  unprocessed  refused  local  drained  conns  stale
  keep-alive  12345    1      1    2            0        7      0        0     64      0
      h2-sse      3    0      0    0            4        0      5        2      1      1
       total  12348    1      1    2            4        7      5        2     65      1
keep-alive: request 9, after 30ms, was cut at header: unexpected EOF
keep-alive: request 2, after 31ms, was answered wrongly: status 500
`
	if diff := cmp.Diff(want, result.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOfAddsUpAKindThatIsThereTwice(t *testing.T) {
	result := loadtest.Result{Kinds: []loadtest.Counts{
		{Kind: loadtest.Post, OK: 1, Cut: 2}, {Kind: loadtest.SSE, OK: 50}, {Kind: loadtest.Post, OK: 10, Wrong: 20},
	}}
	want := loadtest.Counts{Kind: loadtest.Post, OK: 11, Cut: 2, Wrong: 20}
	if diff := cmp.Diff(want, result.Of(loadtest.Post)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := result.Of(loadtest.Post).Lost(); got != 22 {
		t.Errorf("got %d lost, want 22", got)
	}
}

func TestKindsAreKnownByName(t *testing.T) {
	for _, kind := range loadtest.Kinds() {
		if got, err := loadtest.ParseKind(kind.String()); got != kind || err != nil {
			t.Errorf("ParseKind(%q): got %v, %v", kind, got, err)
		}
	}
	if _, err := loadtest.ParseKind("h3"); err == nil {
		t.Error("ParseKind: want an error for what it doesn't know")
	}
}
