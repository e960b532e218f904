package supervise_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tend.example/tend/supervise"
)

func TestLogEventsShowsAStackOnceWhereItIsFrom(t *testing.T) {
	panicked := &supervise.PanicError{Value: "oops", Stack: []byte("where it was")}
	stuck := &supervise.StuckError{Stacks: []byte("where it is")}
	for _, c := range []struct {
		event supervise.Event
		want  string
	}{
		{
			supervise.Event{Path: "tend/w", State: supervise.Backoff, Run: 1, Err: fmt.Errorf("wrapped: %w", panicked)},
			`level=WARN msg=state service=tend/w state=backoff run=1 err="wrapped: panic: oops" delay=0s stack="where it was"`,
		},
		{
			supervise.Event{Path: "tend/w", State: supervise.Stuck, Run: 1, Err: stuck},
			`level=ERROR msg=state service=tend/w state=stuck run=1 err="did not return when told to stop" stack="where it is"`,
		},
		{ // the group above
			supervise.Event{Path: "tend", State: supervise.Failed, Run: 1, Err: &supervise.ChildError{Path: "tend/w", Err: panicked}},
			`level=ERROR msg=state service=tend state=failed run=1 err="tend/w: panic: oops"`,
		},
	} {
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}}))
		supervise.LogEvents(log)(c.event)
		if diff := cmp.Diff(c.want+"\n", out.String()); diff != "" {
			t.Errorf("the line of %s (-want +got):\n%s", c.event.State, diff)
		}
	}
}
