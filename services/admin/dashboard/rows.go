package dashboard

import (
	"strconv"
	"strings"
	"time"

	"tend.example/tend/supervise"
)

const (
	mostRows    = 400 // of a table
	mostMembers = 20  // of a pool, where nobody looks for more
	mostFound   = 100 // members of a pool that match
	indent      = 20  // pixels a level
	elbow       = 19  // where the line of a row branches off, from its top
)

// filter is what somebody wants to see.
type filter struct {
	Text  string // in the path, the kind or the error
	State string // of a state, or "wrong"
}

func (f filter) any() bool { return f.Text != "" || f.State != "" }

// matches tells whether a node is what is looked for.
func (f filter) matches(n *node, now time.Time) bool {
	if f.State == "wrong" {
		if tone, _ := n.wrong(now); tone == "" {
			return false
		}
	} else if f.State != "" && n.State.String() != f.State {
		return false
	}
	text := strings.ToLower(f.Text)
	for _, in := range []string{n.Path, n.Kind, n.Err} {
		if strings.Contains(strings.ToLower(in), text) {
			return true
		}
	}
	return false
}

// row is a line of the table.
type row struct {
	*node
	Match  bool // false: it is there to show where others are
	Indent int
	Lines  []line
	More   int    // that are left out below it
	Rate   string // of an HTTP service
	Steer  []action
	Now    time.Time
}

// Depth is the class of rows that are as deep.
func (r row) Depth() string { return "d" + strconv.Itoa(min(r.Indent/indent, 6)) }

// line is a part of the picture at the left of a row. Heights are in percent of the row, or in pixels.
type line struct{ X1, Y1, X2, Y2 string }

// table is rows, as far as they are to be shown.
type table struct {
	Rows  []row
	Found int // rows that match
	Cut   int // that are left out
}

// lay makes the rows below a root of what a filter lets through.
func (s *site) lay(root *node, f filter, now time.Time, acts bool) table {
	l := layout{site: s, filter: f, now: now, acts: acts}
	top := l.keep(root)
	if top != nil {
		l.place(top, nil)
	}
	return l.table
}

type layout struct {
	site   *site
	filter filter
	now    time.Time
	acts   bool
	table  table
}

// kept is a node that is kept, because it matches or something below it does.
type kept struct {
	node  *node
	match bool
	kids  []*kept
	more  int
}

func (l *layout) keep(n *node) *kept {
	b := &kept{node: n, match: l.filter.matches(n, l.now)}
	kids := n.Kids
	if n.IsPool() {
		kids, b.more = l.members(n)
	}
	for _, kid := range kids {
		if below := l.keep(kid); below != nil {
			b.kids = append(b.kids, below)
		}
	}
	if !b.match && len(b.kids) == 0 {
		return nil
	}
	return b
}

// members are those of a pool that are shown: those that are not well, and those that somebody looks for.
func (l *layout) members(pool *node) (kids []*node, more int) {
	p, ok := pool.service.(*supervise.Pool)
	running := l.filter.State == "" || l.filter.State == supervise.Running.String()
	if !ok || l.filter.Text == "" || !running {
		if l.filter.any() {
			return pool.Kids, 0
		}
		shown := pool.Kids[:min(len(pool.Kids), mostMembers)]
		return shown, len(pool.Kids) - len(shown)
	}
	text, above := strings.ToLower(l.filter.Text), strings.ToLower(pool.Path)+"/"
	found := p.Find(func(name string) bool {
		return strings.Contains(above+strings.ToLower(name), text)
	}, mostFound+1)
	if len(found) > mostFound {
		found, more = found[:mostFound], max(1, pool.Members()-mostFound)
		if !strings.Contains(above, text) { // how many match is not known
			more = -1
		}
	}
	for i := range found {
		kids = append(kids, l.site.survey(&found[i], nil, pool))
	}
	return kids, more
}

// place puts a branch into the table. open tells for each level above whether more will follow there.
func (l *layout) place(b *kept, open []bool) {
	if b.match {
		l.table.Found++
	}
	if len(l.table.Rows) >= mostRows {
		l.table.Cut++
	} else {
		r := row{node: b.node, Match: b.match, Indent: indent * len(open), Lines: lines(open, len(b.kids) > 0), More: b.more, Now: l.now}
		r.Rate = l.site.rates.of(b.node, l.now)
		if l.acts {
			r.Steer = b.node.quick()
		}
		l.table.Rows = append(l.table.Rows, r)
	}
	for i, kid := range b.kids {
		l.place(kid, append(open[:len(open):len(open)], i < len(b.kids)-1))
	}
}
