package main

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOneFailureOfTheTimerEndsEverything(t *testing.T) {
	err := run(t.Context(), "127.0.0.1:0", time.Millisecond, 1)
	if err == nil || err.Error() != "the timer has had enough" {
		t.Errorf("run: %v, want the timer's error", err)
	}
}
