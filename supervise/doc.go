// Package supervise runs the long-lived parts of a Go program as a tree: it starts them in order,
// waits until each is ready, restarts those that fail by a policy of their own, ends everything
// when an error is fatal, and stops all of it in reverse order.
//
// # The tree
//
// A tree is plain data. A [Group] has children; a [Child] is a [Service] with a name and a
// [Policy]. A Group is a Service too, so groups nest. Order is the list, grouping is nesting, and
// independence is Group.Concurrent.
//
//	g := &supervise.Group{Name: "shop", Children: []supervise.Child{
//		{Name: "db", Service: db, WaitReady: true},
//		{Name: "web", Service: web},
//	}}
//	err := g.Serve(ctx)
//
// Every child has a path, as in "shop/web": it is what events and [Status] show, and what Start,
// Stop, Restart and SetPolicy take.
//
// Write down what runs, put what is needed first at the top, and call Serve. It refuses a tree that
// makes no sense, naming path and field, and starts nothing of it. While it is served the list is
// changed by Update, as for another configuration; what comes and goes belongs in a [Pool].
//
// Examples: Package, [Child]
//
// # The contract of Serve
//
// Serve blocks, does the work, and returns when that is over, or soon after its ctx is done. One
// call of it is a run. What it returns decides what comes next:
//
//   - nil: the run is over; another follows only under [Always], which is the default.
//   - an error: the run failed; another follows unless [Never].
//   - [ErrDone]: finished for good, whatever the policy.
//   - [Fatal]: the whole tree is to end.
//
// A panic and a runtime.Goexit are failed runs. errors.Is decides, so wrapping and joining keep the
// meaning. A run is over when Serve and every goroutine that it started by [Go] have returned, and
// two runs of one child never overlap: what does not return is never run a second time.
//
// Return nil when you were told to stop, an error when you can't go on, and let the policy see to
// the rest. Don't retry in a loop of your own, and leave no goroutine behind. A goroutine from a
// bare go statement is not waited for, and a panic in it ends the process. Nor can the tree outlive
// what ends the process anyway, such as os.Exit or a lack of memory. Whether a service keeps its side
// of the contract is checked by TestService of package supervisetest, in one line of a test.
//
// Examples: [Service], [Go], [Fatal]
//
// # Readiness
//
// Children start in the order of the list. One with WaitReady is Starting until it calls [Ready] on
// its ctx, and holds back the next until then. A service that has a method NotifiesReady() needs no
// WaitReady. A run that is not ready within Policy.StartTimeout is ended, and has failed. A group
// is Starting until each of its children has been Running or is at rest.
//
// Call Ready when others may rely on you. It belongs to a run: after a restart a child is Starting
// again. It can't be taken back within one; a service that has lost what it needs returns an error.
// A child that is at rest, be it Done or Failed or stopped by an operator, holds back nobody;
// Policy.FailStart is for one without which the others must not start.
//
// Example: [Ready]
//
// # Restarts
//
// Before restart n (from 0) a child waits min(MaxBackoff, MinBackoff*2^n) and up to half of that
// more, at random: 100 ms, 200 ms, and so on to 30 s, unless its policy says otherwise. A run as
// long as ResetAfter forgets the failures before it. More than MaxRestarts within Window, and the
// child is given up: the group stops its other children and fails with a [LimitError]. One level up
// that is an ordinary failed run of the group, with a policy of its own; at the root it ends the
// program.
//
// A child waits alone, the others go on. By default it is tried for ever. The limit counts the
// restarts of this one child, not those of the group, and ResetAfter does not touch it. A policy is
// data and has a text form, for flags and files: "restart=on-failure,backoff=1s..1m,limit=5/10m".
// docs/policies.md in the repository says when to change which setting, and how OTP, systemd,
// Kubernetes and suture call it.
//
// Examples: [Policy], [ParsePolicy], Package (FlakyUpstream), Package (OnlyOnce), Package (AfterMigration)
//
// # Strategies
//
// Group.Strategy says who shares the fate of a child that is to be restarted: nobody ([OneForOne],
// the default), all ([OneForAll]), or those after it in the list ([RestForOne]). The others are
// told to stop in reverse order, while the failed one waits out its delay. Then all of them start
// again, in order and with readiness, as at first. The cause of a sibling's ctx is the [ChildError]
// of the one that failed.
//
// Use OneForAll for parts that make no sense without each other, and RestForOne where each needs
// those before it. A child that is Done, or that failed under Never, draws nobody along, and what
// an operator stopped stays stopped. An operator's Restart is of that child alone.
//
// Examples: [Strategy], Package (Unit)
//
// # Stopping
//
// Children stop in reverse order, each when the one after it is down, whoever wants it: the
// caller's ctx, a fatal error, an operator. A run has its StopTimeout, 10 s unless its policy says
// otherwise, or less if a group above has less left; [StopContext] lives exactly that long. A run
// that is not back soon after is Stuck: it is named, with the stacks of its own goroutines, in the
// event and in the [StopError], and Serve returns all the same. What failed while it stopped is in
// the StopError too.
//
// Finish what you have begun under StopContext, and then return. What you keep open between two runs, let
// go of in a method Close: it is called when the child comes to rest ([Service]). A goroutine can't be killed, so
// one that does not return is left behind, and said to be. Outside of a shutdown a stuck child is
// fatal to the tree, because to run it again could be to run it twice. Its goroutines are found by
// the pprof label service=<path>, which every goroutine that a service starts inherits.
//
// Examples: [StopContext], [StopError], [ExitCode], [Service] (Closer)
//
// # Hung services
//
// Under Policy.Heartbeat a run has to call [Beat] at least that often, from the moment it is
// Running. After a silence that long it is told to stop, with the cause [ErrHung], and has failed:
// the policy decides what follows. One that does not stop then is Stuck.
//
// Call Beat where the work is done, and not from a ticker beside it, which goes on when the work
// hangs. It helps a service that waits for something that never comes, if that wait ends with ctx;
// with one that ignores its ctx all that is left is to end the tree. Time in which the whole
// process stood still is no silence. A group or a pool has no heartbeat; its children have.
//
// Example: [Beat]
//
// # Pools
//
// A [Pool] is a Service for services that come and go, one for each connection, say. Add starts a
// member, Remove stops it. All have one policy; each has a path, as in "shop/conns/10.0.0.7:4711",
// and is restarted alone. A member that is Done or Failed leaves the pool. One that is given up on,
// is fatal or is stuck ends the pool, as a child does its group. The next sibling starts when the
// pool takes members.
//
// Put the pool before the child that fills it, so that this one stops first. Use Never for what
// can't be run again, such as a connection that is gone. Add waits for nothing and returns
// [ErrFull] at Pool.Max: then it is for the caller to refuse. There is no order between members,
// they stop together, and none survives a restart of the pool.
//
// Examples: [Pool], Package (TenThousandConnections)
//
// # Events
//
// Group.OnEvent is told of every state entered ([State] has the diagram), in order and one at a
// time, on a goroutine of its own; [LogEvents] makes log lines of them. [Group.Status] is the whole
// tree at one moment. Operators steer by path: [Group.Stop] keeps a child stopped, [Group.Start]
// and [Group.Restart] run it again, [Group.Reset] forgets its failures, [Group.SetPolicy] changes its policy
// without a restart. [Group.Update] gives a group another list of children, and touches only what is another in it.
//
// Events tell, they never steer, and an observer that blocks or panics harms nobody but itself:
// what it is too slow for is dropped, and counted.
//
// Examples: [LogEvents], [Event], [Group.Status], [Group.Stop], [Group.Restart], [Group.SetPolicy], [Group.Update]
//
// # Embedding
//
// The package has no globals, starts nothing on import and handles no signals. Nothing is left
// behind after Serve, except a service that was Stuck. Serve may be called again. A Group works
// inside a suture.Supervisor and the other way round, over any number of levels; a group below
// suture below a group continues the path.
//
// Bring your own signals, logger and exit. Two traps are suture's: it waits for its services no
// longer than its Timeout, so that has to be more than the group's StopTimeout; and a
// suture.Supervisor can be served only once, so where it may be restarted, make it anew in a
// [Func].
//
// Examples: Package (Embedding), Package (Suture), [Func] (Suture)
package supervise
