package admin

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"tend.example/tend/supervise"
)

// setPolicy gives a service the policy in the body, and the defaults for what that does not name.
func (s *server) setPolicy(w http.ResponseWriter, r *http.Request, path string) {
	var policy supervise.Policy
	s.usePolicy(w, r, path, policy)
}

// changePolicy changes what the body names, and nothing else.
func (s *server) changePolicy(w http.ResponseWriter, r *http.Request, path string) {
	s.policies.Lock()
	defer s.policies.Unlock()
	policy, _, ok := s.policyOf(path)
	if !ok {
		s.noService(w, r, path)
		return
	}
	s.usePolicy(w, r, path, policy)
}

// policyOf is the policy at a path, to lay another one over, and to show. With "*" for the name it is that of the members of
// a pool.
func (s *server) policyOf(path string) (policy, shown supervise.Policy, ok bool) {
	pool, all := strings.CutSuffix(path, "/*")
	_, st, ok := s.find(pool)
	switch {
	case !all || !ok:
		return st.Policy, st.Policy, ok
	case st.MemberPolicy == nil:
		return policy, policy, false
	default:
		return *st.MemberPolicy, st.MemberPolicy.WithDefaults(), true
	}
}

// usePolicy lays the body over a policy, and sets that.
func (s *server) usePolicy(w http.ResponseWriter, r *http.Request, path string, policy supervise.Policy) {
	text, ok := stringBody(w, r)
	if !ok {
		return
	}
	note(r, "policy", path, slog.String("policy", clip(text)))
	if err := policy.UnmarshalText([]byte(text)); err != nil {
		fail(w, r, http.StatusBadRequest, err.Error())
		return
	}
	err := s.Tree.SetPolicy(path, policy)
	switch {
	case err == nil:
	case errors.Is(err, supervise.ErrNoChild), errors.Is(err, supervise.ErrNotServing), errors.Is(err, supervise.ErrStuck):
		refuse(w, r, err)
		return
	default: // it names the field
		fail(w, r, http.StatusBadRequest, err.Error())
		return
	}
	_, now, _ := s.policyOf(path)
	reply(w, http.StatusOK, now.String())
}

// stringBody is the JSON string that the body has to be.
func stringBody(w http.ResponseWriter, r *http.Request) (text string, ok bool) {
	if media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); media != "" && !strings.EqualFold(strings.TrimSpace(media), "application/json") {
		fail(w, r, http.StatusUnsupportedMediaType, "want application/json")
		return "", false
	}
	decoder := json.NewDecoder(r.Body)
	if err := decoder.Decode(&text); err != nil || decoder.More() {
		fail(w, r, http.StatusBadRequest, "want a JSON string")
		return "", false
	}
	return text, true
}

func (s *server) logLevel(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, strings.ToLower(s.LogLevel.Level().String()))
}

func (s *server) setLogLevel(w http.ResponseWriter, r *http.Request) {
	text, ok := stringBody(w, r)
	if !ok {
		return
	}
	note(r, "log-level", "", slog.String("level", clip(text)))
	if err := s.LogLevel.UnmarshalText([]byte(text)); err != nil {
		fail(w, r, http.StatusBadRequest, "want debug, info, warn or error")
		return
	}
	s.logLevel(w, r)
}
