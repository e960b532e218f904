package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tend.example/tend/services/metrics"
	"tend.example/tend/supervise"
)

var atOnce = supervise.Policy{MinBackoff: -1}

func TestStateOfEachService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "a", Service: supervise.Func(idle)},
			{Name: "g", Service: &supervise.Group{Children: []supervise.Child{
				{Name: "b", Service: supervise.Func(fails), Policy: supervise.Policy{MinBackoff: time.Hour}},
			}}},
			{Name: "c", Service: supervise.Func(idle)},
		}})
		if err := m.Group.Stop(t.Context(), "tend/c"); err != nil {
			t.Error(err)
		}
		m.want(map[string]float64{
			`tend_service_state{service="tend",state="running"}`:     1,
			`tend_service_state{service="tend/a",state="running"}`:   1,
			`tend_service_state{service="tend/g",state="running"}`:   1,
			`tend_service_state{service="tend/g/b",state="backoff"}`: 1,
			`tend_service_state{service="tend/c",state="stopped"}`:   1,
			`tend_service_state{service="tend/c",state="running"}`:   0, // it is there, so that a rule can ask for 0
			`tend_service_ready{service="tend"}`:                     1,
			`tend_service_ready{service="tend/a"}`:                   1,
			`tend_service_ready{service="tend/g"}`:                   1,
			`tend_service_ready{service="tend/g/b"}`:                 0,
			`tend_service_ready{service="tend/c"}`:                   0,
		}, "tend_service_state{", "tend_service_ready")
		m.stop()
	})
}

func TestMetricsOfATreeThatIsNotServedYet(t *testing.T) {
	m := &measured{Tree: &metrics.Tree{Group: &supervise.Group{Name: "tend", Children: []supervise.Child{
		{Name: "a", Service: supervise.Func(idle)},
		{Name: "conns", Service: &supervise.Pool{}},
	}}}, t: t, registry: prometheus.NewRegistry()}
	if err := m.Register(m.registry); err != nil {
		t.Fatal(err)
	}
	m.want(map[string]float64{
		`tend_service_state{service="tend",state="idle"}`:       1,
		`tend_service_state{service="tend/a",state="idle"}`:     1,
		`tend_service_state{service="tend/conns",state="idle"}`: 1,
		`tend_pool_members{service="tend/conns",state="idle"}`:  0,
	}, "tend_service_state{", "tend_pool_members")
}

func TestRunsRestartsAndFailuresByKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		hangs := func(ctx context.Context) error { // silent, and returns when told
			<-ctx.Done()
			return ctx.Err()
		}
		deaf := func(context.Context) error {
			<-release
			return nil
		}
		once := supervise.Policy{Restart: supervise.Never}
		m := serve(t, &supervise.Group{Name: "tend", Concurrent: true, Children: []supervise.Child{
			{Name: "error", Service: failing(2, func() error { return errors.New("boom") }), Policy: atOnce},
			{Name: "panic", Service: failing(3, func() error { panic("boom") }), Policy: atOnce},
			{Name: "hung", Service: supervise.Func(hangs), Policy: supervise.Policy{Heartbeat: time.Second, Restart: supervise.Never}},
			{Name: "timeout", Service: supervise.Func(hangs), WaitReady: true, Policy: supervise.Policy{StartTimeout: time.Second, Restart: supervise.Never}},
			{Name: "once", Service: supervise.Func(fails), Policy: once},
			{Name: "foreign", Service: failing(1, func() error { return badError{} }), Policy: atOnce},
			{Name: "group", Policy: once, Service: &supervise.Group{Children: []supervise.Child{
				{Name: "limit", Service: failing(2, func() error { panic("boom") }), Policy: supervise.Policy{MaxRestarts: -1}},
			}}},
			{Name: "deaf", Service: supervise.Func(deaf), Policy: supervise.Policy{StopTimeout: time.Second}},
		}})
		time.Sleep(2 * time.Second)
		synctest.Wait()
		m.want(map[string]float64{
			`tend_service_runs_total{service="tend/error"}`:                        3,
			`tend_service_runs_total{service="tend/panic"}`:                        4,
			`tend_service_restarts_total{service="tend/error"}`:                    2,
			`tend_service_restarts_total{service="tend/panic"}`:                    3,
			`tend_service_failures_total{kind="error",service="tend/error"}`:       2,
			`tend_service_failures_total{kind="panic",service="tend/panic"}`:       3,
			`tend_service_failures_total{kind="hung",service="tend/hung"}`:         1,
			`tend_service_failures_total{kind="timeout",service="tend/timeout"}`:   1,
			`tend_service_failures_total{kind="error",service="tend/once"}`:        1,
			`tend_service_failures_total{kind="error",service="tend/foreign"}`:     1,
			`tend_service_failures_total{kind="error",service="tend/group"}`:       1,
			`tend_service_failures_total{kind="panic",service="tend/group/limit"}`: 1,
			`tend_service_failures_total{kind="stuck",service="tend/deaf"}`:        0,
			`tend_service_failures_total{kind="timeout",service="tend/group"}`:     0,
			`tend_service_failures_total{kind="error",service="tend/group/limit"}`: 0,
			`tend_service_failures_total{kind="hung",service="tend"}`:              0,
			`tend_service_restarts_total{service="tend/foreign"}`:                  1,
			`tend_service_runs_total{service="tend/foreign"}`:                      2,
			`tend_service_runs_total{service="tend/deaf"}`:                         1,
			`tend_service_runs_total{service="tend/group"}`:                        1,
			`tend_service_runs_total{service="tend/group/limit"}`:                  1,
			`tend_service_runs_total{service="tend/hung"}`:                         1,
			`tend_service_runs_total{service="tend/once"}`:                         1,
			`tend_service_runs_total{service="tend/timeout"}`:                      1,
			`tend_service_runs_total{service="tend"}`:                              m.values()[`tend_service_runs_total{service="tend"}`],
		}, "tend_service_runs", "tend_service_restarts", "tend_service_failures")
		m.stop()
		m.want(map[string]float64{`tend_service_failures_total{kind="stuck",service="tend/deaf"}`: 1}, `tend_service_failures_total{kind="stuck"`)
		close(release)
	})
}

// badError is an error of somebody who does not expect to be asked.
type badError struct{}

func (badError) Error() string { return "bad" }
func (badError) Is(error) bool { panic("do not ask") }
func failing(times int, how func() error) supervise.Service {
	return supervise.Func(func(ctx context.Context) error {
		if times--; times >= 0 {
			return how()
		}
		return idle(ctx)
	})
}

func TestFailureCountsOnceThoughItsRestartIsForbiddenLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "a", Service: supervise.Func(fails), Policy: supervise.Policy{MinBackoff: time.Hour}},
			{Name: "b", Service: supervise.Func(idle)},
		}})
		if err := m.Group.SetPolicy("tend/a", supervise.Policy{Restart: supervise.Never}); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		m.want(map[string]float64{
			`tend_service_state{service="tend/a",state="failed"}`:        1,
			`tend_service_failures_total{kind="error",service="tend/a"}`: 1,
		}, `tend_service_state{service="tend/a"`, "tend_service_failures")
		m.stop()
	})
}

func TestTimeInBackoffGoesOnWhileItLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "a", Service: supervise.Func(fails), Policy: supervise.Policy{MinBackoff: time.Hour, MaxBackoff: time.Hour}},
			{Name: "b", Service: supervise.Func(idle)},
		}})
		const waited = `tend_service_backoff_seconds_total{service="tend/a"}`
		time.Sleep(10 * time.Minute)
		m.want(map[string]float64{waited: 600}, "tend_service_backoff")
		time.Sleep(10 * time.Minute)
		m.want(map[string]float64{waited: 1200}, "tend_service_backoff")
		if err := m.Group.Stop(t.Context(), "tend/a"); err != nil {
			t.Log(err) // it failed before
		}
		time.Sleep(time.Hour)
		m.want(map[string]float64{waited: 1200}, "tend_service_backoff")
		m.stop()
	})
}

func TestDurationsOfRunsAndStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(ctx context.Context) error { // to stop
			<-ctx.Done()
			time.Sleep(2 * time.Second)
			return nil
		}
		short := func(context.Context) error {
			time.Sleep(3 * time.Second)
			return supervise.ErrDone
		}
		m := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
			{Name: "slow", Service: supervise.Func(slow)},
			{Name: "short", Service: supervise.Func(short)},
		}})
		time.Sleep(10 * time.Second)
		m.want(map[string]float64{
			`tend_service_run_duration_seconds_sum{service="tend/short"}`:   3,
			`tend_service_run_duration_seconds_count{service="tend/short"}`: 1,
		}, "tend_service_run_duration", "tend_service_stop_duration")
		if err := m.Group.Restart(t.Context(), "tend/slow"); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		m.want(map[string]float64{
			`tend_service_run_duration_seconds_sum{service="tend/slow"}`:    12,
			`tend_service_run_duration_seconds_count{service="tend/slow"}`:  1,
			`tend_service_stop_duration_seconds_sum{service="tend/slow"}`:   2,
			`tend_service_stop_duration_seconds_count{service="tend/slow"}`: 1,
		}, `tend_service_run_duration_seconds_sum{service="tend/slow"`, `tend_service_run_duration_seconds_count{service="tend/slow"`, "tend_service_stop_duration")
		m.stop()
		m.want(map[string]float64{
			`tend_service_stop_duration_seconds_sum{service="tend/slow"}`:   4,
			`tend_service_stop_duration_seconds_count{service="tend/slow"}`: 2,
			`tend_service_stop_duration_seconds_sum{service="tend"}`:        2,
			`tend_service_stop_duration_seconds_count{service="tend"}`:      1,
		}, "tend_service_stop_duration")
	})
}

func TestEventsThatWereDroppedAreCounted(t *testing.T) {
	now := time.Unix(0, 0)
	m := &measured{Tree: &metrics.Tree{Group: &supervise.Group{Name: "tend", Children: []supervise.Child{
		{Name: "a", Service: supervise.Func(idle)},
	}}}, t: t, registry: prometheus.NewRegistry()}
	if err := m.Register(m.registry); err != nil {
		t.Fatal(err)
	}
	m.Observe(supervise.Event{Time: now, Path: "tend/a", State: supervise.Starting, Run: 1})
	m.Observe(supervise.Event{Time: now.Add(time.Hour), Path: "tend/a", State: supervise.Backoff, Run: 7, Dropped: 12})
	m.Observe(supervise.Event{Time: now.Add(time.Hour + time.Second), Path: "tend/a", State: supervise.Starting, Run: 8})
	m.want(map[string]float64{
		`tend_events_dropped_total`:                            12,
		`tend_service_backoff_seconds_total{service="tend/a"}`: 1,
		// That it was one run of an hour is not known.
		`tend_service_run_duration_seconds_count{service="tend/a"}`: 0,
	}, "tend_events", "tend_service_backoff", "tend_service_run_duration")
}

func TestGoroutinesOfAServiceAreThoseWithItsLabel(t *testing.T) {
	running := make(chan struct{})
	leave := make(chan struct{})
	m := begin(t, &supervise.Group{Name: "tend", Children: []supervise.Child{
		{Name: "many", Service: supervise.Func(func(ctx context.Context) error {
			for range 10 {
				supervise.Go(ctx, idle)
			}
			go func() { <-leave }() // ends with the test
			supervise.Ready(ctx)
			return idle(ctx)
		}), WaitReady: true},
		{Name: "last", Service: supervise.Func(func(ctx context.Context) error {
			close(running)
			return idle(ctx)
		})},
	}})
	<-running
	got := m.values()
	if n := got[`tend_service_goroutines{service="tend/many"}`]; n != 12 {
		t.Errorf("tend/many: got %v goroutines, want itself and 11 more", n)
	}
	if n := got[`tend_service_goroutines{service="tend/last"}`]; n != 1 {
		t.Errorf("tend/last: got %v goroutines, want 1", n)
	}
	if n := got[`tend_service_goroutines{service=""}`]; n < 1 {
		t.Errorf("of no service: got %v goroutines, want at least this one", n)
	}
	close(leave)
	if err := m.stop(); err != nil {
		t.Error(err)
	}
}

func TestTooManyGoroutinesAreNotCounted(t *testing.T) {
	tree := &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "a", Service: supervise.Func(idle)}}}
	for most, counted := range map[int]bool{0: true, 1: false, -1: false} {
		m := &measured{Tree: &metrics.Tree{Group: tree, MaxGoroutines: most}, t: t, registry: prometheus.NewRegistry()}
		if err := m.Register(m.registry); err != nil {
			t.Fatal(err)
		}
		if _, ok := m.values()[`tend_service_goroutines{service="tend/a"}`]; ok != counted {
			t.Errorf("MaxGoroutines %d: counted %t, want %t", most, ok, counted)
		}
	}
}

func TestSeriesOfAServiceThatIsGoneGoAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := make(chan struct{})
		changes := func(ctx context.Context) error { // another group in each run
			for i := 0; ; i++ {
				inner := &supervise.Group{Name: fmt.Sprint("inner", i), Children: []supervise.Child{
					{Name: "a", Service: supervise.Func(idle)},
					{Name: "conns", Service: &supervise.Pool{}},
				}}
				sub, cancel := context.WithCancel(ctx)
				served := make(chan error, 1)
				go func() { served <- inner.Serve(sub) }()
				select {
				case <-next:
				case <-ctx.Done():
				}
				cancel()
				if err := <-served; err != nil || ctx.Err() != nil {
					return err
				}
			}
		}
		m := serve(t, &supervise.Group{Name: "tend", Children: []supervise.Child{{Name: "x", Service: supervise.Func(changes)}}})
		for i := range 3 {
			for there := range 3 {
				path := fmt.Sprint("tend/x/inner", there, "/a")
				if got := m.has(path); got != (there == i) {
					t.Errorf("%s, with inner%d: there is a series: %t", path, i, got)
				}
			}
			if pool := fmt.Sprintf(`tend_pool_members{service="tend/x/inner%d/conns",state="idle"}`, i); i > 0 && m.values()[pool] != 0 {
				t.Errorf("%s: want 0", pool)
			}
			next <- struct{}{}
			synctest.Wait()
		}
		m.stop()
	})
}

func TestServicesThatComeAndGoAreForgottenThoughNobodyAsks(t *testing.T) {
	m := &measured{Tree: &metrics.Tree{Group: &supervise.Group{Name: "tend", Children: []supervise.Child{
		{Name: "a", Service: supervise.Func(idle)},
	}}}, t: t, registry: prometheus.NewRegistry()}
	for i := range 10_000 {
		m.Observe(supervise.Event{Path: fmt.Sprint("tend/a/sub", i), State: supervise.Starting, Run: 1})
	}
	if known := m.Known(); known > 1001 {
		t.Errorf("%d services are known, want no more than 1,000 that are gone", known)
	}
	if err := m.Register(m.registry); err != nil {
		t.Fatal(err)
	}
	if got := m.values(); len(got) == 0 || m.Known() > 1 {
		t.Errorf("%d series, and %d services are known, want the one that there is", len(got), m.Known())
	}
}
