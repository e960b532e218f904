package loadtest_test

import (
	"context"
	"crypto/sha1"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tend.example/tend/internal/loadtest"
)

func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// fault is what a bad server does to every request, and how that is to be counted.
type fault struct {
	name  string
	bad   http.Handler
	count func(loadtest.Counts) int
}

func cut(c loadtest.Counts) int         { return c.Cut }
func wrong(c loadtest.Counts) int       { return c.Wrong }
func unavailable(c loadtest.Counts) int { return c.Unavailable }
func unprocessed(c loadtest.Counts) int { return c.Unprocessed }

func checkFaults(t *testing.T, faults []fault, kinds ...loadtest.Kind) {
	for _, fault := range faults {
		t.Run(fault.name, func(t *testing.T) {
			checkFault(t, addrOf(start(t, fault.bad)), 2, fault.count, kinds...)
		})
	}
}

// checkFault sends some requests of each kind and wants all of them counted alike.
func checkFault(t *testing.T, addr string, clients int, count func(loadtest.Counts) int, kinds ...loadtest.Kind) {
	t.Helper()
	const sent = 6
	result := loadtest.Load{
		Addr: addr, Kinds: kinds, Clients: clients, Requests: sent, Hold: 10 * time.Millisecond, Timeout: 2 * time.Second,
	}.Run(t.Context())
	lost := 0
	for _, got := range result.Kinds {
		if count(got) != sent || got.Sent() != sent || got.Refused+got.Local > 0 {
			t.Errorf("%s: want %d requests counted as the fault that they met:\n%s", got.Kind, sent, result)
		}
		if got.Lost() > 0 && len(got.Failures) == 0 {
			t.Errorf("%s: want failures described:\n%s", got.Kind, result)
		}
		lost += got.Cut + got.Wrong
	}
	if result.Lost() != lost {
		t.Errorf("got %d lost, want %d:\n%s", result.Lost(), lost, result)
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", code) }
}

func abort(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// abortAfter begins an answer and then cuts it.
func abortAfter(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, text)
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

func silent(_ http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body) // net/http watches for the client's leaving only after that
	<-r.Context().Done()
}

func TestEveryKindOfHTTP1FindsOutABadServer(t *testing.T) {
	checkFaults(t, []fault{
		{"closed unanswered", raw(func(*rawConn, *http.Request) {}), cut},
		{"reset", raw(func(conn *rawConn, _ *http.Request) { conn.reset() }), cut},
		{"aborted", http.HandlerFunc(abort), cut},
		{"half a status line", says("HTTP/1.1 20"), cut},
		{"half a header", says("HTTP/1.1 200 OK\r\nContent-Le"), cut},
		{"no HTTP at all", says("hello\r\n\r\n"), cut},
		{"500", status(http.StatusInternalServerError), wrong},
		{"404", status(http.StatusNotFound), wrong},
		{"half a 503", says("HTTP/1.1 503 No\r\nContent-Length: 100\r\n\r\nno"), cut},
		{"503", status(http.StatusServiceUnavailable), unavailable},
	}, overHTTP1...)
}

// A WebSocket has no body.
func TestEveryBodyOfHTTP1IsChecked(t *testing.T) {
	withBody := slices.DeleteFunc(slices.Clone(overHTTP1), func(k loadtest.Kind) bool { return k == loadtest.WebSocket })
	checkFaults(t, []fault{
		{"no body", says("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"), cut},
		{"half a chunk", says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhello"), cut},
		{"no last chunk", says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n\n\r\n"), cut},
		{"aborted in the middle", abortAfter("some"), cut},
		{"an empty body", says("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"), wrong},
		{"another body", edited(func(string) string { return "hello" }), wrong},
		{"cut off, but complete", edited(withoutEnd), wrong},
		{"too much", edited(func(body string) string { return body + "data: more\n\n\n" }), wrong},
		{"the answer to another request", edited(ofAnother), wrong},
		{"a body that ends with the connection", raw(func(conn *rawConn, _ *http.Request) {
			io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\nda")
		}), wrong},
	}, withBody...)
}

func TestBrokenEventStreamIsFoundOut(t *testing.T) {
	checkFaults(t, []fault{
		{"dropped within an event", abortAfter("data: "), cut},
		{"dropped between two events", edited(func(body string) string { return strings.SplitAfter(body, "\n\n")[0] }), wrong},
		{"an event left out", edited(func(body string) string { return strings.Replace(body, "data: 0", "data: 1", 1) }), wrong},
		{"nothing after the final event's name", edited(func(body string) string {
			body, _, _ = strings.Cut(body, "data: time")
			return body
		}), wrong},
	}, loadtest.SSE, loadtest.H2SSE)
}

func TestBrokenWebSocketIsFoundOut(t *testing.T) {
	checkFaults(t, []fault{
		{"closed without a close frame", upgraded(answers()), cut},
		{"reset", upgraded(func(conn *rawConn) { conn.reset() }), cut},
		{"half a frame", upgraded(answers(0x81, 9, 'm', 'e')), cut},
		{"a frame's head alone", upgraded(answers(0x81)), cut},
		{"another message", upgraded(answers(0x81, 2, 'm', 'e')), wrong},
		{"a binary message", upgraded(answers(0x82, 2, 'm', 'e')), wrong},
		{"closed for an error", upgraded(answers(0x88, 2, 0x03, 0xF3)), wrong}, // 1011
		{"closed for no reason", upgraded(answers(0x88, 0)), wrong},
		{"another key", says("HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: x\r\n\r\n"), wrong},
		{"no upgrade", says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), wrong},
	}, loadtest.WebSocket)
}

func TestEveryKindOfHTTP2FindsOutABadServer(t *testing.T) {
	checkFaults(t, []fault{
		{"aborted", http.HandlerFunc(abort), cut},
		{"aborted in the middle", abortAfter("some"), cut},
		{"500", status(http.StatusInternalServerError), wrong},
		{"503", status(http.StatusServiceUnavailable), unavailable},
		{"another body", edited(func(string) string { return "hello" }), wrong},
		{"cut off, but complete", edited(withoutEnd), wrong},
		{"the answer to another request", edited(ofAnother), wrong},
		{"shorter than said", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "hello")
		}), cut},
	}, overHTTP2...)
}

// With HTTP/2 a server can say which requests it has not looked at: those may be sent again by
// anybody, and none is lost.
func TestOnlyWhatHTTP2GivesBackIsNotLost(t *testing.T) {
	const refused, internal = 0x7, 0x2
	for _, server := range []struct {
		name  string
		do    func(conn *rawConn, stream uint32)
		count func(loadtest.Counts) int
	}{
		{"refused", func(conn *rawConn, stream uint32) {
			conn.Write(h2Frame(h2Reset, 0, stream, number(refused)...))
		}, unprocessed},
		{"told to go away before it", func(conn *rawConn, _ uint32) {
			conn.Write(h2Frame(h2GoAway, 0, 0, append(number(0), number(0)...)...))
		}, unprocessed},
		{"told to go away after it, and closed", func(conn *rawConn, stream uint32) {
			conn.Write(h2Frame(h2GoAway, 0, 0, append(number(stream), number(0)...)...))
			conn.CloseWrite()
		}, cut},
		{"reset", func(conn *rawConn, stream uint32) {
			conn.Write(h2Frame(h2Reset, 0, stream, number(internal)...))
		}, cut},
		{"closed", func(conn *rawConn, _ uint32) { conn.CloseWrite() }, cut},
		{"connection reset", func(conn *rawConn, _ uint32) { conn.reset() }, cut},
	} {
		t.Run(server.name, func(t *testing.T) {
			checkFault(t, startRawH2(t, server.do), 1, server.count, overHTTP2...)
		})
	}
}

func TestSilenceIsALoss(t *testing.T) {
	server := start(t, http.HandlerFunc(silent))
	result := loadtest.Load{
		Addr: addrOf(server), Kinds: loadtest.Kinds(), Clients: 1, Requests: 2,
		Hold: time.Millisecond, Timeout: 50 * time.Millisecond,
	}.Run(t.Context())
	for _, got := range result.Kinds {
		if got.Cut != 2 || got.Sent() != 2 {
			t.Errorf("%s: want 2 cut by the timeout:\n%s", got.Kind, result)
		}
	}
}

// A server that accepts has promised to answer.
func TestConnectionClosedAtOnceIsALoss(t *testing.T) {
	closing := startRaw(t, func(*rawConn) {})
	resetting := startRaw(t, func(conn *rawConn) { conn.reset() })
	for _, addr := range []string{closing, resetting} {
		checkFault(t, addr, 2, cut, loadtest.Kinds()...)
	}
}

func TestBrokenHandshakeIsALoss(t *testing.T) {
	_, config := startTLS(t, goodHandler())
	closing := startRaw(t, func(conn *rawConn) { conn.r.Peek(1) })
	result := loadtest.Load{
		Addr: closing, TLS: config, Kinds: loadtest.Kinds(), Clients: 1, Requests: 2,
	}.Run(t.Context())
	for _, got := range result.Kinds {
		if got.Cut != 2 || got.Failures[0].Stage != loadtest.StageHandshake {
			t.Errorf("%s: want 2 cut in the handshake:\n%s", got.Kind, result)
		}
	}
}

func TestServerWithoutHTTP2IsFoundOut(t *testing.T) {
	server := unstarted(goodHandler())
	server.Config.Protocols.SetUnencryptedHTTP2(false)
	server.Start()
	t.Cleanup(server.Close)
	result := loadtest.Load{Addr: addrOf(server), Kinds: overHTTP2, Clients: 1, Requests: 2}.Run(t.Context())
	if got := result.Total(); got.OK > 0 || got.Lost() != got.Sent() {
		t.Errorf("want none well:\n%s", result)
	}
}

func TestRefusedIsNoLoss(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	for _, addr := range []string{listener.Addr().String(), "unix:" + t.TempDir() + "/none"} {
		dials := make(chan struct{}, 1000)
		result := runUntil(t, loadtest.Load{
			Addr: addr, Kinds: loadtest.Kinds(), Clients: 2, Requests: 1,
			Dial: func(ctx context.Context, addr string) (net.Conn, error) {
				select {
				case dials <- struct{}{}:
				default:
				}
				network, address, ok := strings.Cut(addr, ":")
				if network != "unix" || !ok {
					network, address = "tcp", addr
				}
				var dialer net.Dialer
				return dialer.DialContext(ctx, network, address)
			},
		}, "many attempts", func() bool { return len(dials) > 50 })
		if got := result.Total(); got.Refused == 0 || got.Sent() != 0 || got.Local != 0 {
			t.Errorf("%s: want attempts refused and nothing sent:\n%s", addr, result)
		}
	}
}
