package supervise_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"tend.example/tend/supervise"
)

// detailed is a service that has something to tell.
type detailed struct {
	supervise.Func
	detail func() any
}

func (d detailed) Detail() any { return d.detail() }

// unwritable cannot be JSON.
type unwritable struct{}

func (unwritable) MarshalJSON() ([]byte, error) { return nil, errors.New("no") }

func TestServiceAddsItsDetailToTheStatus(t *testing.T) {
	for name, c := range map[string]struct {
		detail func() any
		want   string // in JSON; "": none
	}{
		"told":       {func() any { return map[string]int{"jobs": 3} }, `"detail":{"jobs":3}`},
		"none":       {func() any { return nil }, ""},
		"panics":     {func() any { panic("oops") }, `"detail":"panic: oops"`},
		"unwritable": {func() any { return unwritable{} }, `"detail":"json: error calling MarshalJSON for type supervise_test.unwritable: no"`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &supervise.Pool{}
				tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
					{Name: "w", Service: detailed{idle, c.detail}},
					{Name: "p", Service: p},
				}})
				text, err := json.Marshal(tr.child("tend/w"))
				if err != nil {
					t.Fatal(err)
				}
				if got := string(text); c.want != "" && !strings.Contains(got, c.want) || c.want == "" && strings.Contains(got, "detail") {
					t.Errorf("got %s, want %q in it", got, c.want)
				}
			})
		})
	}
}
