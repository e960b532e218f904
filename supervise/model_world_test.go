package supervise_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/thejerf/suture/v4"

	"tend.example/tend/supervise"
)

// modelWorld is the real tree beside its model, and what is seen of it.
type modelWorld struct {
	begin    time.Time
	group    *supervise.Group
	services map[string]*modelService // of leaves and members, by path
	pools    map[string]*supervise.Pool
	release  chan struct{} // closed to let everybody go
	ctx      context.Context
	calls    []*modelAnswer

	cancel context.CancelFunc // of the present Serve
	ended  chan struct{}
	err    error

	mu   sync.Mutex
	seen []modelItem
	gaps map[string][]time.Duration // the delays of backoffs
	woe  []string
}

// modelAnswer is what a call of an operator returned, once done is closed.
type modelAnswer struct {
	done   chan struct{}
	answer string
}

func newModelWorld(ctx context.Context, spec *modelSpec, begin time.Time) *modelWorld {
	w := &modelWorld{
		begin: begin, ctx: ctx, release: make(chan struct{}),
		services: map[string]*modelService{}, pools: map[string]*supervise.Pool{},
		gaps: map[string][]time.Duration{},
	}
	w.group = w.plantGroup(spec, spec.name)
	w.group.Name = spec.name
	w.group.OnEvent = w.observe
	return w
}

func (w *modelWorld) plantGroup(spec *modelSpec, path string) *supervise.Group {
	g := &supervise.Group{Strategy: spec.strategy, Concurrent: spec.concurrent, StopTimeout: spec.stopTimeout}
	for _, s := range spec.children {
		g.Children = append(g.Children, supervise.Child{
			Name: s.name, Service: w.plant(s, path+"/"+s.name), Policy: s.policy,
			WaitReady: s.waitReady, Significant: s.significant,
		})
	}
	return g
}

func (w *modelWorld) plant(spec *modelSpec, path string) supervise.Service {
	switch spec.kind {
	case kindGroup:
		return w.plantGroup(spec, path)
	case kindPool:
		w.pools[path] = &supervise.Pool{Policy: spec.members, Max: spec.max}
		return w.pools[path]
	default:
		w.services[path] = w.service(spec, path)
		return w.services[path]
	}
}

// serve begins a Serve in the background.
func (w *modelWorld) serve() {
	ctx, cancel := context.WithCancel(w.ctx)
	w.cancel, w.ended = cancel, make(chan struct{})
	go func() {
		defer close(w.ended)
		w.err = w.group.Serve(ctx)
	}()
}

func (w *modelWorld) hasEnded() bool {
	select {
	case <-w.ended:
		return true
	default:
		return false
	}
}

// call makes a call of an operator in the background.
func (w *modelWorld) call(path string, do func(context.Context) error) {
	a := &modelAnswer{done: make(chan struct{})}
	w.calls = append(w.calls, a)
	go func() {
		defer close(a.done)
		a.answer = modelAnswerOf(do(w.ctx))
	}()
}

func (w *modelWorld) observe(e supervise.Event) {
	w.see(true, e.Time, "%s %s %d: %s", e.Path, e.State, e.Run, describeErr(e.Err))
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.State == supervise.Backoff {
		key := fmt.Sprint(e.Path, " ", e.Run)
		w.gaps[key] = append(w.gaps[key], e.Delay)
	}
	if e.Dropped != 0 {
		w.woe = append(w.woe, fmt.Sprintf("%d events dropped", e.Dropped))
	}
}

func (w *modelWorld) see(event bool, at time.Time, format string, args ...any) {
	text := fmt.Sprintf("%v ", w.offset(at)) + fmt.Sprintf(format, args...)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, modelItem{event: event, text: text})
}

func (w *modelWorld) offset(t time.Time) time.Duration { return t.Sub(w.begin) }

// take is what was seen since the last take.
func (w *modelWorld) take() (seen []modelItem, gaps map[string][]time.Duration, woe []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen, gaps, woe = w.seen, w.gaps, w.woe
	w.seen, w.gaps, w.woe = nil, map[string][]time.Duration{}, nil
	return seen, gaps, woe
}

// status is that of a child, by path.
func (w *modelWorld) status(path string) supervise.Status {
	st := w.group.Status()
	for st.Path != path {
		k := slices.IndexFunc(st.Children, func(c supervise.Status) bool {
			return path == c.Path || strings.HasPrefix(path, c.Path+"/")
		})
		if k < 0 {
			return supervise.Status{}
		}
		st = st.Children[k]
	}
	return st
}

// --- the services ---------------------------------------------------------------------------------------

// modelService is a leaf: its runs do what the plan says, and what they are told to.
type modelService struct {
	*modelWorld
	spec *modelSpec
	path string
	told chan modelEnding // end, so
	say  chan struct{}    // call Ready
	hush chan struct{}    // beat no more

	mu     sync.Mutex
	served int
	alive  int
}

func (w *modelWorld) service(spec *modelSpec, path string) *modelService {
	return &modelService{
		modelWorld: w, spec: spec, path: path,
		told: make(chan modelEnding), say: make(chan struct{}), hush: make(chan struct{}),
	}
}

func (s *modelService) Serve(ctx context.Context) error {
	plan := s.enter()
	defer s.leave()
	ready, life, beat := modelTimer(plan.ready), modelTimer(plan.life), modelTimer(modelOrNever(s.spec.beat))
	for {
		select {
		case <-ready:
			supervise.Ready(ctx)
		case <-s.say:
			supervise.Ready(ctx)
		case <-beat:
			supervise.Beat(ctx)
			beat = modelTimer(s.spec.beat)
		case <-s.hush:
			beat = nil
		case <-life:
			return plan.ending.end(ctx)
		case how := <-s.told:
			return how.end(ctx)
		case <-ctx.Done():
			return s.stop(ctx, plan)
		}
	}
}

// stop is what a run does that was told to.
func (s *modelService) stop(ctx context.Context, plan modelPlan) error {
	s.see(false, time.Now(), "%s told: %s", s.path, describeErr(context.Cause(ctx)))
	wait := modelTimer(plan.stop)
	if plan.last {
		last, cancel := supervise.StopContext(ctx)
		defer cancel()
		select {
		case <-last.Done():
			wait = modelTimer(plan.stop)
		case <-modelTimer(modelForever):
			wait = modelTimer(0)
		case how := <-s.told:
			return how.end(ctx)
		case <-s.release:
		}
	}
	select {
	case <-wait:
		return plan.answer.end(ctx)
	case how := <-s.told:
		return how.end(ctx)
	case <-s.release:
		return nil
	}
}

// modelTimer is like time.After, and nil when it is never.
func modelTimer(d time.Duration) <-chan time.Time {
	if d < 0 {
		return nil
	}
	return time.After(d)
}

func modelOrNever(d time.Duration) time.Duration {
	if d == 0 {
		return modelNever
	}
	return d
}

func (s *modelService) enter() modelPlan {
	s.mu.Lock()
	defer s.mu.Unlock()
	plan := s.spec.plan(s.path, s.served)
	s.served++
	s.alive++
	if s.alive > 1 {
		s.see(false, time.Now(), "%s: %d runs at once", s.path, s.alive)
	}
	s.see(false, time.Now(), "%s begins %d", s.path, s.served)
	return plan
}

func (s *modelService) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alive--
	s.see(false, time.Now(), "%s ends", s.path)
}

// --- errors ---------------------------------------------------------------------------------------------

// describeErr is an error without what may differ from one time to the next: a text for each type, and
// the parts of what was joined in order.
func describeErr(err error) string {
	if name, ok := modelSentinels[err]; ok {
		return name
	}
	switch e := err.(type) { //nolint:errorlint // each layer is looked at
	case nil:
		return ""
	case *supervise.ChildError:
		return fmt.Sprintf("%s{%s}", e.Path, describeErr(e.Err))
	case *supervise.LimitError:
		return fmt.Sprintf("limit(%d/%v){%s}", e.Restarts, e.Window, describeErr(e.Err))
	case *supervise.StopError:
		var texts []string
		for i := range e.Children {
			texts = append(texts, describeErr(&e.Children[i]))
		}
		slices.Sort(texts)
		return "unclean[" + strings.Join(texts, " ") + "]"
	case *supervise.ExitError:
		return fmt.Sprintf("exit(%d){%s}", e.Code, describeErr(e.Err))
	case *supervise.StuckError:
		return "stuck"
	case *supervise.PanicError:
		if inner, ok := e.Value.(error); ok {
			return fmt.Sprintf("panic{%s}", describeErr(inner))
		}
		return fmt.Sprintf("panic(%v)", e.Value)
	case interface{ Unwrap() []error }:
		return describeJoinedErrs(e.Unwrap())
	case interface{ Unwrap() error }:
		return fmt.Sprintf("wrap{%s}", describeErr(e.Unwrap()))
	default:
		return "other"
	}
}

// modelSentinels are the errors that are known by name.
var modelSentinels = map[error]string{
	errBoom:                           "boom",
	context.Canceled:                  "cancelled",
	supervise.ErrDone:                 "done",
	supervise.ErrStop:                 "stop",
	supervise.ErrRestart:              "restart",
	supervise.ErrStartTimeout:         "late",
	supervise.ErrHung:                 "hung",
	supervise.ErrStuck:                "stuck",
	suture.ErrTerminateSupervisorTree: "terminate",
}

func describeJoinedErrs(errs []error) string {
	if len(errs) == 2 && errs[1] == suture.ErrTerminateSupervisorTree { //nolint:errorlint // how Fatal is made
		return fmt.Sprintf("fatal{%s}", describeErr(errs[0]))
	}
	var texts []string
	for _, err := range errs {
		texts = append(texts, describeErrParts(err)...)
	}
	slices.Sort(texts)
	return "[" + strings.Join(texts, " ") + "]"
}

// describeErrParts is describe of each of several joined errors.
func describeErrParts(err error) []string {
	text := describeErr(err)
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || !strings.HasPrefix(text, "[") {
		return []string{text}
	}
	var texts []string
	for _, part := range joined.Unwrap() {
		texts = append(texts, describeErrParts(part)...)
	}
	return texts
}

// modelAnswerOf is the answer to a call, as the model has it.
func modelAnswerOf(err error) string {
	var child *supervise.ChildError
	switch {
	case err == nil:
		return answerNil
	case errors.As(err, &child):
		return describeErr(err)
	case errors.Is(err, supervise.ErrNotServing):
		return answerNotServing
	case errors.Is(err, supervise.ErrNoChild):
		return answerNoChild
	case errors.Is(err, supervise.ErrStuck):
		return answerStuck
	case errors.Is(err, supervise.ErrDuplicate):
		return answerDuplicate
	case errors.Is(err, supervise.ErrFull):
		return answerFull
	default:
		return answerRefused
	}
}
