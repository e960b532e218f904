package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"tend.example/tend/supervise"
)

// problem is an error as RFC 9457 has it. With the type about:blank the title is that of the status.
type problem struct {
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail"`
	Instance string `json:"instance"`
}

func fail(w http.ResponseWriter, r *http.Request, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	reply(w, status, problem{"about:blank", http.StatusText(status), status, detail, r.URL.EscapedPath()})
}

// refuse says what became of something that was asked of the tree.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusInternalServerError
	switch {
	case errors.Is(err, supervise.ErrNoChild):
		status = http.StatusNotFound
	case errors.Is(err, supervise.ErrNotServing), errors.Is(err, supervise.ErrStuck):
		status = http.StatusConflict
	case errors.Is(err, context.DeadlineExceeded):
		status = http.StatusGatewayTimeout
	}
	fail(w, r, status, fmt.Sprint(err)) // which survives an Error method that panics
}

// reply is v as JSON.
func reply(w http.ResponseWriter, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil { // a Detail is foreign, and what it has inside may change its mind
		status = http.StatusInternalServerError
		text, _ = json.Marshal(problem{"about:blank", http.StatusText(status), status, err.Error(), ""})
		w.Header().Set("Content-Type", "application/problem+json")
	}
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
	}
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // the client may be gone
}
