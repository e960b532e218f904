package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// webLoad is what the client is told to do: to connect anew, or to send requests.
type webLoad struct {
	Addr    string
	Clients int           // connections to make, in place of those there are
	For     time.Duration // to send for so long
	Each    int           // to send so many on each
}

// webAnswer is how it went.
type webAnswer struct {
	Requests       int
	Took, P50, P99 time.Duration
}

// webClient is the process of the client, as the servers' process has it.
type webClient struct {
	to   *json.Encoder
	from *json.Decoder
	stop func() // and wait
}

// startWebClient runs this program again, on one core, so that the other is the servers' alone when
// nobody else wants it.
func startWebClient() *webClient {
	cmd := aloneCommand(webClientName)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		panic(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		panic(err)
	}
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	return &webClient{json.NewEncoder(in), json.NewDecoder(out), func() {
		_ = in.Close() // it ends by that
		if err := cmd.Wait(); err != nil {
			panic(fmt.Sprintf("client: %v", err))
		}
	}}
}

func (c *webClient) ask(l webLoad) (a webAnswer) {
	if err := c.to.Encode(l); err != nil {
		panic(fmt.Sprintf("client: %v", err))
	}
	if err := c.from.Decode(&a); err != nil {
		panic(fmt.Sprintf("client: %v", err))
	}
	return a
}

const webClientName = "http/client"

// beWebClient does what it is told until there is nothing more.
func beWebClient(in io.Reader, out io.Writer) error {
	from, to := json.NewDecoder(in), json.NewEncoder(out)
	clients := webClients{}
	defer clients.close()
	for {
		var l webLoad
		if err := from.Decode(&l); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		a, err := clients.do(l)
		if err != nil {
			return err
		}
		if err := to.Encode(a); err != nil {
			return err
		}
	}
}

// webClients are connections, by the address of their server.
type webClients map[string][]*webConn

func (c webClients) do(l webLoad) (a webAnswer, err error) {
	if l.Clients == 0 {
		return a, a.send(l, c[l.Addr])
	}
	c.hangUp(l.Addr)
	for range l.Clients {
		conn, err := dialWeb(l.Addr)
		if err != nil {
			return a, err
		}
		c[l.Addr] = append(c[l.Addr], conn)
	}
	return a, nil
}

func (c webClients) hangUp(addr string) {
	for _, conn := range c[addr] {
		conn.Close()
	}
	delete(c, addr)
}

func (c webClients) close() {
	for addr := range c {
		c.hangUp(addr)
	}
}

// webConn is a connection that is kept. It does as little as can be for a request, and allocates nothing:
// it knows how long an answer is from the first one.
type webConn struct {
	net.Conn
	request, answer []byte
	took            []time.Duration
	err             error
}

func dialWeb(addr string) (*webConn, error) {
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	c := &webConn{Conn: nc, request: []byte("GET /users/7 HTTP/1.1\r\nHost: bench\r\n\r\n")}
	return c, c.first()
}

func (c *webConn) first() error {
	if _, err := c.Write(c.request); err != nil {
		return err
	}
	var whole strings.Builder
	resp, err := http.ReadResponse(bufio.NewReader(io.TeeReader(c, &whole)), nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("answer: %s", resp.Status)
	}
	c.answer = make([]byte, whole.Len())
	return nil
}

// send lets all connections send at the same time.
func (a *webAnswer) send(l webLoad, conns []*webConn) error {
	var sending sync.WaitGroup
	began := time.Now()
	for _, c := range conns {
		sending.Go(func() { c.err = c.send(began, l) })
	}
	sending.Wait()
	a.Took = time.Since(began)

	var all []time.Duration
	for _, c := range conns {
		if c.err != nil {
			return c.err
		}
		all = append(all, c.took...)
	}
	values := toSeconds(all)
	a.Requests = len(all)
	a.P50 = fromSeconds(quantile(values, 0.5))
	a.P99 = fromSeconds(quantile(values, 0.99))
	return nil
}

func (c *webConn) send(began time.Time, l webLoad) error {
	c.took = c.took[:0]
	for last := began; l.Each > len(c.took) || last.Sub(began) < l.For; {
		if _, err := c.Write(c.request); err != nil {
			return err
		}
		if _, err := io.ReadFull(c, c.answer); err != nil {
			return err
		}
		if string(c.answer[:len(webOK)]) != webOK {
			return fmt.Errorf("answer: %q", c.answer)
		}
		now := time.Now()
		c.took = append(c.took, now.Sub(last))
		last = now
	}
	return nil
}

const webOK = "HTTP/1.1 200 OK\r\n"

func fromSeconds(v float64) time.Duration { return time.Duration(v * float64(time.Second)) }
