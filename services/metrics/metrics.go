// Package metrics measures a tree, and the HTTP services and jobs in it, for Prometheus. It knows nothing of how the
// numbers are served: give it the Registerer that you have.
//
//	measured := &metrics.Tree{Group: tree}
//	tree.OnEvent = measured.Observe
//	engine := router.Config{OnRequest: measured.OnRequest}.Engine() // or measured.Handler(mux), without gin
//	err := measured.Register(registry) // before tree.Serve
//
// docs/metrics.md in the repository has every metric with its type and labels. A pool is measured as one: by how many
// members are in each state, never by a series for each of them.
package metrics

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tend.example/tend/internal/reply"
	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

// Tree is the metrics of one tree. It is a prometheus.Collector; Register also connects it with the jobs of the tree.
// What the tree tells by itself (its Status, and the Detail of each service) is read when somebody asks for the
// metrics. Set its fields before the first use and leave them alone.
type Tree struct {
	// Group is the root of the tree. nil: there are only the metrics of requests.
	Group *supervise.Group

	// Buckets are classic buckets, in seconds, that the histograms have besides: for a Prometheus that does not
	// take native histograms. nil: none, and such a one sees their sums and counts only.
	Buckets []float64

	// MaxGoroutines is up to how many goroutines of the process they are counted for each service, which takes
	// some milliseconds a thousand. 0: 10,000; <0: they are not counted.
	MaxGoroutines int

	once    sync.Once
	joined  sync.Once
	descs   *descs
	vecs    *vecs
	writers reply.Writers
	pools   atomic.Pointer[map[string]bool]      // the paths of those that are known
	served  atomic.Pointer[map[answer]*answered] // every request looks here; a new map for each change

	mu      sync.Mutex
	paths   map[string]*path     // what events have told, by service
	members map[string]*failures // of all members of a pool, by pool
	jobs    map[string]*job      // what OnRun has told, by service
	expect  int                  // how many paths there may be before those that are gone are looked for
	dropped int                  // events
}

// setUp makes what is needed before anything can be measured.
func (t *Tree) setUp() {
	t.once.Do(func() {
		t.descs, t.vecs = newDescs(), newVecs(t.Buckets)
		t.paths, t.members, t.jobs = map[string]*path{}, map[string]*failures{}, map[string]*job{}
		t.pools.Store(&map[string]bool{})
		t.served.Store(&map[answer]*answered{})
	})
}

// Register registers the metrics, and puts itself before the OnRun of every services.Job of the tree, which is called all
// the same. Call it before the tree is served. Only what stands in the tree itself is found, also behind wrappers with a
// method `Unwrap() supervise.Service`: give a job that is added to services.Jobs later an OnRun by OnRun.
func (t *Tree) Register(to prometheus.Registerer) error {
	t.setUp()
	t.joined.Do(func() {
		if t.Group != nil {
			t.join(t.Group.Name, t.Group.Children)
		}
	})
	if err := to.Register(t); err != nil {
		return fmt.Errorf("register the metrics of %s: %w", t, err)
	}
	return nil
}

// String is the name of the tree.
func (t *Tree) String() string {
	if t.Group == nil {
		return "no tree"
	}
	return t.Group.Name
}

// join connects with the jobs below a path, and notes the pools.
func (t *Tree) join(above string, children []supervise.Child) {
	for _, child := range children {
		at := above + "/" + child.Name
		switch service := inside(child.Service).(type) {
		case *supervise.Group:
			t.join(at, service.Children)
		case *supervise.Pool:
			t.addPools(at)
		case *services.Job:
			service.OnRun = t.OnRun(at, service.OnRun)
		case *services.Jobs:
			for _, job := range service.Jobs {
				job.OnRun = t.OnRun(at, job.OnRun)
			}
		}
	}
}

// inside is what the wrappers of a service have in them.
func inside(s supervise.Service) supervise.Service {
	for {
		wrapper, ok := s.(interface{ Unwrap() supervise.Service })
		if !ok {
			return s
		}
		s = wrapper.Unwrap()
	}
}

// RegisterRuntime registers what Go and the system tell of the process. It is no error that this has been done, as it
// has for prometheus.DefaultRegisterer.
func RegisterRuntime(to prometheus.Registerer) error {
	for _, c := range []prometheus.Collector{collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})} {
		err := to.Register(c)
		if already := (prometheus.AlreadyRegisteredError{}); err != nil && !errors.As(err, &already) {
			return fmt.Errorf("register the metrics of the process: %w", err)
		}
	}
	return nil
}

// Handler serves what a Gatherer has, in the formats of Prometheus, compressed where the client takes it. What cannot be
// gathered is logged, and the rest served.
func Handler(from prometheus.Gatherer, log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(from, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(log.Handler(), slog.LevelError),
		ErrorHandling:       promhttp.ContinueOnError,
		MaxRequestsInFlight: 4, // or somebody who asks in a loop would keep all processors busy
	})
}
