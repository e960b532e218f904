package supervise_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"tend.example/tend/supervise"
)

func TestResetForgetsWhatTheLimitHasCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := failing(t, limited(2, time.Minute), 0, time.Second)
		if err := tr.Reset("tend/w"); err != nil {
			t.Fatal(err)
		}
		if got := tr.child("tend/w"); got.Restarts != 0 || got.State != supervise.Running || !errors.Is(got.Err, errBoom) {
			t.Errorf("got %+v, want it running, the last error and no restarts", got)
		}
		w := tr.Children[0].Service.(*script)
		for range 2 {
			w.end(errBoom)
			synctest.Wait()
		}
		if got := tr.child("tend/w"); got.Restarts != 2 || got.State != supervise.Running {
			t.Errorf("got %+v, want two more restarts", got)
		}
		w.end(errBoom)
		limitError(t, tr.wait(), "tend/w", supervise.LimitError{Restarts: 2, Window: time.Minute, Err: errBoom})
	})
}

func TestResetLetsTheBackoffBeginAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newScript()
		tr := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "w", Service: w, Policy: supervise.Policy{MinBackoff: time.Second, MaxBackoff: time.Hour}},
		}})
		fails := func() (delay time.Duration) {
			w.end(errBoom)
			synctest.Wait()
			return time.Until(tr.child("tend/w").Next)
		}
		for range 3 {
			time.Sleep(fails())
			synctest.Wait()
		}
		delay := fails()
		if delay < 8*time.Second {
			t.Fatalf("the fourth delay is %v, want at least 8s", delay)
		}
		next := tr.child("tend/w").Next
		if err := tr.Reset("tend/w"); err != nil {
			t.Fatal(err)
		}
		if got := tr.child("tend/w"); got.State != supervise.Backoff || !got.Next.Equal(next) {
			t.Errorf("got %+v, want it in the same backoff", got)
		}
		time.Sleep(delay)
		synctest.Wait()
		if delay := fails(); delay < time.Second || delay > 1500*time.Millisecond {
			t.Errorf("the delay after Reset is %v, want 1s to 1.5s", delay)
		}
		if err := tr.stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestResetOfNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "w", Service: supervise.Func(idle)}}}
		if err := g.Reset("tend/w"); !errors.Is(err, supervise.ErrNotServing) {
			t.Errorf("before Serve: got %v, want ErrNotServing", err)
		}
		tr := serve(t, g)
		if err := tr.Reset("tend/nobody"); !errors.Is(err, supervise.ErrNoChild) || err.Error() != `reset tend/nobody: no such child: tend has none named "nobody"` {
			t.Errorf("got %v, want ErrNoChild and what was tried", err)
		}
		if err := tr.Reset("tend/w"); err != nil { // that never failed
			t.Error(err)
		}
		if err := tr.stop(); err != nil {
			t.Error(err)
		}
	})
}
