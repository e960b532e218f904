package loadtest

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// connectH2 returns an open connection. From outside it is a matter of luck whether a connection is
// closed just between two steps of its client.
func connectH2(t *testing.T) (*h2Client, *h2Conn) {
	t.Helper()
	server := httptest.NewUnstartedServer(Handler(nil))
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(server.Close)
	load := &Load{Addr: server.Listener.Addr().String()}
	load.applyDefaults()
	conns := &h2Conns{load: load, targets: newTargets(load), tally: newTally(H2, load)}
	conn, failed := conns.connect(t.Context())
	if failed != nil {
		t.Fatalf("connect: %+v", *failed)
	}
	t.Cleanup(func() { conn.Close() })
	return &h2Client{load: load, spec: H2.spec(), conns: conns}, conn
}

func TestRequestThatFindsAnOldConnectionClosedWasNeverSent(t *testing.T) {
	client, conn := connectH2(t)
	if v := client.roundTrip(t.Context(), conn); v.outcome != ok {
		t.Fatalf("got %+v, want it well", v)
	}
	conn.Close()
	if v := client.roundTrip(t.Context(), conn); v.outcome != unsent {
		t.Errorf("got %+v, want it not sent", v)
	}
}

func TestRequestThatFindsANewConnectionClosedIsALoss(t *testing.T) {
	client, conn := connectH2(t)
	conn.Close()
	if v := client.roundTrip(t.Context(), conn); v.outcome != cut {
		t.Errorf("got %+v, want it cut", v)
	}
	if v := conn.unusable(conn.Reserve()); v.outcome != cut || v.err == nil {
		t.Errorf("got %+v, want it cut, with the reason", *v)
	}
}

func TestRequestThatFindsANewConnectionLeavingIsGivenBack(t *testing.T) {
	_, conn := connectH2(t)
	if v := conn.unusable(nil); v.outcome != unprocessed { // it is open, and so was told to go away
		t.Errorf("got %+v, want it given back", *v)
	}
}
