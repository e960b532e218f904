package services

import (
	"io"
	"net/http"
	"reflect"
	"strings"
)

// boundedBody is the type of what http.MaxBytesReader makes. That one tells net/http's own writer, and no other, that
// nobody wants the rest of a body that is too large: without being told, net/http waits for it before it answers.
var boundedBody = reflect.TypeOf(http.MaxBytesReader(nil, http.NoBody, 0)) //nolint:gochecknoglobals // it never changes

// refuseRest tells net/http that the rest of the body is not wanted.
func (r *reply) refuseRest() {
	tooMuch := io.NopCloser(strings.NewReader("x"))
	_, _ = http.MaxBytesReader(r.ResponseWriter, tooMuch, 0).Read(make([]byte, 1)) // it is to fail
}

// isBeyondBound tells whether more has been read of a body than its handler allowed.
func isBeyondBound(body io.Reader) bool {
	if reflect.TypeOf(body) != boundedBody {
		return false
	}
	_, err := body.Read(nil)               // it reads nothing, and repeats how it failed
	_, beyond := err.(*http.MaxBytesError) //nolint:errorlint // it is the very one
	return beyond
}
