package admin

import (
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"tend.example/tend/services/admin/journal"
	"tend.example/tend/supervise"
)

// deed answers what is asked of the service at a path.
type deed func(w http.ResponseWriter, r *http.Request, path string)

// deeds is what can be done, by verb and method.
func (s *server) deeds() map[string]map[string]deed {
	post := func(d deed) map[string]deed { return map[string]deed{http.MethodPost: d} }
	get := func(d deed) map[string]deed { return map[string]deed{http.MethodGet: d} }
	deeds := map[string]map[string]deed{
		"restart":    post(s.steer("restart", s.Tree.Restart)),
		"stop":       post(s.steer("stop", s.Tree.Stop)),
		"start":      post(s.steer("start", s.Tree.Start)),
		"reset":      post(s.reset),
		"policy":     {http.MethodPut: s.setPolicy, http.MethodPatch: s.changePolicy},
		"trigger":    post(s.trigger),
		"pause":      post(s.byHand("pause", job.Pause)),
		"resume":     post(s.byHand("resume", job.Resume)),
		"cancel":     post(s.cancel),
		"next":       get(s.next),
		"goroutines": get(s.goroutinesOf),
	}
	if s.Drill != nil {
		deeds["drill"] = post(s.drill)
	}
	return deeds
}

// service is all below /api/v1/services/. If what follows is the path of a service it is about that, otherwise its
// last segment is what is to be done.
func (s *server) service(w http.ResponseWriter, r *http.Request) {
	whole, st, ok := s.lookUp(r, servicesPrefix)
	if ok {
		if r.Method != http.MethodGet {
			notAllowed(w, r, http.MethodGet)
			return
		}
		s.show(w, st)
		return
	}
	asked := rest(r, servicesPrefix)
	cut := max(0, strings.LastIndexByte(asked, '/'))
	byMethod, ok := s.verbs[strings.TrimPrefix(asked[cut:], "/")]
	if !ok || cut == 0 {
		s.noService(w, r, whole)
		return
	}
	do, ok := byMethod[r.Method]
	if !ok {
		notAllowed(w, r, slices.Sorted(maps.Keys(byMethod))...)
		return
	}
	path, _, _ := s.find(asked[:cut]) // the tree knows members that the status does not show
	do(w, r, path)
}

func notAllowed(w http.ResponseWriter, r *http.Request, methods ...string) {
	w.Header().Set("Allow", strings.Join(methods, ", "))
	fail(w, r, http.StatusMethodNotAllowed, "allowed here: "+strings.Join(methods, ", "))
}

// serviceView is a service with what happened to it.
type serviceView struct {
	Status    supervise.Status `json:"status"`
	Policy    string           `json:"policy,omitzero"`
	Events    []journal.Entry  `json:"events"`
	LastError *journal.Entry   `json:"last_error,omitzero"`
	Actions   []string         `json:"actions"` // what it can be asked to do
}

func (s *server) show(w http.ResponseWriter, st supervise.Status) {
	view := serviceView{Status: st, Events: []journal.Entry{}, Actions: s.actions(&st)}
	if st.Path != s.Tree.Name {
		view.Policy = st.Policy.String()
	}
	if s.Journal != nil {
		view.Events = append(view.Events, s.Journal.Recent(st.Path, 100)...)
		if last, ok := s.Journal.LastError(st.Path); ok {
			view.LastError = &last
		}
	}
	reply(w, http.StatusOK, view)
}

// actions is what a service can be asked to do. The root is the program itself: whoever wants that to end ends it.
func (s *server) actions(st *supervise.Status) []string {
	actions := []string{}
	if st.Path == s.Tree.Name {
		return actions
	}
	actions = append(actions, "restart", "stop", "start", "reset", "policy")
	service := serviceAt(s.Tree, st.Path)
	if _, ok := jobIn(service); ok {
		actions = append(actions, "trigger", "pause", "resume", "cancel")
	}
	if s.Drill != nil && service != nil && st.Children == nil && st.Counts == nil {
		actions = append(actions, "drill")
	}
	return actions
}

// info is what a client wants to know first.
func (s *server) info(w http.ResponseWriter, r *http.Request) {
	info := struct {
		Root     string    `json:"root"`
		Version  string    `json:"version"`
		Started  time.Time `json:"started,omitzero"`
		PID      int       `json:"pid"`
		Boot     string    `json:"boot"` // begins the IDs of events
		Role     string    `json:"role"`
		Drill    bool      `json:"drill"`
		Pprof    bool      `json:"pprof"`
		LogLevel string    `json:"log_level,omitzero"`
	}{
		Root: s.Tree.Name, Version: s.Version, Started: s.started, PID: os.Getpid(), Boot: s.boot,
		Role: viewerOf(r).role.String(), Drill: s.Drill != nil, Pprof: s.Pprof,
	}
	if s.LogLevel != nil {
		info.LogLevel = strings.ToLower(s.LogLevel.Level().String())
	}
	reply(w, http.StatusOK, info)
}

func (s *server) tree(w http.ResponseWriter, r *http.Request) {
	root, ok := s.asker.status()
	if !ok {
		fail(w, r, http.StatusServiceUnavailable, "the tree does not answer")
		return
	}
	reply(w, http.StatusOK, root)
}
