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
//   - A child that is gone is stopped, in reverse order, and leaves the tree. All that leaves, also below groups that stay,
//     is down before anything comes.
//   - A new one starts in its place of the order, when the one before it holds it back no longer.
//   - One whose Service is another value than before is stopped, and the new one starts in its place; its
//     runs are counted on. An operator's Stop still holds.
//   - One with the same Service goes on, with its new Policy if that is another than in the list before;
//     one that an operator has set stays otherwise. WaitReady and Significant count from its next run on.
//   - Of a *Group that takes the place of another *Group, only the list is used, in the same way, and the StopTimeout, as by
//     SetStopTimeout, if it has the same Strategy and Concurrent: the group there is stays. So a tree that is made anew,
//     from a configuration, can be given as it is. What comes below a group starts after its siblings.
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
	u, err := newUpdate(g, children)
	if err != nil {
		return err
	}
	defer u.release()
	unclean, err := u.sink(ctx)
	if err != nil {
		u.giveBack()
		return join(unclean, err)
	}
	return join(unclean, u.rise(ctx))
}

// sink stops all that leaves, here and below, in reverse order. err is why that may not be all.
func (u *update) sink(ctx context.Context) (unclean, err error) {
	s := u.group.present()
	for _, name := range u.down {
		var ended error
		if below := u.below[name]; below != nil {
			ended, err = below.sink(ctx)
		} else if s != nil {
			ended, err = u.stop(ctx, s, name)
		}
		unclean = join(unclean, ended)
		if err != nil && (s == nil || !s.givesWay()) {
			return unclean, err
		}
	}
	return unclean, nil
}

// rise changes the lists, and waits for what comes. Those that leave are at rest, unless a group was run again meanwhile.
func (u *update) rise(ctx context.Context) error {
	var errs []error
	for {
		s := u.lay()
		if s == nil {
			return join(append(errs, u.riseBelow(ctx))...)
		}
		all, unclean, err := u.apply(ctx, s)
		errs = append(errs, unclean)
		switch {
		case err == nil:
			return join(append(errs, awaitRising(ctx, all), u.riseBelow(ctx))...)
		case !s.givesWay():
			return join(append(errs, err)...)
		}
	}
}

// riseBelow is rise for the groups that stay, in their order.
func (u *update) riseBelow(ctx context.Context) error {
	var errs []error
	for _, c := range u.list {
		if below := u.below[c.Name]; below != nil {
			below.group.budget.Store(&below.budget)
			errs = append(errs, below.rise(ctx))
		}
	}
	return join(errs...)
}

// apply changes the list of a group that serves. err is why it is as it was, unclean what did not stop cleanly.
func (u *update) apply(ctx context.Context, s *serving) (all []rising, unclean, err error) {
	for _, name := range u.down {
		if u.below[name] != nil {
			continue
		}
		ended, err := u.stop(ctx, s, name)
		unclean = join(unclean, ended)
		if err != nil {
			u.giveBack()
			return nil, unclean, err
		}
	}
	all, err = u.group.relist(s, u)
	return all, unclean, err
}

// lay gives a group that does not serve the list for its next Serve. One that does is returned.
func (u *update) lay() *serving {
	u.group.opening.Lock()
	defer u.group.opening.Unlock()
	if s := u.group.present(); s != nil {
		return s
	}
	u.group.updated.Store(&u.list)
	return nil
}

// present is the serving of a group whose list can be changed; nil: there is none, or it is about to end.
func (g *Group) present() *serving {
	if s := g.last.Load(); s != nil && !s.over.Load() && !s.givesWay() {
		return s
	}
	return nil
}

// givesWay tells whether a serving is about to end, and the next run of its child, if there is one, takes what Update has
// made of the list.
func (s *serving) givesWay() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.direct && s.rules.falling
}

// update is the way from one list of children to another, of a group and of those below it that stay.
type update struct {
	group   *Group
	list    []Child            // as it will be; groups that stay are the ones that there are
	before  map[string]Child   // by name
	down    []string           // names of those that are gone or changed, and of groups that stay, in the order of stopping
	below   map[string]*update // of those groups
	changed map[string]bool    // those that are kept, but by another service
	budget  time.Duration      // the StopTimeout that it will have, if it is below another
}

// newUpdate takes hold of the group, and of those below it that stay, for one update at a time.
func newUpdate(g *Group, after []Child) (*update, error) {
	if !g.busy.CompareAndSwap(false, true) {
		return nil, errUpdating
	}
	u := &update{group: g, list: slices.Clone(after), before: map[string]Child{}, below: map[string]*update{}, changed: map[string]bool{}}
	before := g.Current()
	for _, c := range before {
		u.before[c.Name] = c
	}
	stays, likes := map[string]bool{}, map[string]*Group{}
	for i := range u.list {
		c := &u.list[i]
		old, ok := u.before[c.Name]
		switch {
		case !ok:
			continue
		case sameShape(old.Service, c.Service):
			likes[c.Name] = c.Service.(*Group)
			c.Service = old.Service
		case !same(old.Service, c.Service):
			u.changed[c.Name] = true
			continue
		}
		stays[c.Name] = true
	}
	return u, u.descend(before, stays, likes)
}

// descend finds out in which order to stop what leaves. likes are what the groups that stay are to be like.
func (u *update) descend(before []Child, stays map[string]bool, likes map[string]*Group) error {
	for _, c := range slices.Backward(before) {
		like := likes[c.Name]
		if stays[c.Name] && like == nil {
			continue
		}
		u.down = append(u.down, c.Name)
		if like == nil {
			continue
		}
		below, err := newUpdate(c.Service.(*Group), like.Current())
		if err != nil {
			u.release()
			return err
		}
		below.budget = like.stopTimeout()
		u.below[c.Name] = below
	}
	return nil
}

func (u *update) release() {
	for _, below := range u.below {
		below.release()
	}
	u.group.busy.Store(false)
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

// stop stops a child that leaves. unclean is how it ended, err why it may not have.
func (u *update) stop(ctx context.Context, s *serving, name string) (unclean, err error) {
	k, err := s.child(name)
	if err != nil {
		return nil, err
	}
	held := k.isHeld()
	err = k.await(ctx, (*keeper).leave)
	var child *ChildError
	switch {
	case errors.As(err, &child) && child.Path == k.path:
		unclean = err
	case err != nil:
		return nil, err
	}
	if u.changed[name] && !held {
		k.group.feed(func(*rules, time.Time) { k.held = false }) // the service that follows is not
	}
	return unclean, nil
}

// giveBack leaves the lists as they are: those that are stopped can be started again.
func (u *update) giveBack() {
	s := u.group.last.Load()
	for _, name := range u.down {
		if below := u.below[name]; below != nil {
			below.giveBack()
		} else if s != nil {
			u.keep(s, name)
		}
	}
}

func (u *update) keep(s *serving, name string) {
	if k, err := s.child(name); err == nil {
		k.group.feed(func(*rules, time.Time) { k.expelled = false })
	}
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
