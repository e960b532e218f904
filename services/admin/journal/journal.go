// Package journal remembers what happened lately in a tree: the last events of all of it and of each path,
// and how each failed last. Its memory is bounded, whatever the tree does.
//
//	var events journal.Journal
//	tree.OnEvent = events.Observe
package journal

import (
	"container/list"
	"maps"
	"sync"

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

// Journal keeps the last 1,000 entries, and the last 100 of each path with the last of them that has an Err. Of
// pool members that are gone the last 1,000 are known, and of very many paths, or very long errors, those of members
// are forgotten first, always the ones that nothing was heard of for the longest. The zero value is an empty journal. It may
// be used from several goroutines.
type Journal struct {
	mu       sync.Mutex
	last     uint64 // ID
	all      ring
	watchers map[chan struct{}]struct{}

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
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.histories == nil {
		j.histories, j.broods = map[string]*history{}, map[string]int{}
	}
	j.last++
	entry.ID = j.last
	j.all.add(entry, mostOfAll)
	j.file(entry)
	for woken := range maps.Keys(j.watchers) {
		select {
		case woken <- struct{}{}:
		default: // it has not looked since the one before
		}
	}
}

// Recent is the last n entries of a path, the newest last; "" is all paths. A path is the one of the events, the root's
// name first.
func (j *Journal) Recent(path string, n int) []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	if path == "" {
		return j.all.last(n)
	}
	if h := j.histories[path]; h != nil {
		return h.recent.last(n)
	}
	return nil
}

// LastError is the last entry of a path that has an Err, with the stack of its panic, or of its goroutines if it got
// stuck.
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
	kept := uint64(len(j.all.entries))
	if id > j.last || j.last-id > kept {
		return j.all.last(mostOfAll), true
	}
	return j.all.last(int(j.last - id)), false
}

// Watch tells of news: woken receives when something has come since the last receive. It never makes the journal
// wait. Who is done with it calls stop.
func (j *Journal) Watch() (woken <-chan struct{}, stop func()) {
	watcher := make(chan struct{}, 1)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.watchers == nil {
		j.watchers = map[chan struct{}]struct{}{}
	}
	j.watchers[watcher] = struct{}{}
	return watcher, func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		delete(j.watchers, watcher)
	}
}
