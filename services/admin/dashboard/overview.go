package dashboard

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"tend.example/tend/services/admin/journal"
	"tend.example/tend/supervise"
)

// overview is the first page.
type overview struct {
	frame
	Verdict verdict
	Counts  []stateCount
	Leaves  int
	Filter  filter
	Table   table
	Bad     []concern
	Warn    []concern
	Unseen  int // concerns that are not shown
	Picture picture
	Events  []journal.Entry
}

// verdict is all in one line.
type verdict struct {
	Tone, Icon, Text string
}

const (
	longestText = 200 // of what is looked for
	mostLatest  = 40  // events
	mostAsked   = 300 // services, for theirs
)

func (s *site) overview(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	st := s.Tree.Status()
	root := s.survey(&st, s.Tree, nil)
	page := overview{frame: s.frame(r, "overview"), Filter: filterOf(r.URL.Query())}
	page.Now = now
	page.Bad, page.Warn = concerns(root, now)
	page.Verdict = judge(root, len(page.Bad), len(page.Warn))
	page.Title = title(s.Tree.Name, len(page.Bad)+len(page.Warn))
	page.Counts, page.Leaves = counts(root, page.Filter)
	page.Table = s.lay(root, page.Filter, now, page.Viewer.Act)
	own := supervise.Path(r.Context())
	for i := range page.Table.Rows {
		warn(page.Table.Rows[i].Steer, own)
	}
	page.trim()
	page.Picture = draw(root)
	if s.Journal != nil {
		page.Events = s.latest(root)
	}
	s.show(w, http.StatusOK, "overview", page)
}

// trim leaves out concerns that nobody would read.
func (o *overview) trim() {
	all := len(o.Bad) + len(o.Warn)
	o.Bad = o.Bad[:min(len(o.Bad), mostWrong)]
	o.Warn = o.Warn[:min(len(o.Warn), mostWrong-len(o.Bad))]
	o.Unseen = all - len(o.Bad) - len(o.Warn)
}

// title begins with what is wrong, so that it is seen among other tabs.
func title(name string, wrong int) string {
	if wrong == 0 {
		return plain(name)
	}
	return "(" + number(wrong) + ") " + plain(name)
}

func filterOf(query url.Values) filter {
	f := filter{Text: strings.TrimSpace(query.Get("q")), State: query.Get("state")}
	if len(f.Text) > longestText {
		f.Text = f.Text[:longestText]
	}
	var state supervise.State
	if f.State != "wrong" && state.UnmarshalText([]byte(f.State)) != nil {
		f.State = ""
	}
	return f
}

// judge is the verdict on a tree.
func judge(root *node, bad, warn int) verdict {
	switch {
	case root.State == supervise.Stopping:
		return verdict{"busy", "stopping", "Stopping"}
	case root.State == supervise.Failed || root.State == supervise.Stuck:
		return verdict{"bad", "failed", "The program has failed"}
	case bad > 0 && warn > 0:
		return verdict{"bad", "failed", plural(bad, "service is down", "services are down") + ", " + plural(warn, "needs", "need") + " attention"}
	case bad > 0:
		return verdict{"bad", "failed", plural(bad, "service is down", "services are down")}
	case warn > 0:
		return verdict{"warn", "backoff", plural(warn, "service needs", "services need") + " attention"}
	case root.State == supervise.Starting:
		return verdict{"busy", "starting", "Starting"}
	case root.State != supervise.Running:
		return verdict{"rest", looksOf(root.State).Name, looksOf(root.State).Word}
	default:
		return calm(root.stopped(), root.paused())
	}
}

// calm is the verdict on a tree where nothing is wrong but what somebody has done, and may have forgotten.
func calm(stopped, paused int) verdict {
	var parts []string
	if stopped > 0 {
		parts = append(parts, plural(stopped, "service is stopped", "services are stopped"))
	}
	if paused > 0 {
		parts = append(parts, plural(paused, "job is paused", "jobs are paused"))
	}
	switch {
	case stopped > 0:
		return verdict{"rest", "stopped", "Nothing has failed; " + strings.Join(parts, ", ")}
	case paused > 0:
		return verdict{"rest", "paused", "Nothing has failed; " + strings.Join(parts, ", ")}
	default:
		return verdict{"good", "running", "All is well"}
	}
}

// paused is how many jobs run none of their own accord.
func (n *node) paused() (sum int) {
	n.each(func(n *node) { sum += int(n.Detail.Paused) })
	return sum
}

// stopped is how many services somebody has stopped, each with all below it.
func (n *node) stopped() (sum int) {
	if n.State == supervise.Stopped {
		return 1
	}
	if n.IsPool() {
		return n.Counts[supervise.Stopped]
	}
	for _, kid := range n.Kids {
		sum += kid.stopped()
	}
	return sum
}

// counts are how many are in each state, and where to see which.
func counts(root *node, f filter) (list []stateCount, leaves int) {
	found := census(root)
	for _, state := range states() {
		n := found[state]
		leaves += n
		if n == 0 && state != supervise.Running {
			continue
		}
		c := stateCount{State: state, N: n, On: f.State == state.String()}
		query := url.Values{}
		if !c.On {
			query.Set("state", state.String())
		}
		if f.Text != "" {
			query.Set("q", f.Text)
		}
		c.URL = "/"
		if len(query) > 0 {
			c.URL += "?" + query.Encode()
		}
		list = append(list, c)
	}
	return list, leaves
}

// latest is what happened last. The coming and going of members of pools would hide all else, so of those only
// failures are told, and each of the others is asked for its own.
func (s *site) latest(root *node) []journal.Entry {
	known, asked := map[uint64]journal.Entry{}, 0
	pools := map[string]bool{}
	root.each(func(n *node) {
		if n.IsPool() {
			pools[n.Path] = true
		}
		if member := n.above != nil && n.above.IsPool(); !member && asked < mostAsked {
			asked++
			for _, e := range s.Journal.Recent(n.Path, mostLatest/2) {
				known[e.ID] = e
			}
		}
	})
	for _, e := range s.Journal.Recent("", 1000) {
		if member := pools[e.Path[:max(0, strings.LastIndexByte(e.Path, '/'))]]; !member || e.Err != nil {
			known[e.ID] = e
		}
	}
	list := slices.SortedFunc(maps.Values(known), func(a, b journal.Entry) int { return cmp.Compare(b.ID, a.ID) })
	return list[:min(len(list), mostLatest)]
}

func newestFirst(entries []journal.Entry) []journal.Entry {
	for i, j := 0, len(entries)-1; i < j; i, j = i+1, j-1 {
		entries[i], entries[j] = entries[j], entries[i]
	}
	return entries
}
