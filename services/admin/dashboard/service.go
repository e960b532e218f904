package dashboard

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"tend.example/tend/services/admin/journal"
	"tend.example/tend/supervise"
)

const (
	mostEvents = 100
	mostErrors = 10
	mostTimes  = 5
)

// servicePage is the page of a service.
type servicePage struct {
	frame
	Node    *node
	Why     concern
	Actions []action
	Drills  []action
	Policy  []setting
	Members []setting // the policy of a pool's members
	Events  []journal.Entry
	Errors  []failure
	Table   table // of what is below it
	Filter  filter
	Job     *jobPart
	HTTP    *httpPart
	Serves  bool // this page
}

// missing is the page of a service that does not exist.
type missing struct {
	frame
	Path   string
	Events []journal.Entry
}

// failure is an error that a service had.
type failure struct {
	Text  string
	Stack string // of the last one
	At    time.Time
	Times int
	Run   int
}

func (s *site) service(w http.ResponseWriter, r *http.Request) {
	path, err := url.PathUnescape(strings.TrimPrefix(r.URL.EscapedPath(), "/services/"))
	if err != nil || path == "" {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	now := time.Now()
	st := s.Tree.Status()
	root := s.survey(&st, s.Tree, nil)
	n := s.find(root, path)
	if n == nil {
		n = s.find(root, s.Tree.Name+"/"+path)
	}
	if n == nil {
		page := missing{frame: s.frame(r, "missing"), Path: path, Events: s.events(path, false)}
		page.Title = "No such service"
		s.show(w, http.StatusNotFound, "missing", page)
		return
	}
	page := servicePage{frame: s.frame(r, "service"), Node: n, Filter: filterOf(r.URL.Query())}
	page.Now = now
	page.Title = plain(n.Name) + ": " + looksOf(n.State).Name
	page.Why.node = n
	page.Why.Tone, page.Why.Why = n.wrong(now)
	own := supervise.Path(r.Context())
	page.Serves = own == n.Path
	page.Events = s.events(n.Path, len(n.Kids) > 0)
	page.Errors = s.failures(n, page.Events)
	if !n.IsRoot() {
		page.Policy = settingsOf(n.Policy)
	}
	if n.MemberPolicy != nil {
		page.Members = settingsOf(n.MemberPolicy.WithDefaults())
	}
	if page.Viewer.Act {
		page.Actions = warn(n.actions(), own)
		if s.Drill && n.service != nil {
			page.Drills = n.drills()
		}
	}
	if len(n.Kids) > 0 || n.IsPool() {
		page.Table = s.lay(n, page.Filter, now, page.Viewer.Act)
		page.Table.Rows = page.Table.below()
	}
	page.Job, page.HTTP = s.jobPart(n, now), s.httpPart(n, now)
	s.show(w, http.StatusOK, "service", page)
}

// below leaves out the first row, which is the service itself.
func (t *table) below() []row {
	if len(t.Rows) == 0 {
		return nil
	}
	if t.Rows[0].Match {
		t.Found--
	}
	return t.Rows[1:]
}

// events are those of a path, and of what is below it, the newest first.
func (s *site) events(path string, below bool) []journal.Entry {
	if s.Journal == nil {
		return nil
	}
	if !below {
		return newestFirst(s.Journal.Recent(path, mostEvents))
	}
	var kept []journal.Entry
	for _, e := range newestFirst(s.Journal.Recent("", 1000)) {
		if (e.Path == path || strings.HasPrefix(e.Path, path+"/")) && len(kept) < mostEvents {
			kept = append(kept, e)
		}
	}
	return kept
}

// failures are the last errors of a service, each once, the newest first.
func (s *site) failures(n *node, events []journal.Entry) []failure {
	var list []failure
	known := map[string]int{}
	add := func(e journal.Entry) {
		text := e.Err.Error()
		if i, ok := known[text]; ok {
			list[i].Times++
			return
		}
		if len(list) < mostErrors {
			known[text] = len(list)
			list = append(list, failure{Text: text, Stack: e.Stack, At: e.Time, Times: 1, Run: e.Run})
		}
	}
	for _, e := range events {
		if e.Err != nil && e.Path == n.Path {
			add(e)
		}
	}
	if s.Journal == nil {
		return list
	}
	if last, ok := s.Journal.LastError(n.Path); ok { // it may be older than all of them
		if i, ok := known[last.Err.Error()]; ok {
			list[i].Stack = last.Stack
		} else {
			add(last)
		}
	}
	return list
}

// setting is a key of a policy.
type setting struct {
	Key, Value, About string
	Choices           []string // all there are; none: it is a text
}

// settingsOf are all keys of a policy, those that have their default too.
func settingsOf(p supervise.Policy) []setting {
	list := []setting{
		{"restart", "always", "after which ends of a run another follows", []string{"always", "on-failure", "never"}},
		{"backoff", "none", "delay before a restart: it doubles from the first to the second", nil},
		{"reset", "none", "a run this long forgets the failures before it", nil},
		{"limit", "none", "more restarts within the window, and it is given up", nil},
		{"start", "retry", "what a failure before it was ever ready means", []string{"retry", "fail"}},
		{"start-timeout", "none", "how long it may take to be ready", nil},
		{"stop-timeout", "none", "how long it may take to stop", nil},
		{"heartbeat", "none", "longest silence of a service that says that it is alive", nil},
		{"panic", "restart", "whether a panic is a failed run, or ends the program", []string{"restart", "crash"}},
	}
	for part := range strings.SplitSeq(p.String(), ",") {
		key, value, _ := strings.Cut(part, "=")
		for i := range list {
			if list[i].Key == key {
				list[i].Value = value
			}
		}
		if key == "limit" && strings.HasPrefix(value, "none/") { // a window of nothing
			list[3].Value = "none"
		}
	}
	return list
}
