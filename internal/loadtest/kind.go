package loadtest

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Kind is what a client sends, and over what kind of connection.
type Kind int

// All there are.
const (
	KeepAlive   Kind = iota // GET after GET on one connection
	NewConn                 // GET, each on a connection of its own
	Post                    // POST after POST on one connection; the answer has to be the body
	NewConnPost             // POST, each on a connection of its own
	Halves                  // POST whose header comes in two parts and whose body is late, on one connection
	Long                    // GET whose answer takes Hold to begin
	Stream                  // GET whose answer comes in chunks for Hold, and has to be complete
	SSE                     // GET answered by server-sent events for Hold, up to a final one
	WebSocket               // session with an echo every few milliseconds for Hold; the server may end it with a close frame
	H2                      // GET over HTTP/2, four clients to a connection; so are those below
	H2Post                  // POST over HTTP/2
	H2Long                  // Long over HTTP/2
	H2Stream                // Stream over HTTP/2
	H2SSE                   // SSE over HTTP/2

	kinds // their number
)

// Kinds returns all of them.
func Kinds() []Kind {
	all := make([]Kind, kinds)
	for i := range all {
		all[i] = Kind(i)
	}
	return all
}

// String returns the name of the kind, such as "keep-alive".
func (k Kind) String() string {
	if k < 0 || k >= kinds {
		return fmt.Sprintf("Kind(%d)", int(k))
	}
	return k.spec().name
}

// ParseKind returns the kind of that name.
func ParseKind(name string) (Kind, error) {
	for _, k := range Kinds() {
		if k.String() == name {
			return k, nil
		}
	}
	return 0, fmt.Errorf("no kind of load %q", name)
}

type protocol int

const (
	http1 protocol = iota
	http2
	websocket
)

// spec is what tells one kind from another.
type spec struct {
	name     string
	protocol protocol
	once     bool // a connection is for one request
	halves   bool // the request is sent in three pieces
	long     bool // Hold is part of the time it takes
	exchange func(hold time.Duration, n string) exchange
}

func (k Kind) spec() spec {
	return [kinds]spec{
		KeepAlive:   {name: "keep-alive", exchange: hello},
		NewConn:     {name: "new-conn", exchange: hello, once: true},
		Post:        {name: "post", exchange: echo},
		NewConnPost: {name: "new-conn-post", exchange: echo, once: true},
		Halves:      {name: "halves", exchange: echo, halves: true},
		Long:        {name: "long", exchange: late, long: true},
		Stream:      {name: "stream", exchange: stream, long: true},
		SSE:         {name: "sse", exchange: events, long: true},
		WebSocket:   {name: "websocket", protocol: websocket, long: true},
		H2:          {name: "h2", protocol: http2, exchange: hello},
		H2Post:      {name: "h2-post", protocol: http2, exchange: echo},
		H2Long:      {name: "h2-long", protocol: http2, exchange: late, long: true},
		H2Stream:    {name: "h2-stream", protocol: http2, exchange: stream, long: true},
		H2SSE:       {name: "h2-sse", protocol: http2, exchange: events, long: true},
	}[k]
}

// exchange is one request, and what is to come back.
type exchange struct {
	method, target, body string

	// read reads the body of a 200 to its end. An answer that is complete but not the right one is
	// a wrongError; any other error is the reader's own.
	read func(body io.Reader) (drained bool, err error)
}

// wrongError says what is wrong with an answer.
type wrongError string

func (e wrongError) Error() string { return string(e) }

// number names a request, so that an answer meant for another one is found out.
func number(client, request int) string {
	return strconv.Itoa(client) + "." + strconv.Itoa(request)
}

func hello(_ time.Duration, n string) exchange {
	return exchange{method: http.MethodGet, target: "/hello?" + n, read: exactly("hello " + n)}
}

func echo(_ time.Duration, n string) exchange {
	body := n + strings.Repeat(" and on", 150)
	return exchange{method: http.MethodPost, target: "/echo?" + n, body: body, read: exactly(body)}
}

func late(hold time.Duration, n string) exchange {
	return exchange{method: http.MethodGet, target: held("/long", hold, n), read: exactly("long " + n)}
}

func stream(hold time.Duration, n string) exchange {
	want := strings.Repeat(streamChunk(n), streamChunks) + streamEnd
	return exchange{method: http.MethodGet, target: held("/stream", hold, n), read: exactly(want)}
}

func events(hold time.Duration, n string) exchange {
	return exchange{method: http.MethodGet, target: held("/events", hold, n), read: eventsOf(n)}
}

func held(path string, hold time.Duration, n string) string {
	return path + "?for=" + hold.String() + "&n=" + n
}

// longestBody is more than any answer has.
const longestBody = 1 << 20

func exactly(want string) func(io.Reader) (bool, error) {
	return func(body io.Reader) (bool, error) {
		got, err := readAll(body)
		if err == nil && got != want {
			err = wrongError(fmt.Sprintf("body: got %s, want %s", abridged(got), abridged(want)))
		}
		return false, err
	}
}

func readAll(body io.Reader) (string, error) {
	text, err := io.ReadAll(io.LimitReader(body, longestBody))
	return string(text), err
}

// abridged quotes text, or its beginning.
func abridged(text string) string {
	const most = 60
	if len(text) <= most {
		return strconv.Quote(text)
	}
	return fmt.Sprintf("%q... (%d bytes)", text[:most], len(text))
}

// eventsOf reads server-sent events, counted from 0, up to the final one and the end after it.
func eventsOf(number string) func(io.Reader) (bool, error) {
	return func(body io.Reader) (drained bool, err error) {
		text, err := readAll(body) // to the end, for one that is cut is cut, whatever it said before
		if err != nil {
			return false, err
		}
		events, more := 0, true
		for more {
			if text, more = strings.CutPrefix(text, event(events, number)); more {
				events++
			}
		}
		switch text {
		case finalEvent(endedInTime):
			return false, nil
		case finalEvent(endedByDrain):
			return true, nil
		default:
			return false, wrongError(fmt.Sprintf("after %d events: got %s, want the next or the final one", events, abridged(text)))
		}
	}
}
