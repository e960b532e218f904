package loadtest_test

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// rawConn is a connection with which a bad server does what it likes.
type rawConn struct {
	*net.TCPConn

	r *bufio.Reader
}

// reset closes the connection by RST.
func (c *rawConn) reset() {
	c.SetLinger(0)
	c.Close()
}

// startRaw accepts connections, and closes each when the function returns, until the test ends.
func startRaw(t *testing.T, serve func(*rawConn)) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer conn.Close()
				serve(&rawConn{TCPConn: conn.(*net.TCPConn), r: bufio.NewReader(conn)})
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		conns.Wait()
	})
	return listener.Addr().String()
}

// raw is a handler that has the request's connection to itself, which is closed afterwards.
func raw(do func(conn *rawConn, r *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // or the close would be a reset
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		do(&rawConn{TCPConn: conn.(*net.TCPConn), r: buffered.Reader}, r)
	}
}

// says is a handler that writes the text to the connection and closes it.
func says(text string) http.HandlerFunc {
	return raw(func(conn *rawConn, _ *http.Request) { io.WriteString(conn, text) })
}

// edited is a handler that gives a complete answer, but not the one it should.
func edited(edit func(body string) string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		good := httptest.NewRecorder()
		good.Body.Reset()
		goodHandler().ServeHTTP(good, r)
		io.WriteString(w, edit(good.Body.String()))
	}
}

func withoutEnd(body string) string { return body[:len(body)-len("end")] }

// ofAnother makes the answer that of another request.
func ofAnother(body string) string {
	return strings.NewReplacer("0.", "7.", "1.", "8.").Replace(body)
}

// upgraded is a handler that does as it likes once the WebSocket is open and a message has come.
func upgraded(do func(conn *rawConn)) http.HandlerFunc {
	return raw(func(conn *rawConn, r *http.Request) {
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: "+
			acceptKey(r.Header.Get("Sec-WebSocket-Key"))+"\r\n\r\n")
		head := make([]byte, 2)
		if _, err := io.ReadFull(conn.r, head); err != nil {
			return
		}
		conn.r.Discard(4 + int(head[1]&0x7F))
		do(conn)
	})
}

// answers is what upgraded does to send some bytes and close.
func answers(bytes ...byte) func(*rawConn) {
	return func(conn *rawConn) { conn.Write(bytes) }
}

// h2Frame is a frame of RFC 9113.
func h2Frame(kind, flags byte, stream uint32, payload ...byte) []byte {
	length := len(payload)
	frame := []byte{byte(length >> 16), byte(length >> 8), byte(length), kind, flags}
	return append(binary.BigEndian.AppendUint32(frame, stream), payload...)
}

const (
	h2Headers  = 0x1
	h2Reset    = 0x3
	h2Settings = 0x4
	h2GoAway   = 0x7
)

// startRawH2 does as it likes with each request of HTTP/2, given its stream.
func startRawH2(t *testing.T, do func(conn *rawConn, stream uint32)) (addr string) {
	t.Helper()
	return startRaw(t, func(conn *rawConn) {
		conn.r.Discard(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
		conn.Write(h2Frame(h2Settings, 0, 0))
		for {
			head := make([]byte, 9)
			if _, err := io.ReadFull(conn.r, head); err != nil {
				return
			}
			conn.r.Discard(int(head[0])<<16 | int(head[1])<<8 | int(head[2]))
			if head[3] == h2Headers {
				do(conn, binary.BigEndian.Uint32(head[5:]))
			}
		}
	})
}

// number is four bytes.
func number(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
