package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tend.example/tend/internal/cli/client"
)

// visits serves one text to each connection, one after another, and notes what IDs they go on from.
type visits struct {
	texts []string // "!" and a status: a problem instead
	ids   []string
}

func (v *visits) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.ids = append(v.ids, r.Header.Get("Last-Event-ID"))
	text := v.texts[min(len(v.ids), len(v.texts))-1]
	if status, ok := strings.CutPrefix(text, "!"); ok {
		w.Header().Set("Content-Type", "application/problem+json")
		var code int
		fmt.Sscan(status, &code)
		w.WriteHeader(code)
		w.Write([]byte(`{"detail":"no"}`))
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Write([]byte(text))
}

// follow follows until an event with the data "end", and returns what came, in words.
func follow(t *testing.T, v *visits, f client.Follow) (told []string, err error) {
	t.Helper()
	daemon := serve(t, v.ServeHTTP)
	errEnd := errors.New("end")
	f.Feed = client.Events
	f.On = func(e client.Event) error {
		told = append(told, e.Type+" "+string(e.Data))
		if string(e.Data) == "end" {
			return errEnd
		}
		return nil
	}
	f.Lost = func(error, time.Duration) { told = append(told, "lost") }
	f.Back = func() { told = append(told, "back") }
	err = daemon.Follow(t.Context(), f)
	if errors.Is(err, errEnd) {
		err = nil
	}
	return told, err
}

const retry = "retry: 100\n\n" // so that a test need not wait for long

func TestAStreamGoesOnWhereItWasLost(t *testing.T) {
	v := &visits{texts: []string{
		retry + "event: state\nid: b-4\ndata: four\n\n:\n\nevent: state\r\nid: b-5\r\ndata: five\r\n\r\nid: b-6\ndata: half an",
		":\nid: b-9\n\n", // nothing for us, but it need not be looked through again
		"event: gap\ndata: {}\n\nid:b-10\ndata:two\ndata:lines\nunknown: x\n\ndata: end\n\ndata: never\n\n",
	}}
	told, err := follow(t, v, client.Follow{After: "b-3"})
	want := []string{"state four", "state five", "lost", "back", "lost", "back", "gap {}", " two\nlines", " end"}
	if diff := cmp.Diff(want, told); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
	if diff := cmp.Diff([]string{"b-3", "b-5", "b-9"}, v.ids); diff != "" {
		t.Errorf("Last-Event-ID (-want +got):\n%s", diff)
	}
}

func TestAStreamThatIsRefusedIsNotTriedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		texts []string
		want  []string
	}{
		"at once":             {[]string{"!401"}, nil},
		"when it comes back":  {[]string{retry, "!403"}, []string{"lost"}},
		"is no stream at all": {[]string{"!404"}, nil},
	} {
		told, err := follow(t, &visits{texts: c.texts}, client.Follow{Patient: true})
		if !client.IsProblem(err, 401, 403, 404) {
			t.Errorf("%s: got error %v, want a problem", name, err)
		}
		if diff := cmp.Diff(c.want, told); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestAStreamThatIsTooBusyIsTriedAgain(t *testing.T) {
	told, err := follow(t, &visits{texts: []string{retry, "!503", "data: end\n\n"}}, client.Follow{})
	if diff := cmp.Diff([]string{"lost", "back", " end"}, told); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
}

func TestTheFirstTryFailsUnlessItIsPatient(t *testing.T) {
	err := newClient(t, "127.0.0.1:1", "").Follow(t.Context(), client.Follow{Feed: client.Events})
	var unreachable *client.UnreachableError
	if !errors.As(err, &unreachable) {
		t.Errorf("got %v, want an UnreachableError", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	errEnough := errors.New("enough")
	err = newClient(t, "127.0.0.1:1", "").Follow(ctx, client.Follow{
		Feed: client.Events, Patient: true,
		Lost: func(error, time.Duration) { cancel(errEnough) },
	})
	if !errors.Is(err, errEnough) {
		t.Errorf("got %v, want the cause of the end of ctx", err)
	}
}

func TestALineWithoutAnEndEndsTheStream(t *testing.T) {
	daemon := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		chunk := []byte("data: " + strings.Repeat("x", 64<<10))
		for r.Context().Err() == nil {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	err := daemon.Follow(t.Context(), client.Follow{Feed: client.Events})
	var foreign *client.ForeignError
	if !errors.As(err, &foreign) {
		t.Errorf("got %v, want a ForeignError", err)
	}
}
