package supervise_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"tend.example/tend/supervise"
)

// modelTree is the model of a tree: what the documents promise, said as plainly as possible and
// without any regard to cost. It has one thread, its clock is a number, and whatever could happen at
// some time is found by walking over the tree.
//
// What happens at one moment in several groups has no order in a real tree, so the model says for
// each thing that happens what it follows from, and any order that respects this will do.
type modelTree struct {
	root   *modelGroup
	begin  time.Time
	now    time.Duration // since then
	moment int           // counts the things done to the tree, each with all that follows at once

	log   []modelItem // what has happened in this step
	after int         // the item that what happens now follows from; -1: none
	queue []modelTask // what follows at this moment, on other goroutines

	delays   map[string][]time.Duration // of the backoffs of this step, as they were seen
	calls    []*modelCall
	problems []string // what was seen and cannot be
	open     bool     // the order of two things was open: the case says nothing
}

// modelItem is something that an observer sees: an event, or what a service did.
type modelItem struct {
	event bool
	text  string
	after int // the item before; -1: none
}

type modelTask struct {
	after int
	do    func()
}

func newModelTree(spec *modelSpec) *modelTree {
	m := &modelTree{after: -1, begin: time.Now()}
	m.root = m.group(spec, spec.name, nil)
	return m
}

// offset is t in the model's time.
func (m *modelTree) offset(t time.Time) time.Duration {
	if t.IsZero() {
		return modelUnset
	}
	return t.Sub(m.begin)
}

func (m *modelTree) problem(format string, args ...any) {
	m.problems = append(m.problems, fmt.Sprintf(format, args...))
}

func (m *modelTree) note(event bool, format string, args ...any) {
	m.log = append(m.log, modelItem{event, fmt.Sprintf("%v ", m.now) + fmt.Sprintf(format, args...), m.after})
	m.after = len(m.log) - 1
}

// later does something that follows from what has just happened, and from nothing after it.
func (m *modelTree) later(do func()) { m.queue = append(m.queue, modelTask{m.after, do}) }

// beside does something whose order to what follows is open.
func (m *modelTree) beside(do func()) {
	after := m.after
	do()
	m.after = after
}

// do does something to the tree, and all that follows from it at this moment.
func (m *modelTree) do(what func()) {
	m.after = -1
	what()
	for m.answer(); len(m.queue) > 0; m.answer() {
		task := m.queue[0]
		m.queue = m.queue[1:]
		m.after = task.after
		task.do()
	}
}

// pass lets time pass.
func (m *modelTree) pass(until time.Duration) {
	for n := 0; !m.open; n++ {
		due := m.due()
		if due == nil || due.at > until {
			break
		}
		if n > modelRestless {
			m.problem("%v: the model does not come to rest: %s", m.now, due.what)
			return
		}
		if due.at > m.now {
			m.open = m.open || due.at == until
			m.settle()
		}
		m.now = due.at
		m.do(due.do)
	}
	m.now = until
}

// settle: this moment is over, and whoever looked at it has seen something.
func (m *modelTree) settle() {
	m.moment++
	for _, c := range m.calls {
		c.settled = len(c.answers) > 0
	}
}

// modelRestless is more than what happens in any step.
const modelRestless = 1_000_000

// modelDue is something that will happen at some time.
type modelDue struct {
	at    time.Duration
	loose *modelGroup // whose descent it is part of; the order to others of the same does not matter
	what  string
	do    func()
}

// due is what happens next.
func (m *modelTree) due() *modelDue {
	all := m.root.due(nil)
	if len(all) == 0 {
		return nil
	}
	first := slices.MinFunc(all, func(a, b *modelDue) int { return cmp.Compare(a.at, b.at) })
	first.at = max(first.at, m.now)
	for _, other := range all {
		if other != first && other.at <= first.at && (first.loose == nil || other.loose != first.loose) {
			m.open = true
		}
	}
	return first
}

// delay is the delay of a backoff, as it was seen; it has to be one that the policy allows.
func (m *modelTree) delay(path string, run int, p supervise.Policy, failures int) time.Duration {
	least := modelDelay(p, failures)
	key := fmt.Sprint(path, " ", run)
	seen := m.delays[key]
	if len(seen) == 0 {
		return least // and there will be an event too few
	}
	m.delays[key] = seen[1:]
	if seen[0] < least || seen[0] > least+least/2 {
		m.problem("%v %s: delay %v of run %d, want from %v to %v", m.now, path, seen[0], run, least, least+least/2)
	}
	return seen[0]
}

// modelDelay is min(Max, Min*2^n), of a policy with its defaults.
func modelDelay(p supervise.Policy, n int) time.Duration {
	if p.MinBackoff < 0 {
		return 0
	}
	d := p.MinBackoff
	for range n {
		d = min(2*d, p.MaxBackoff)
	}
	return d
}

// modelDefaults is a policy with its defaults, of a leaf or of a group or pool.
func modelDefaults(p supervise.Policy, kind modelKind) supervise.Policy {
	fill := func(d *time.Duration, otherwise time.Duration) {
		if *d == 0 {
			*d = otherwise
		}
	}
	low := 100 * time.Millisecond
	if p.MaxBackoff > 0 && p.MaxBackoff < low {
		low = p.MaxBackoff
	}
	fill(&p.MinBackoff, low)
	fill(&p.MaxBackoff, max(30*time.Second, p.MinBackoff))
	fill(&p.ResetAfter, max(10*time.Second, p.MaxBackoff))
	fill(&p.Window, time.Minute)
	if kind == kindLeaf {
		fill(&p.StartTimeout, 30*time.Second)
		fill(&p.StopTimeout, 10*time.Second)
	}
	fill(&p.StartTimeout, -1)
	fill(&p.StopTimeout, -1)
	return p
}

// --- errors -------------------------------------------------------------------------------------------

// modelErr is an error, by what it says and by what errors.Is would find in it.
type modelErr struct {
	text    string // as describeErr has it
	fatal   bool
	done    bool
	stuck   bool
	unclean bool        // has a StopError in it
	clean   bool        // a proper answer of a run that was told to stop
	exit    int         // of an ExitError in it
	parts   []*modelErr // of several joined
	faults  []*modelErr // of a StopError
}

// modelOutcome is how a run ended.
type modelOutcome struct {
	kind modelOutcomeKind
	err  *modelErr
}

type modelOutcomeKind int

const (
	runSucceeded modelOutcomeKind = iota
	runFailed
	runFinished
	runFatal
)

func modelDone() *modelErr { return &modelErr{text: "done", done: true, clean: true} }

// with is e under another text.
func (e *modelErr) with(format string, args ...any) *modelErr {
	wrapped := *e
	wrapped.text = fmt.Sprintf(format, args...)
	wrapped.parts, wrapped.faults = nil, nil
	return &wrapped
}

func (e *modelErr) String() string {
	if e == nil {
		return ""
	}
	return e.text
}

func modelChildErr(path string, err *modelErr) *modelErr {
	if err == nil { // a run that ended cleanly, and yet is a reason
		return &modelErr{text: path + "{other}"}
	}
	e := err.with("%s{%s}", path, err)
	e.clean = false // somebody's failure, whatever it was
	return e
}

func modelJoin(errs ...*modelErr) *modelErr {
	joined := &modelErr{clean: true}
	for _, e := range errs {
		if e == nil {
			continue
		}
		if e.parts != nil {
			joined.parts = append(joined.parts, e.parts...)
		} else {
			joined.parts = append(joined.parts, e)
		}
	}
	switch len(joined.parts) {
	case 0:
		return nil
	case 1:
		return joined.parts[0]
	}
	var texts []string
	for _, e := range joined.parts {
		texts = append(texts, e.text)
		joined.fatal = joined.fatal || e.fatal
		joined.done = joined.done || e.done
		joined.stuck = joined.stuck || e.stuck
		joined.unclean = joined.unclean || e.unclean
		joined.clean = joined.clean && e.clean
		joined.exit = max(joined.exit, e.exit)
	}
	slices.Sort(texts)
	joined.text = "[" + strings.Join(texts, " ") + "]"
	return joined
}

// modelStopErr is the StopError of what did not stop cleanly.
func modelStopErr(faults []*modelErr) *modelErr {
	if len(faults) == 0 {
		return nil
	}
	e := *modelJoin(append(slices.Clone(faults), &modelErr{text: "unclean"}, &modelErr{text: "unclean"})...)
	var texts []string
	for _, fault := range faults {
		texts = append(texts, fault.text)
	}
	slices.Sort(texts)
	e.text = "unclean[" + strings.Join(texts, " ") + "]"
	e.unclean, e.clean, e.done, e.parts, e.faults = true, false, false, nil, faults
	return &e
}

// exitCode is what ExitCode says of it.
func (e *modelErr) exitCode() int {
	switch {
	case e == nil:
		return 0
	case e.exit != 0:
		return e.exit
	case e.unclean, e.stuck:
		return 70
	case e.fatal:
		return 1
	case e.done:
		return 0
	default:
		return 1
	}
}
