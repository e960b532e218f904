package loadtest

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"time"
)

// messageGap is the time between two messages of a WebSocket, and between two events of SSE.
const messageGap = 10 * time.Millisecond

// wsClient opens a WebSocket, has messages echoed for Hold, and closes it; all of that is one
// request.
type wsClient struct {
	load    *Load
	targets *targets
	tally   *tally
	spec    spec
	id      int
	sent    int
}

func (c *wsClient) close() {} // no connection is kept

func (c *wsClient) rest(ctx context.Context, d time.Duration) { wait(ctx, d) }

func (c *wsClient) send(ctx context.Context) verdict {
	conn, failed := c.load.connect(ctx, c.targets, c.tally)
	if failed != nil {
		return *failed
	}
	defer conn.Close()
	c.sent++
	boundIO(conn, c.load.bound(c.spec))
	v := c.handshake(conn)
	if v.outcome == ok {
		v = c.talk(ctx, conn)
	}
	v.nth = 1
	return v
}

func (c *wsClient) handshake(conn *rawConn) verdict {
	const key = "bG9hZHRlc3QgbG9hZHRlc3Q=" // only has to be of 16 bytes: no cache is in the way
	request := held("GET /ws", c.load.Hold, number(c.id, c.sent)) + " HTTP/1.1\r\nHost: " + authority(conn.target.Addr) +
		"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key + "\r\n\r\n"
	_, written := conn.Write([]byte(request))
	resp, err := http.ReadResponse(conn.r, nil)
	if err != nil {
		if written != nil {
			return verdict{outcome: cut, stage: StageWrite, err: written}
		}
		return verdict{outcome: cut, stage: StageHeader, err: err}
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode != http.StatusSwitchingProtocols:
		return judgeStatus(resp)
	case resp.Header.Get("Sec-WebSocket-Accept") != acceptKey(key):
		return verdict{outcome: wrong, err: wrongError("handshake: a wrong Sec-WebSocket-Accept")}
	default:
		return verdict{outcome: ok}
	}
}

// talk sends message after message and waits for each to come back, until Hold is over, the run is,
// or the server goes away.
func (c *wsClient) talk(ctx context.Context, conn *rawConn) verdict {
	end := time.Now().Add(c.load.Hold)
	for n := 1; time.Now().Before(end) && ctx.Err() == nil; n++ {
		message := fmt.Sprintf("message %d of %s", n, number(c.id, c.sent))
		written := frame{op: opText, payload: []byte(message)}.write(conn, true)
		got, err := readFrame(conn.r)
		switch {
		case err != nil:
			return verdict{outcome: cut, stage: StageMessage, err: cmp.Or(written, err)}
		case got.op == opClose:
			return c.closed(conn, got)
		case got.op != opText || string(got.payload) != message:
			return verdict{outcome: wrong, err: wrongError(fmt.Sprintf("echo: got %q, want %q", got.payload, message))}
		}
		wait(ctx, messageGap)
	}
	return c.leave(conn)
}

// closed answers the close of the server.
func (c *wsClient) closed(conn *rawConn, got frame) verdict {
	switch code := got.code(); code {
	case closeNormal, closeGoingAway, closeRestart:
		_ = got.write(conn, true) // the server may not wait for it
		return verdict{outcome: ok, drained: true}
	default:
		return verdict{outcome: wrong, err: wrongError(fmt.Sprintf("closed with code %d", code))}
	}
}

// leave closes, and waits for the server to have seen it.
func (c *wsClient) leave(conn *rawConn) verdict {
	written := closeFrame(closeNormal).write(conn, true)
	got, err := readFrame(conn.r)
	switch {
	case err != nil:
		return verdict{outcome: cut, stage: StageMessage, err: cmp.Or(written, err)}
	case got.op != opClose:
		return verdict{outcome: wrong, err: wrongError(fmt.Sprintf("frame of type %d instead of the close", got.op))}
	case got.code() == closeNormal:
		return verdict{outcome: ok}
	default:
		return c.closed(conn, got)
	}
}
