//go:build unix

package systemd_test

import (
	"net/http"
	"testing"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

func TestStatusOfAStopSaysWhatItWaitsFor(t *testing.T) {
	m := listen(t)
	arrived, release := make(chan struct{}), make(chan struct{})
	web := &services.HTTP{Addr: "127.0.0.1:0", Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(arrived)
		<-release
	})}
	s := serve(t, supervise.Child{Name: "web", Service: web})
	m.await("READY=1")
	answered := make(chan error, 1)
	go func() {
		resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get("http://" + web.BoundAddr().String())
		if err == nil {
			err = resp.Body.Close()
		}
		answered <- err
	}()
	<-arrived
	ended := make(chan error, 1)
	go func() { ended <- s.stop() }()
	m.await("STATUS=stopping: waits for test/web (stopping, requests: 1, connections: 1)")
	close(release)
	if err := <-answered; err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
}

// Whoever is not the main process yet has nothing to say, and is ready all the same once it is.
func TestReloadBeforeThisProcessIsInChargeIsNotSaid(t *testing.T) {
	m := listen(t)
	tree := &supervise.Group{Name: "test", Children: []supervise.Child{{Name: "a", Service: gated(closed(), closed())}}}
	s := serveUntold(t, tree)
	done := s.Reloading()
	close(s.inCharge)
	done()
	m.await("READY=1")
	if m.count("RELOADING=1") > 0 {
		t.Errorf("got:\n%v", m.lines())
	}
	s.stop()
}
