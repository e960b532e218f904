package dashboard_test

import (
	"context"
	"errors"
	"html"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"tend.example/tend/services/admin/dashboard"
	"tend.example/tend/services/admin/journal"
	"tend.example/tend/supervise"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shown is a tree that is served in a bubble, and its dashboard.
type shown struct {
	t    *testing.T
	tree *supervise.Group
	page http.Handler
	ctx  context.Context // of a request
}

// serve serves children, until the test ends, and lets a dashboard show them.
func serve(t *testing.T, change func(*dashboard.Dashboard), children ...supervise.Child) *shown {
	t.Helper()
	var events journal.Journal
	tree := &supervise.Group{Name: "tend", Children: children, OnEvent: events.Observe}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = tree.Serve(ctx) // how it ends is for other tests
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	d := dashboard.Dashboard{Tree: tree, Journal: &events, Version: "v1"}
	if change != nil {
		change(&d)
	}
	synctest.Wait()
	return &shown{t, tree, d.Handler(), t.Context()}
}

// ask is the answer to a request.
func (s *shown) ask(method, target string, header ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	r := httptest.NewRequestWithContext(s.ctx, method, target, http.NoBody)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.page.ServeHTTP(w, r)
	return w
}

// get is a page, which has to be there.
func (s *shown) get(target string) string {
	s.t.Helper()
	w := s.ask(http.MethodGet, target)
	if w.Code != http.StatusOK {
		s.t.Fatalf("GET %s: got %d %s, want 200", target, w.Code, w.Body)
	}
	return w.Body.String()
}

var (
	tags   = regexp.MustCompile(`<[^>]*>`)
	spaces = regexp.MustCompile(`\s+`)
)

// text is what is to be read in a piece of a page.
func text(page string) string {
	return strings.TrimSpace(spaces.ReplaceAllString(html.UnescapeString(tags.ReplaceAllString(page, " ")), " "))
}

// rowOf is what is to be read in the row of a service.
func (s *shown) rowOf(page, path string) string {
	s.t.Helper()
	_, row, ok := strings.Cut(page, `data-key="`+html.EscapeString(path)+`" data-state=`)
	if !ok {
		s.t.Fatalf("there is no row of %s in %s", path, text(page))
	}
	row, _, _ = strings.Cut(row, "</tr>")
	_, row, _ = strings.Cut(row, ">")
	return text(row)
}

// wants tells which of the texts are not there.
func (s *shown) wants(page string, texts ...string) {
	s.t.Helper()
	for _, want := range texts {
		if !strings.Contains(page, want) {
			s.t.Errorf("there is no %q in:\n%s", want, page)
		}
	}
}

// wantsNone tells which of the texts are there.
func (s *shown) wantsNone(page string, texts ...string) {
	s.t.Helper()
	for _, not := range texts {
		if strings.Contains(page, not) {
			s.t.Errorf("there is %q in:\n%s", not, page)
		}
	}
}

func idle(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// fails fails with an error, at once.
func fails(text string) supervise.Func {
	return func(context.Context) error { return errors.New(text) }
}

// told is a service that tells something of itself.
type told struct {
	supervise.Func
	detail func() any
}

func (d told) Detail() any { return d.detail() }

// slowly waits that long before it tries again.
func slowly(d time.Duration) supervise.Policy {
	return supervise.Policy{MinBackoff: d, MaxBackoff: d}
}
