package admin_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"tend.example/tend/services/admin"
)

func TestUpgradeIsTheProgramsToDo(t *testing.T) {
	fault := errors.New("upgrade: process 7: not ready within 30s")
	var err error
	var asked int
	s := newSide(func(v *admin.View) {
		v.Upgrade = func(ctx context.Context) error {
			asked++
			if ctx.Done() != nil {
				t.Error("the end of the request would end the upgrade")
			}
			return err
		}
	})
	check(t, s.handler, "POST", "/api/v1/upgrade", 200, "{}")
	err = fault
	if status, body := send(s.handler, "POST", "/api/v1/upgrade", ""); status != 409 || !strings.Contains(body, fault.Error()) {
		t.Errorf("got %d %s, want 409 with the fault", status, body)
	}
	if status, _ := send(s.handler, "GET", "/api/v1/upgrade", ""); status != 405 {
		t.Errorf("GET: got %d, want 405", status)
	}
	if asked != 2 || !strings.Contains(s.log.String(), "action=upgrade") {
		t.Errorf("asked %d times, want 2; log:\n%s", asked, s.log.String())
	}
}
