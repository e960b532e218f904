package admin

import (
	_ "embed"
	"net/http"
)

//go:embed openapi.json
var document []byte //nolint:gochecknoglobals // go:embed knows no other place

// openapi is the description of all this. A test holds it against the routes.
func openapi(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(document) // the client may be gone
}
