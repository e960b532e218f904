// Package supervise runs the long-lived parts of a Go program as a tree: it starts them in order,
// waits until each is ready, restarts those that fail by a policy of their own, ends everything
// when an error is fatal, and stops all of it in reverse order.
//
// # The tree
//
// A tree is plain data: a [Group] has children, a [Child] is a [Service] with a [Policy], and a
// Group is a Service, so groups nest. Order is the list, grouping is nesting, and independence is
// Group.Concurrent. Every child has a path, as in "tend/jobs/sweep": it is what events and Status
// show, and what Start, Stop and Restart take.
//
//	g := &supervise.Group{Name: "shop", Children: []supervise.Child{
//		{Name: "db", Service: db, WaitReady: true},
//		{Name: "web", Service: web},
//	}}
//	err := g.Serve(ctx)
//
// # The contract of Serve
//
// Serve blocks, does the work, and returns soon after its ctx is done. A run is over when Serve and
// every goroutine that it started by [Go] have returned. What it returned decides: nil ends the
// run, an error fails it, [ErrDone] is the end for good, [Fatal] ends the tree; errors.Is decides,
// so wrapping and joining keep the meaning. Panics and Goexit are failed runs. In everyday words:
// return nil when you were told to stop, an error when you can't go on, and let the policy see to
// the rest. Two runs of one child never overlap: what does not return is never run a second time.
//
// # Readiness
//
// Children start in the order of the list. One with WaitReady is Starting until it calls [Ready] on
// its ctx, and holds back the next until then. Readiness belongs to a run: after a restart a child
// is Starting again. A group is Starting until each of its children has been Running, or is at rest.
//
// # Restarts
//
// Before restart n (from 0) a child waits min(MaxBackoff, MinBackoff*2^n) and up to half of that
// more, at random. A run as long as ResetAfter forgets the failures before it. More than
// MaxRestarts within Window, and the child is given up: the group stops its other children and
// fails with a [LimitError], which one level up is an ordinary failed run of that group, and ends
// the program at the root.
//
// # Stopping
//
// Children stop in reverse order, each when the one after it is down. That holds whoever wants it:
// the caller's ctx, a fatal error, an operator. A run has its StopTimeout, or less if a group above
// has less left; [StopContext] lives exactly that long. A run that is not back soon after is Stuck:
// it is named, with the stacks of its own goroutines, in the event and in the [StopError], and Serve
// returns all the same. A stuck child outside of a shutdown is fatal to the tree, because running it
// again could run it twice. A goroutine is found by its pprof label: service=<path>, inherited by
// every goroutine that a service starts.
//
// # Events
//
// Group.OnEvent is told of every state entered, in order, on a goroutine of its own; [LogEvents]
// makes log lines of them. Events never steer the tree.
//
// # Embedding
//
// The package has no globals, starts nothing on import and handles no signals. Nothing is left
// behind after Serve, except a service that was Stuck. Serve may be called again. A Group works
// inside a suture.Supervisor and the other way round, over any number of levels; a group below
// suture below a group continues the path. A suture.Supervisor can be served only once, so where
// it may be restarted, make it anew in a [Func].
package supervise
