package journal

import (
	"container/list"
	"strings"

	"tend.example/tend/services/admin/internal/recent"
	"tend.example/tend/supervise"
)

// history is what is kept of one path.
type history struct {
	path     string
	recent   recent.Ring[*Entry]
	failure  *Entry        // the last one that tells how a run ended badly
	rank     rank          // which of the lists it is in
	listed   *list.Element // there
	stacking *list.Element // in the list of stacks; nil: it has none
}

// rank orders the histories by how soon they may be forgotten.
type rank int

const (
	crowd rank = iota // one of very many
	gone              // likewise, and at rest: a member that has left its pool, most likely
	few               // one that somebody has written down by name, and will ask for
	ranks
)

// crowdSize is how many siblings make a crowd, which is what a pool has.
const crowdSize = 100

// file puts an entry into the history of its path. The caller holds mu.
func (j *Journal) file(e *Entry) {
	h := j.histories[e.Path]
	if h == nil {
		h = &history{path: e.Path}
		j.histories[e.Path] = h
		j.broods[parent(e.Path)]++
	} else {
		j.ranked[h.rank].Remove(h.listed)
	}
	h.rank = j.rank(e)
	h.listed = j.ranked[h.rank].PushBack(h)
	place := h.recent.Next(mostOfPath)
	j.bytes += e.cost() - (*place).cost()
	*place = e
	if e.fails() {
		j.bytes += e.cost() - h.failure.cost()
		j.keepStack(h, e)
		h.failure = e
	}
	if left := &j.ranked[gone]; left.Len() > mostGone {
		j.forget(left.Front().Value.(*history))
	}
	for len(j.histories) > mostPaths || j.bytes > mostBytes {
		j.forgetOne()
	}
}

func (j *Journal) rank(e *Entry) rank {
	rest := e.State == supervise.Done || e.State == supervise.Failed || e.State == supervise.Stopped
	switch crowded := j.crowded(e.Path); {
	case crowded && rest:
		return gone
	case crowded:
		return crowd
	default:
		return few
	}
}

// crowded tells whether the path, or one above it, has very many siblings.
func (j *Journal) crowded(path string) bool {
	for path = parent(path); path != ""; path = parent(path) {
		if j.broods[path] > crowdSize {
			return true
		}
	}
	return false
}

// keepStack lets h have the stack of e for the one that it had.
func (j *Journal) keepStack(h *history, e *Entry) {
	j.dropStack(h)
	if e.Stack == "" {
		return
	}
	h.stacking = j.stacks.PushBack(h)
	h.failure = e
	j.stackBytes += len(e.Stack)
	for j.stackBytes > mostStacks {
		j.dropStack(j.stacks.Front().Value.(*history))
	}
}

func (j *Journal) dropStack(h *history) {
	if h.stacking == nil {
		return
	}
	j.stackBytes -= len(h.failure.Stack)
	h.failure.Stack = "" // in every ring that has the entry
	j.stacks.Remove(h.stacking)
	h.stacking = nil
}

// forgetOne forgets the history that will be missed least: of the lowest rank the one that nothing was heard of
// for the longest.
func (j *Journal) forgetOne() {
	for r := range ranks {
		if oldest := j.ranked[r].Front(); oldest != nil {
			j.forget(oldest.Value.(*history))
			return
		}
	}
}

func (j *Journal) forget(h *history) {
	j.ranked[h.rank].Remove(h.listed)
	j.dropStack(h)
	j.bytes -= h.failure.cost()
	for i := range h.recent.Len() {
		j.bytes -= (*h.recent.At(i)).cost()
	}
	delete(j.histories, h.path)
	if above := parent(h.path); j.broods[above] > 1 {
		j.broods[above]--
	} else {
		delete(j.broods, above)
	}
}

// parent is the path above, or "".
func parent(path string) string { return path[:max(0, strings.LastIndexByte(path, '/'))] }
