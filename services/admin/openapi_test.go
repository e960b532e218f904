package admin_test

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http/httptest"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tend.example/tend/services/admin"
	"tend.example/tend/supervise"
)

// schema is what the document says of a value, as far as ours says anything.
type schema struct {
	Ref                  string `json:"$ref"`
	Type                 string
	Enum                 []any
	Required             []string
	Properties           map[string]*schema
	AdditionalProperties any
	Items                *schema
	AnyOf, OneOf         []*schema
}

// contract is what the document says of answers.
type contract struct {
	Paths map[string]map[string]struct {
		Responses map[string]struct {
			Ref     string `json:"$ref"`
			Content map[string]struct{ Schema *schema }
		}
	}
	Components struct{ Schemas map[string]*schema }
}

// fault is what is wrong with a value by its schema, or "".
func (c *contract) fault(s *schema, v any, at string) string {
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		s = c.Components.Schemas[name]
	}
	fits := 0
	for _, one := range slices.Concat(s.AnyOf, s.OneOf) {
		if c.fault(one, v, at) == "" {
			fits++
		}
	}
	kind := map[reflect.Kind]string{reflect.Map: "object", reflect.Slice: "array", reflect.String: "string", reflect.Float64: "number", reflect.Bool: "boolean"}[reflect.ValueOf(v).Kind()]
	switch {
	case len(s.AnyOf) > 0 && fits == 0, len(s.OneOf) > 0 && fits != 1:
		return fmt.Sprintf("%s: fits %d of the alternatives", at, fits)
	case s.Type != "" && s.Type != kind && (s.Type != "integer" || kind != "number"):
		return fmt.Sprintf("%s: got %s, want %s", at, kind, s.Type)
	case s.Enum != nil && !slices.Contains(s.Enum, v):
		return fmt.Sprintf("%s: got %v, want one of %v", at, v, s.Enum)
	case s.Type == "object":
		return c.faultOfObject(s, v.(map[string]any), at)
	case s.Type == "array":
		for i, item := range v.([]any) {
			if fault := c.fault(s.Items, item, fmt.Sprint(at, "/", i)); fault != "" {
				return fault
			}
		}
	}
	return ""
}

func (c *contract) faultOfObject(s *schema, v map[string]any, at string) string {
	for _, name := range s.Required {
		if _, ok := v[name]; !ok {
			return at + ": lacks " + name
		}
	}
	for name, part := range v {
		known := s.Properties[name]
		if known == nil && s.AdditionalProperties == nil {
			return at + ": " + name + " is not in the document"
		}
		if known == nil {
			continue
		}
		if fault := c.fault(known, part, at+"/"+name); fault != "" {
			return fault
		}
	}
	return ""
}

// check holds an answer against the operation that has given it.
func (c *contract) check(method, path string, w *httptest.ResponseRecorder) string {
	responses := c.Paths[path][strings.ToLower(method)].Responses
	response, ok := responses[strconv.Itoa(w.Code)]
	if !ok && w.Code < 400 {
		return "the document has no such status"
	}
	media, _, _ := mime.ParseMediaType(w.Header().Get("Content-Type"))
	var expected *schema
	if content, has := response.Content[media]; has {
		expected = content.Schema
	} else if media == "application/problem+json" && (!ok || response.Ref != "") {
		expected = c.Components.Schemas["Problem"]
	} else {
		return "the document has no " + media
	}
	if !strings.HasSuffix(media, "json") {
		return ""
	}
	var v any
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		return err.Error()
	}
	return c.fault(expected, v, "")
}

func TestAnswersAreWhatTheDocumentSays(t *testing.T) {
	j := &byHand{takes: time.Second}
	inBubble(t, func(v *admin.View) {
		v.Pprof = true
		v.Drill = func(string, string) error { return nil }
	}, func(t *testing.T, s *side) {
		var c contract
		_, text := ask(s.handler, "GET", "/api/v1/openapi.json")
		if err := json.Unmarshal([]byte(text), &c); err != nil {
			t.Fatal(err)
		}
		const of = "/api/v1/services/{path}"
		for _, r := range []struct {
			method, path, with, body string
			status                   int
		}{
			{"GET", "/livez", "", "", 200},
			{"GET", "/readyz", "", "", 503},
			{"GET", "/readyz", "?verbose", "", 503},
			{"GET", "/readyz/{path}", "hello", "", 200},
			{"GET", "/readyz/{path}", "flaky", "", 503},
			{"GET", "/readyz/{path}", "nobody", "", 404},
			{"GET", "/api/v1/info", "", "", 200},
			{"GET", "/api/v1/tree", "", "", 200},
			{"GET", "/api/tree", "", "", 200},
			{"GET", "/api/v1/events", "", "", 200},
			{"GET", "/api/v1/logs", "", "", 200},
			{"GET", of, "flaky", "", 200},
			{"GET", of, "tend", "", 200},
			{"GET", of, "nobody", "", 404},
			{"POST", of + "/restart", "hello", "", 200},
			{"POST", of + "/restart", "nobody", "", 404},
			{"POST", of + "/stop", "hello", "", 200},
			{"POST", of + "/stop", "tend", "", 409},
			{"POST", of + "/start", "hello", "", 200},
			{"POST", of + "/start", "flaky", "", 500},
			{"POST", of + "/reset", "flaky", "", 200},
			{"PUT", of + "/policy", "hello", `"restart=never"`, 200},
			{"PATCH", of + "/policy", "hello", `7`, 400},
			{"POST", of + "/trigger", "job", "", 202},
			{"POST", of + "/pause", "job", "", 200},
			{"POST", of + "/cancel", "job", "", 200},
			{"GET", of + "/next", "job", "", 200},
			{"GET", of + "/goroutines", "hello", "", 200},
			{"GET", "/api/v1/goroutines", "", "", 200},
			{"GET", "/api/v1/log-level", "", "", 200},
			{"PUT", "/api/v1/log-level", "", `"loud"`, 400},
			{"POST", of + "/drill", "hello", "", 202},
			{"POST", "/api/drill/{path}", "hello", "", 202},
			{"GET", "/debug/pprof/", "", "", 200},
			{"GET", "/debug/pprof/{name}", "heap", "", 200},
			{"GET", "/debug/pprof/{name}", "heap?debug=1", "", 200},
			{"GET", "/debug/pprof/{name}", "nothing", "", 404},
		} {
			target := strings.NewReplacer("{path}", r.with, "{name}", r.with).Replace(r.path)
			if target == r.path {
				target += r.with
			}
			request := httptest.NewRequest(r.method, target, strings.NewReader(r.body))
			request.Host = "localhost"
			w := httptest.NewRecorder()
			s.handler.ServeHTTP(w, request)
			if fault := c.check(r.method, r.path, w); fault != "" || w.Code != r.status {
				t.Errorf("%s %s: got %d, want %d; %s: %s", r.method, target, w.Code, r.status, fault, w.Body)
			}
		}
	}, hello(), flaky(), supervise.Child{Name: "job", Service: j})
}
