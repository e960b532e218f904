package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The timer fails at once in each run, so the limit is reached; the server answers until then.
func TestTimerIsRestartedUntilItsLimitAndTheServerGoesOn(t *testing.T) {
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	web := &services.HTTP{Addr: "127.0.0.1:0", Handler: hello(), Log: log}
	restarts := 0
	ticker := timer(log, time.Millisecond, 1)
	tree := newTree(web, func(ctx context.Context) error {
		restarts++
		if restarts == 3 {
			if got := get(t, "http://"+web.BoundAddr().String()+"/hello"); got != "Hello World!" {
				t.Errorf("GET /hello while the timer fails: %q", got)
			}
		}
		return ticker(ctx)
	}, log)
	tree.Children[1].Policy.MinBackoff = -1 // the delays are tested elsewhere

	err := tree.Serve(t.Context())

	var limit *supervise.LimitError
	if !errors.As(err, &limit) || limit.Restarts != 5 {
		t.Errorf("Serve: %v, want a LimitError after 5 restarts", err)
	}
	if restarts != 6 {
		t.Errorf("runs of the timer: %d, want 6", restarts)
	}
	if code := supervise.ExitCode(err); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true // leave no connection behind
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
