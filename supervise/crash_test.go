package supervise_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"tend.example/tend/supervise"
)

// crashing tells this test binary to be the process that a panic ends, and where that is.
const crashing = "TEND_TEST_CRASHING"

func TestCrashOnPanicEndsTheProcess(t *testing.T) {
	crash := supervise.Policy{CrashOnPanic: true}
	panics := supervise.Func(func(context.Context) error { panic("boom") })
	beside := supervise.Func(func(ctx context.Context) error {
		supervise.Go(ctx, panics)
		return idle(ctx)
	})
	pool := &supervise.Pool{Policy: crash}
	adds := supervise.Func(func(ctx context.Context) error {
		if err := pool.Add("m", panics); err != nil {
			return err
		}
		return idle(ctx)
	})
	trees := map[string][]supervise.Child{
		"child":     {{Name: "w", Service: panics, Policy: crash}},
		"goroutine": {{Name: "w", Service: beside, Policy: crash}},
		"member":    {{Name: "pool", Service: pool}, {Name: "w", Service: adds}},
	}
	if name := os.Getenv(crashing); name != "" {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second) // or the panic ends nothing
		defer cancel()
		t.Fatalf("Serve: %v", (&supervise.Group{Name: "tend", Children: trees[name]}).Serve(ctx))
	}
	for name := range trees {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCrashOnPanicEndsTheProcess$")
			cmd.Env = append(os.Environ(), crashing+"="+name)
			output, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.Contains(string(output), "panic: boom") {
				t.Errorf("the process: got %v, want Go's own end of a panic; it said:\n%s", err, output)
			}
		})
	}
}
