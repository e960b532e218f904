package supervise

import (
	"runtime"
	"slices"
	"strings"
)

// findBatch is how many members Find looks at between two others who want the pool's lock, which it holds for
// less than a microsecond.
const findBatch = 1024

// Find looks for members whose names match, and returns what the first n that it finds look like, by name. It is
// for a person who looks for one among very many: it goes over the members beside whatever happens to them, and
// one that comes, goes or changes its state just then may be missed. Before Serve there are none.
func (p *Pool) Find(match func(name string) bool, n int) []Status {
	s := p.last.Load()
	if s == nil {
		return nil
	}
	found := map[string]Status{} // one that is moved may be met twice
	batch := make([]*record, findBatch)
	for at := 0; len(found) < n; at += findBatch {
		seen := batch[:s.some(batch, at)]
		if len(seen) == 0 {
			break
		}
		for _, c := range seen {
			if len(found) == n || !match(nameOf(c.path)) {
				continue
			}
			if st, ok := s.statusOf(c); ok {
				found[c.path] = st
			}
		}
		runtime.Gosched()
	}
	list := make([]Status, 0, len(found))
	for _, st := range found {
		list = append(list, st)
	}
	slices.SortFunc(list, func(a, b Status) int { return strings.Compare(a.Path, b.Path) })
	return list
}

// Member tells what the member of that name looks like, if there is one.
func (p *Pool) Member(name string) (Status, bool) {
	s := p.last.Load()
	if s == nil {
		return Status{}, false
	}
	k, err := s.child(name)
	if err != nil {
		return Status{}, false
	}
	return s.statusOf(&k.record)
}

// some copies members, from the one at a place on, and tells how many.
func (s *serving) some(batch []*record, at int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return copy(batch, s.rules.children[min(at, len(s.rules.children)):])
}
