package loadtest

import (
	"io"
	"net/http"
	"strconv"
	"time"
)

const (
	streamChunks = 10
	streamEnd    = "end"

	// Why an event stream has ended.
	endedInTime   = "time"
	endedByDrain  = "drain"
	longestAnswer = time.Minute
)

// Handler answers what the clients send: /hello, /echo, /long, /stream, /events and /ws. The last two
// end early, in the proper way, when the channel is closed that draining returns for the request;
// with services.HTTP that is
//
//	func(r *http.Request) <-chan struct{} { return services.Draining(r.Context()) }
//
// nil: nothing ends early. No answer takes more than a minute.
func Handler(draining func(*http.Request) <-chan struct{}) http.Handler {
	if draining == nil {
		draining = func(*http.Request) <-chan struct{} { return nil }
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hello", answerHello)
	mux.HandleFunc("POST /echo", answerEcho)
	mux.HandleFunc("GET /long", answerLong)
	mux.HandleFunc("GET /stream", answerStream)
	mux.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) { answerEvents(w, r, draining(r)) })
	mux.HandleFunc("GET /ws", func(w http.ResponseWriter, r *http.Request) { answerWebSocket(w, r, draining(r)) })
	return mux
}

func answerHello(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	io.WriteString(w, "hello "+r.URL.RawQuery)
}

func answerEcho(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, longestBody))
	if err != nil {
		panic(http.ErrAbortHandler) // there is nothing complete to be answered
	}
	w.Header().Set("Content-Type", "text/plain")
	_, _ = w.Write(body) // to a client that may be gone
}

// hold is how long the client wants it to take.
func hold(r *http.Request) time.Duration {
	d, err := time.ParseDuration(r.URL.Query().Get("for"))
	if err != nil {
		return defaultHold
	}
	return min(d, longestAnswer)
}

func answerLong(w http.ResponseWriter, r *http.Request) {
	sleep(r, hold(r))
	w.Header().Set("Content-Type", "text/plain")
	io.WriteString(w, "long "+r.URL.Query().Get("n"))
}

// sleep cuts the connection when the request is not to be finished: to return would make a complete
// answer of it.
func sleep(r *http.Request, d time.Duration) {
	wait(r.Context(), d)
	if r.Context().Err() != nil {
		panic(http.ErrAbortHandler)
	}
}

func answerStream(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain")
	chunk, gap := streamChunk(r.URL.Query().Get("n")), hold(r)/streamChunks
	flusher := http.NewResponseController(w)
	for range streamChunks {
		io.WriteString(w, chunk)
		flusher.Flush()
		sleep(r, gap)
	}
	io.WriteString(w, streamEnd)
}

func streamChunk(n string) string { return "chunk of " + n + "\n" }

func answerEvents(w http.ResponseWriter, r *http.Request, draining <-chan struct{}) {
	w.Header().Set("Content-Type", "text/event-stream")
	number := r.URL.Query().Get("n")
	end := time.NewTimer(hold(r))
	defer end.Stop()
	tick := time.NewTicker(messageGap)
	defer tick.Stop()
	flusher := http.NewResponseController(w)
	for n := 0; ; n++ {
		io.WriteString(w, event(n, number))
		flusher.Flush()
		select {
		case <-tick.C:
		case <-draining:
			io.WriteString(w, finalEvent(endedByDrain))
			return
		case <-end.C:
			io.WriteString(w, finalEvent(endedInTime))
			return
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		}
	}
}

func event(n int, number string) string { return "data: " + strconv.Itoa(n) + " of " + number + "\n\n" }

func finalEvent(why string) string { return "event: end\ndata: " + why + "\n\n" }
