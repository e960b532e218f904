package admin_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"tend.example/tend/services/admin"
	"tend.example/tend/supervise"
)

func TestReloadAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dry []bool
		fault := error(nil)
		s := newSide(func(v *admin.View) {
			v.Reload = func(_ context.Context, dryRun bool) (any, error) {
				dry = append(dry, dryRun)
				return map[string]int{"changes": len(dry)}, fault
			}
			v.Reloads = func() any { return map[string]int{"reloads": len(dry)} }
		})
		check(t, s.handler, "POST", "/api/v1/reload", 200, `{"changes":1}`)
		check(t, s.handler, "POST", "/api/v1/reload?dry_run=true", 200, `{"changes":2}`)
		check(t, s.handler, "GET", "/api/v1/reload", 200, `{"reloads":2}`)
		if len(dry) != 2 || dry[0] || !dry[1] {
			t.Errorf("dry runs: got %v, want the second alone", dry)
		}
		for status, err := range map[int]error{422: &supervise.ExitError{Code: 78, Err: errors.New("x:1:2: y")}, 409: errors.New("tend is about to end")} {
			fault = err
			if got, body := ask(s.handler, "POST", "/api/v1/reload"); got != status {
				t.Errorf("%v: got %d %s, want %d", err, got, body, status)
			}
		}
		if got, _ := ask(s.handler, "POST", "/api/v1/reload?dry_run=maybe"); got != 400 {
			t.Errorf("dry_run=maybe: got %d, want 400", got)
		}
	})
}
