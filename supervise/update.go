package supervise

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"time"
)

// Update makes children the list of the group, while it serves or for its next Serve, and touches nothing that
// is in both lists:
//
//   - A child that is gone is stopped, in reverse order, and leaves the tree.
//   - A new one starts in its place of the order, when the one before it holds it back no longer.
//   - One whose Service is another value than before is stopped, and the new one starts in its place; its
//     runs are counted on. An operator's Stop still holds.
//   - One with the same Service goes on, with its new Policy if that is another than in the list before;
//     one that an operator has set stays otherwise. WaitReady and Significant count from its next run on.
//   - Of a *Group that takes the place of another *Group, only the list is used, in the same way, and the StopTimeout, as by
//     SetStopTimeout, if it has the same Strategy and Concurrent: the group there is stays. So a tree that is made anew,
//     from a configuration, can be given as it is. What is below a group is updated after its siblings.
//
// Services are compared by ==, as pointers mostly are. A [Func] can't be, and counts as another; so does what holds one. Give a
// pointer to a service of your own, if it is to go on.
//
// Update waits until those that leave are down and then, as Start does, until those that come are Running or Done, or their
// first run has failed. Those behind one that has failed and holds them back are not waited for, and its failure is in the
// answer. A list of which all are Done ends the group, as ever.
//
// Errors: what is wrong with the list, and nothing is changed; ErrNotServing when stopping has begun, but a group that is
// the Service of a Child has the list for its next run then; an error when another Update is under way; that of ctx,
// which bounds each wait: until those that leave are down the list stays as it was, and they stay stopped. What did not
// stop cleanly and what failed at its start is a ChildError, or several joined; the list is changed all the same.
func (g *Group) Update(ctx context.Context, children []Child) error {
	name := g.Name
	if s := g.last.Load(); s != nil {
		name = s.path
	}
	check := checker{services: map[any]string{g: name}}
	check.group(&Group{Children: children}, name)
	if err := join(check.faults...); err != nil {
		return saying("update", name, err)
	}
	return saying("update", name, g.update(ctx, children))
}

// Current is the children that the group keeps: Children, or what Update has made of them.
func (g *Group) Current() []Child {
	if list := g.updated.Load(); list != nil {
		return slices.Clone(*list)
	}
	return g.Children
}

var errUpdating = errors.New("another update is under way")

func (g *Group) update(ctx context.Context, children []Child) error {
	if !g.busy.CompareAndSwap(false, true) {
		return errUpdating
	}
	defer g.busy.Store(false)
	u := newUpdate(g.Current(), children)
	var errs []error
	for {
		s := g.lay(u)
		if s == nil {
			return join(append(errs, u.below(ctx))...)
		}
		all, unclean, err := u.apply(ctx, g, s)
		errs = append(errs, unclean)
		switch {
		case err == nil:
			return join(append(errs, awaitRising(ctx, all), u.below(ctx))...)
		case !s.givesWay():
			return join(append(errs, err)...)
		}
	}
}

// apply changes the list of a group that serves. err is why it is as it was, unclean what did not stop cleanly.
func (u *update) apply(ctx context.Context, g *Group, s *serving) (all []rising, unclean, err error) {
	unclean, err = u.stop(ctx, s)
	if err != nil {
		u.giveBack(s)
		return nil, unclean, err
	}
	all, err = g.relist(s, u)
	return all, unclean, err
}

// lay gives a group that does not serve the list for its next Serve. One that does is returned.
func (g *Group) lay(u *update) *serving {
	g.opening.Lock()
	defer g.opening.Unlock()
	if s := g.last.Load(); s != nil && !s.over.Load() && !s.givesWay() {
		return s
	}
	g.updated.Store(&u.list)
	return nil
}

// givesWay tells whether a serving is about to end, and the next run of its child, if there is one, takes what Update has
// made of the list.
func (s *serving) givesWay() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.direct && s.rules.falling
}

// update is the way from one list of children to another.
type update struct {
	list    []Child          // as it will be; groups that stay are the ones that there are
	before  map[string]Child // by name
	leaving []string         // names of those that are gone or changed, in the order of stopping
	changed map[string]bool  // those that are kept, but by another service
	groups  []groupUpdate
}

// groupUpdate is what is new of a group that stays.
type groupUpdate struct {
	group *Group
	from  *Group // has it
}

func newUpdate(before, after []Child) *update {
	u := &update{list: slices.Clone(after), before: map[string]Child{}, changed: map[string]bool{}}
	for _, c := range before {
		u.before[c.Name] = c
	}
	stays := map[string]bool{}
	for i := range u.list {
		c := &u.list[i]
		old, ok := u.before[c.Name]
		switch {
		case !ok:
			continue
		case sameShape(old.Service, c.Service):
			u.groups = append(u.groups, groupUpdate{old.Service.(*Group), c.Service.(*Group)})
			c.Service = old.Service
		case !same(old.Service, c.Service):
			u.changed[c.Name] = true
			continue
		}
		stays[c.Name] = true
	}
	for _, c := range slices.Backward(before) {
		if !stays[c.Name] {
			u.leaving = append(u.leaving, c.Name)
		}
	}
	return u
}

// same tells whether two services are one value.
func same(a, b Service) bool {
	return reflect.TypeOf(a) == reflect.TypeOf(b) && reflect.ValueOf(a).Comparable() && a == b
}

// sameShape tells whether two services are groups that differ in nothing that cannot be changed while they serve.
func sameShape(a, b Service) bool {
	old, ok := a.(*Group)
	if !ok {
		return false
	}
	g, ok := b.(*Group)
	return ok && g != old && g.Strategy == old.Strategy && g.Concurrent == old.Concurrent
}

// stop stops the children that leave, one after another. unclean is how they ended, err why they may not all have.
func (u *update) stop(ctx context.Context, s *serving) (unclean, err error) {
	for _, name := range u.leaving {
		k, err := s.child(name)
		if err != nil {
			return unclean, err
		}
		held := k.isHeld()
		err = k.await(ctx, (*keeper).leave)
		var child *ChildError
		switch {
		case errors.As(err, &child) && child.Path == k.path:
			unclean = join(unclean, err)
		case err != nil:
			return unclean, err
		}
		if u.changed[name] && !held {
			k.group.feed(func(*rules, time.Time) { k.held = false }) // the service that follows is not
		}
	}
	return unclean, nil
}

// giveBack leaves the list as it is: those that are stopped can be started again.
func (u *update) giveBack(s *serving) {
	for _, name := range u.leaving {
		if k, err := s.child(name); err == nil {
			k.group.feed(func(*rules, time.Time) { k.expelled = false })
		}
	}
}

// below updates the groups that stay, in their order.
func (u *update) below(ctx context.Context) error {
	var errs []error
	for _, below := range u.groups {
		limit := below.from.stopTimeout()
		below.group.budget.Store(&limit)
		if err := below.group.update(ctx, below.from.Current()); err != nil {
			errs = append(errs, err)
		}
	}
	return join(errs...)
}

func (k *keeper) isHeld() bool {
	k.group.mu.Lock()
	defer k.group.mu.Unlock()
	return k.held
}

// leave stops a child, and waits until nothing of it is under way.
func (k *keeper) leave() waiter {
	live := k.record.ended < k.record.run
	k.expelled = true // or somebody could start it before it has left
	k.group.rules.hold(&k.record, time.Now())
	k.changed() // for whoever waits for a Start
	return func() (bool, error) {
		switch {
		case k.state == Stuck:
			return true, k.failure()
		case k.state != Idle && !k.atRest():
			return false, nil
		case live:
			return true, k.failure()
		default:
			return true, nil
		}
	}
}

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
