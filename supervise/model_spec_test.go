package supervise_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"runtime"
	"time"

	"tend.example/tend/supervise"
)

// modelSpec is a node of a random tree: plain data, of which both the real tree and its model are
// made, so that a failing case can be printed and shrunk.
type modelSpec struct {
	name        string
	kind        modelKind
	policy      supervise.Policy
	waitReady   bool
	significant bool

	plans []modelPlan   // of a leaf's first runs; the later ones behave
	beat  time.Duration // between two beats of a leaf; 0: it has none

	strategy    supervise.Strategy // of a group
	concurrent  bool
	stopTimeout time.Duration
	children    []*modelSpec

	max     int // of a pool
	members supervise.Policy
}

type modelKind int

const (
	kindLeaf modelKind = iota
	kindGroup
	kindPool
)

// modelPlan is what one run does. No two of these durations are alike to the nanosecond, or the
// order of what happens would be open.
type modelPlan struct {
	ready  time.Duration // until it calls Ready; never: it does not
	life   time.Duration // until it ends by itself; never: it does not
	ending modelEnding   // how it does
	stop   time.Duration // how long it takes to stop; never: much longer than anybody waits
	last   bool          // it stops that long after the end of its StopContext instead
	answer modelEnding   // how it ends then
}

const (
	modelNever   = time.Duration(-1)
	modelForever = 30 * time.Hour // how long a deaf run is deaf
)

// plan is what the run does that is number i, counted from 0, of a service at a path.
func (s *modelSpec) plan(path string, i int) modelPlan {
	if i < len(s.plans) {
		return s.plans[i]
	}
	return modelPlan{
		ready: modelSkew(path, i, "ready"), life: modelNever,
		stop: modelSkew(path, i, "stop"), answer: endsCtx,
	}
}

// modelSkew is a small duration that is as good as unique.
func modelSkew(of ...any) time.Duration {
	h := fnv.New64a()
	fmt.Fprint(h, of...)
	return time.Duration(h.Sum64()%1_000_000) + 1
}

// modelEnding is a way in which a run ends.
type modelEnding int

const (
	endsCtx modelEnding = iota // with ctx.Err(); of a run that was not told to stop: with nil
	endsNil
	endsError
	endsCancelled // somebody else's context
	endsDone
	endsDoneWrapped
	endsPanic
	endsGoexit
	endsCause // of a run that was told to stop: wrapped
	endsFatal
	endsExit
	endsPanicFatal
	endsDoneFatal
	endsDoneError
)

func (e modelEnding) String() string {
	return [...]string{
		"ctx", "nil", "error", "cancelled", "done", "done-wrapped", "panic", "goexit", "cause", "fatal",
		"exit", "panic-fatal", "done+fatal", "done+error",
	}[e]
}

const modelExit = 78

// end is how a real run ends.
func (e modelEnding) end(ctx context.Context) error {
	switch e {
	case endsCtx:
		return ctx.Err()
	case endsError:
		return errBoom
	case endsCancelled:
		return context.Canceled
	case endsDone:
		return supervise.ErrDone
	case endsDoneWrapped:
		return fmt.Errorf("all moved: %w", supervise.ErrDone)
	case endsPanic:
		panic("oops")
	case endsGoexit:
		runtime.Goexit()
	case endsCause:
		if cause := context.Cause(ctx); cause != nil {
			return fmt.Errorf("ended: %w", cause)
		}
	case endsFatal:
		return supervise.Fatal(errBoom)
	case endsExit:
		return supervise.Fatal(&supervise.ExitError{Code: modelExit, Err: errBoom})
	case endsPanicFatal:
		panic(supervise.Fatal(errBoom))
	case endsDoneFatal:
		return errors.Join(supervise.ErrDone, supervise.Fatal(errBoom))
	case endsDoneError:
		return errors.Join(supervise.ErrDone, errBoom)
	case endsNil:
	}
	return nil
}

// outcome is what the model makes of that end, of a run that was told to stop or not.
func (e modelEnding) outcome(told bool) modelOutcome {
	switch e {
	case endsError:
		return modelOutcome{kind: runFailed, err: &modelErr{text: "boom"}}
	case endsCancelled:
		if told {
			return modelOutcome{}
		}
		return modelOutcome{kind: runFailed, err: &modelErr{text: "cancelled", clean: true}}
	case endsDone:
		if told {
			return modelOutcome{}
		}
		return modelOutcome{kind: runFinished}
	case endsDoneWrapped:
		if told {
			return modelOutcome{}
		}
		return modelOutcome{kind: runFinished, err: &modelErr{text: "wrap{done}", done: true, clean: true}}
	case endsPanic:
		return modelOutcome{kind: runFailed, err: &modelErr{text: "panic(oops)"}}
	case endsGoexit:
		return modelOutcome{kind: runFailed, err: &modelErr{text: "other"}}
	case endsFatal:
		return modelOutcome{kind: runFatal, err: &modelErr{text: "fatal{boom}", fatal: true}}
	case endsExit:
		return modelOutcome{kind: runFatal, err: &modelErr{text: "fatal{exit(78){boom}}", fatal: true, exit: modelExit}}
	case endsPanicFatal:
		return modelOutcome{kind: runFatal, err: &modelErr{text: "panic{fatal{boom}}", fatal: true}}
	case endsDoneFatal:
		return modelOutcome{kind: runFatal, err: &modelErr{text: "[done fatal{boom}]", fatal: true, done: true}}
	case endsDoneError:
		return modelOutcome{kind: runFinished, err: modelJoin(modelDone(), &modelErr{text: "boom"})}
	default:
		return modelOutcome{} // nil, ctx.Err() and the cause
	}
}

// --- steps ------------------------------------------------------------------------------------------

// modelStep is one thing that is done to a tree. Its targets are modelPicked from those that make sense
// at that moment, by number.
type modelStep struct {
	do     modelDeed
	pick   int
	ending modelEnding
	wait   time.Duration
	policy supervise.Policy
	member *modelSpec
}

type modelDeed int

const (
	doWait   modelDeed = iota // let some time pass
	doDue                     // let the time pass until just after the next thing that is due
	doAlmost                  // until just before
	doEnd                     // make a run end
	doReady                   // make a run that is not ready call Ready
	doHush                    // make a run stop beating
	doStart                   // operators' calls
	doStop
	doRestart
	doSetPolicy
	doAdd
	doRemove
	doCancel // cancel Serve's ctx, or, when it is over, serve again
)

func (d modelDeed) String() string {
	return [...]string{
		"wait", "due", "almost", "end", "ready", "hush", "start", "stop", "restart", "setpolicy", "add",
		"remove", "cancel",
	}[d]
}
