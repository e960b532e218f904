package supervise

import (
	"context"
	"time"
)

// rising is a child that is to start, or that those to start may have to wait for.
type rising struct {
	*keeper
	added bool
}

// relist gives a group its new children. Those that leave are at rest. all are the children in their order.
func (g *Group) relist(s *serving, u *update) (all []rising, err error) {
	s.mu.Lock()
	if s.rules.falling || !s.begun {
		s.unlock()
		return nil, ErrNotServing
	}
	records := make([]*record, len(u.list))
	index := make(map[string]*keeper, len(u.list))
	for i := range u.list {
		c := &u.list[i]
		k := s.index[c.Name]
		added := k == nil || u.changed[c.Name]
		if added {
			k = s.replace(k, c)
		} else {
			k.resettle(c, u.before[c.Name].Policy)
		}
		all = append(all, rising{k, added})
		records[i], index[c.Name] = &k.record, k
	}
	s.index = index
	g.updated.Store(&u.list)
	s.rules.relist(records, time.Now())
	s.unlock()
	if s.direct { // it may have something to close now
		above := s.parent.keeper
		above.group.feed(func(*rules, time.Time) {
			above.closable = canClose(g)
			above.open = above.open || above.closable
		})
	}
	return all, nil
}

// replace makes a keeper for a new child, or for one whose service is another now.
func (s *serving) replace(old *keeper, c *Child) *keeper {
	k := &keeper{}
	k.record = c.record(s.path + "/" + c.Name)
	k.at = len(s.rules.children) // it has not had its turn
	if old != nil {
		k.record.run, k.record.ended, k.restarts, k.held = old.record.run, old.record.run, old.restarts, old.held
	}
	s.keep(k, servedOnce(c.Service, false))
	return k
}

// resettle gives a child that stays what is new in the list about it.
func (k *keeper) resettle(c *Child, before Policy) {
	next := c.record(k.path)
	k.notifies, k.holds, k.significant = next.notifies, next.holds, next.significant
	if c.Policy != before {
		k.tuned = false
		k.group.rules.setPolicy(&k.record, next.policy, time.Now())
	}
}

// awaitRising waits for the children that have come, and for those that hold them back. One that fails may hold back the
// others for as long as it likes.
func awaitRising(ctx context.Context, all []rising) error {
	for len(all) > 0 && !all[len(all)-1].added {
		all = all[:len(all)-1]
	}
	var errs []error
	stalled := false
	for _, k := range all {
		if err := k.await(ctx, k.arrive(stalled)); err != nil {
			errs = append(errs, err)
			stalled = true
		}
	}
	return join(errs...)
}

// arrive waits for the first run of a child that its group will start, or has started; of one that was there before, until
// it holds back nobody. stalled: one before it has failed, and may hold it back.
func (k rising) arrive(stalled bool) func(*keeper) waiter {
	return func(*keeper) waiter {
		r := &k.group.rules
		return func() (bool, error) {
			switch {
			case k.state == Running, k.state == Done, k.held, stalled && r.awaitsTurn(&k.record):
				return true, nil
			case !k.added && (k.passed || r.concurrent || !k.holds && k.state != Idle):
				return true, nil
			case k.err() != nil && (k.added || k.state == Backoff):
				return true, k.failure()
			default:
				return r.falling, ErrNotServing
			}
		}
	}
}
