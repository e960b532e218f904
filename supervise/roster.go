package supervise

import "time"

// The children of a pool are in two parts: those that are not Running, up to ailing, and the
// others. So a Status finds the ones worth showing without looking at a hundred thousand.

// admit adds a child to the pool and starts it.
func (r *rules) admit(c *record, now time.Time) {
	c.at = len(r.children)
	c.seen = true
	r.children = append(r.children, c)
	r.counts[c.state]++
	r.begin(c, now)
}

// expel stops a child of the pool, which then leaves it.
func (r *rules) expel(c *record, now time.Time) {
	c.expelled = true
	if c.atRest() {
		r.drop(c)
		return
	}
	r.hold(c, now)
}

// place moves a child that has entered a state to the part it belongs to, or out.
func (r *rules) place(c *record) {
	switch {
	case c.at < 0:
	case c.state == Done, c.state == Failed, c.state == Stopped && (c.expelled || r.falling):
		r.drop(c)
	case c.state == Running && c.at < r.ailing:
		r.ailing--
		r.swap(c.at, r.ailing)
	case c.state != Running && c.at >= r.ailing:
		r.swap(c.at, r.ailing)
		r.ailing++
	}
}

// drop takes a child out of the pool.
func (r *rules) drop(c *record) {
	if c.at < r.ailing {
		r.ailing--
		r.swap(c.at, r.ailing)
	}
	last := len(r.children) - 1
	r.swap(c.at, last)
	r.children[last] = nil // or it could not be collected
	r.children = r.children[:last]
	r.counts[c.state]--
	c.at = -1
	r.do(forget, c)
}

func (r *rules) swap(i, j int) {
	a, b := r.children[i], r.children[j]
	r.children[i], r.children[j] = b, a
	a.at, b.at = j, i
}

// census is how many children are in each state.
func (r *rules) census() map[State]int {
	census := map[State]int{}
	for state, n := range r.counts {
		if n > 0 {
			census[State(state)] = n
		}
	}
	return census
}

// relist gives a group other children. Those that are not in the list are at rest, or have never begun; those that are
// new are Idle and wait for their turn, which is behind all that have had theirs.
func (r *rules) relist(children []*record, now time.Time) {
	gone := make(map[*record]bool, len(r.children))
	for _, c := range r.children {
		gone[c] = true
	}
	up := len(children)
	for i, c := range children {
		if r.awaitsTurn(c) {
			up = min(up, i)
		}
		if !gone[c] {
			r.counts[c.state]++
			r.unseen++
		}
		delete(gone, c)
	}
	for c := range gone {
		r.counts[c.state]--
		if !c.seen {
			r.unseen--
		}
		c.at = -1
	}
	for i, c := range children {
		c.at = i
	}
	r.children, r.up = children, up
	r.down = len(children) - 1 // for a strategy that is stopping them; whoever is down is passed over
	r.settle(now)
}
