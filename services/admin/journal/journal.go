// Package journal remembers what happened lately in a tree: the last events of all of it and of each path,
// and how each failed last. Its memory is bounded, whatever the tree does.
//
//	var events journal.Journal
//	tree.OnEvent = events.Observe
package journal

import (
	"container/list"
	"sync"

	"tend.example/tend/services/admin/internal/recent"
	"tend.example/tend/supervise"
)

// What is kept at most.
const (
	mostOfAll  = 1000 // entries
	mostOfPath = 100
	mostPaths  = 10_000
	mostGone   = 1000    // paths of members of a pool that have left it
	mostBytes  = 8 << 20 // of the entries of paths
	mostStacks = 4 << 20 // bytes
)

// Journal keeps the last 1,000 entries, and the last 100 of each path with the last failure. Of
// pool members that are gone the last 1,000 are known, and of very many paths, or very long errors, those of members
// are forgotten first, always the ones that nothing was heard of for the longest. The zero value is an empty journal. It may
// be used from several goroutines.
type Journal struct {
	news recent.Bell

	mu   sync.Mutex
	last uint64 // ID
	all  recent.Ring[*Entry]

	histories  map[string]*history // by path
	broods     map[string]int      // how many children of a path have a history
	ranked     [ranks]list.List    // of *history, the one that was heard of last being the last
	stacks     list.List           // of *history: those with a stack in failure, likewise
	bytes      int
	stackBytes int
}

// Observe takes an event. It is an OnEvent of a supervise.Group, and never blocks.
func (j *Journal) Observe(e supervise.Event) {
	entry := newEntry(e) // which asks foreign code, so not under the lock
	j.add(entry)
	j.news.Ring()
}

func (j *Journal) add(e *Entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.histories == nil {
		j.histories, j.broods = map[string]*history{}, map[string]int{}
	}
	j.last++
	e.ID = j.last
	*j.all.Next(mostOfAll) = e
	j.file(e)
}

// Recent is the last n entries of a path, the newest last; "" is all paths. A path is the one of the events, the root's
// name first.
func (j *Journal) Recent(path string, n int) []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	if path == "" {
		return last(&j.all, n)
	}
	if h := j.histories[path]; h != nil {
		return last(&h.recent, n)
	}
	return nil
}

// LastError is the last entry of a path that tells how a run failed, with the stack of its panic, or of its goroutines
// if it got stuck. With Stopping an Err tells why the run is to end, which may be no fault of its own: the entry after that counts.
func (j *Journal) LastError(path string) (e Entry, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if h := j.histories[path]; h != nil && h.failure != nil {
		return *h.failure, true
	}
	return Entry{}, false
}

// Since is what came after the entry with that ID, the newest last. gap tells that some of it is gone, or that
// there has been no such entry; what is left is returned all the same.
func (j *Journal) Since(id uint64) (entries []Entry, gap bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	n, gap := j.all.After(id, j.last)
	return last(&j.all, n), gap
}

// last is copies of the last n, the newest last.
func last(r *recent.Ring[*Entry], n int) []Entry {
	begin := max(0, r.Len()-max(0, n))
	entries := make([]Entry, 0, r.Len()-begin)
	for i := begin; i < r.Len(); i++ {
		entries = append(entries, **r.At(i))
	}
	return entries
}

// Watch tells of news: woken receives when something has come since the last receive. It never makes the journal
// wait. Who is done with it calls stop.
func (j *Journal) Watch() (woken <-chan struct{}, stop func()) { return j.news.Watch() }
