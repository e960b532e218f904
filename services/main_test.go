package services_test

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tend.example/tend/supervise"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tree is a group that serves in the background until the test ends it.
type tree struct {
	*supervise.Group
	cancel context.CancelFunc
	ended  chan error
}

// serve starts a group of one child.
func serve(t *testing.T, child supervise.Child) *tree {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	tr := &tree{
		Group:  &supervise.Group{Name: "test", Children: []supervise.Child{child}},
		cancel: cancel,
		ended:  make(chan error, 1),
	}
	go func() { tr.ended <- tr.Serve(ctx) }()
	return tr
}

// stop tells the group to stop, and returns what Serve did.
func (tr *tree) stop() error {
	tr.cancel()
	return <-tr.ended
}

// child is the status of the only child.
func (tr *tree) child() supervise.Status { return tr.Status().Children[0] }

// eventually waits until a condition outside of virtual time holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still waiting: %s", what)
		}
	}
}

// wait waits for a group that ends by itself.
func (tr *tree) wait() error {
	defer tr.cancel()
	return <-tr.ended
}
