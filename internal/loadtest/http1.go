package loadtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// pieceGap is the time between the three pieces in which a request of kind Halves is sent.
const pieceGap = 5 * time.Millisecond

// h1Client sends requests of HTTP/1.1 on bare connections, for http.Transport sends a GET again when
// a connection that it has used before breaks, and nobody learns of the first. What a client has
// begun to write is the server's to answer: if the connection turns out to be closed, the request is
// lost, whoever is to blame.
type h1Client struct {
	load    *Load
	targets *targets
	tally   *tally
	spec    spec
	id      int
	sent    int
	conn    *rawConn // nil: none is open
}

func (c *h1Client) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

func (c *h1Client) rest(ctx context.Context, d time.Duration) {
	if c.conn == nil {
		wait(ctx, d)
	} else if c.conn.watch(ctx, d) {
		c.tally.foundStale()
		c.close()
	}
}

func (c *h1Client) send(ctx context.Context) verdict {
	if failed := c.prepare(ctx); failed != nil {
		return *failed
	}
	c.conn.requests++
	c.sent++
	x := c.spec.exchange(c.load.Hold, number(c.id, c.sent))
	v, reusable := c.roundTrip(x)
	v.nth = c.conn.requests
	if !reusable || c.spec.once {
		c.close()
	}
	return v
}

// prepare sees to an open connection, or says what became of the request for want of one.
func (c *h1Client) prepare(ctx context.Context) (failed *verdict) {
	if c.conn != nil && !c.conn.target.ready.Load() {
		c.close()
	}
	if c.conn == nil {
		c.conn, failed = c.load.connect(ctx, c.targets, c.tally)
	}
	return failed
}

// roundTrip sends a request, and says whether the connection may be used for another.
func (c *h1Client) roundTrip(x exchange) (v verdict, reusable bool) {
	boundIO(c.conn, c.load.bound(c.spec))
	written := c.write(x)
	// Even when writing has failed: the server may have answered before it closed.
	resp, err := http.ReadResponse(c.conn.r, &http.Request{Method: x.method})
	switch {
	case err == nil:
	case written != nil:
		return verdict{outcome: cut, stage: StageWrite, err: written}, false
	default:
		return verdict{outcome: cut, stage: StageHeader, err: err}, false
	}
	defer resp.Body.Close()
	v = judge(resp, x)
	return v, v.outcome != cut && written == nil && !resp.Close
}

func (c *h1Client) write(x exchange) error {
	head := x.head(authority(c.conn.target.Addr))
	if !c.spec.halves {
		_, err := io.WriteString(c.conn, head+x.body)
		return err
	}
	for i, piece := range []string{head[:len(head)/2], head[len(head)/2:], x.body} {
		if i > 0 {
			time.Sleep(pieceGap)
		}
		if _, err := io.WriteString(c.conn, piece); err != nil {
			return err
		}
	}
	return nil
}

// head is the request without its body.
func (x exchange) head(host string) string {
	length := ""
	if x.body != "" {
		length = "Content-Type: text/plain\r\nContent-Length: " + strconv.Itoa(len(x.body)) + "\r\n"
	}
	return x.method + " " + x.target + " HTTP/1.1\r\nHost: " + host + "\r\n" + length + "\r\n"
}

// judge reads the answer to its end and says what it is worth.
func judge(resp *http.Response, x exchange) verdict {
	if resp.StatusCode != http.StatusOK {
		return judgeStatus(resp)
	}
	drained, err := x.read(resp.Body)
	if err == nil {
		return verdict{outcome: ok, drained: drained}
	}
	if wrongError := wrongError(""); errors.As(err, &wrongError) {
		return verdict{outcome: wrong, err: err}
	}
	return verdict{outcome: cut, stage: StageBody, err: err}
}

// judgeStatus judges an answer with a status that nobody has asked for.
func judgeStatus(resp *http.Response) verdict {
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, longestBody)); err != nil {
		return verdict{outcome: cut, stage: StageBody, err: err}
	}
	if resp.StatusCode == http.StatusServiceUnavailable {
		return verdict{outcome: unavailable}
	}
	return verdict{outcome: wrong, err: wrongError(fmt.Sprintf("status %d", resp.StatusCode))}
}
