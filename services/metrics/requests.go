package metrics

import (
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tend.example/tend/supervise"
)

// answer is what requests are counted by.
type answer struct {
	service, route string
	code           int
}

type answered struct {
	count prometheus.Counter
	took  prometheus.Observer
}

// What stands for the route of a request that has none, and for that of one with which there would be too many.
const (
	none       = "none"
	other      = "other"
	mostRoutes = 2000 // and statuses
)

// OnRequest counts a request: it is an OnRequest for router.Config. The route is the Pattern of the request, as
// http.ServeMux and package router set it, so a client can't make up any.
func (t *Tree) OnRequest(r *http.Request, status int, took time.Duration) {
	t.setUp()
	key := answer{t.shownAs(supervise.Path(r.Context())), r.Pattern, status}
	a := (*t.served.Load())[key]
	if a == nil {
		a = t.serves(key)
	}
	a.count.Inc()
	a.took.Observe(took.Seconds())
}

// Handler counts the requests that next answers. It has to be around the http.ServeMux, and what is in between must pass
// the request on itself and no copy of it, as Request.WithContext makes one, or the route is not known here.
func (t *Tree) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin, seen, panicked := time.Now(), t.writers.Watch(w), true
		defer func() { // also when the handler panics
			t.OnRequest(r, seen.Status(r.Context(), panicked), time.Since(begin))
		}()
		next.ServeHTTP(seen, r)
		panicked = false
	})
}

// serves makes the series for an answer that has not been given before.
func (t *Tree) serves(key answer) *answered {
	t.mu.Lock()
	defer t.mu.Unlock()
	served := *t.served.Load()
	if len(served) >= mostRoutes { // somebody makes patterns of paths
		key.route = other
	}
	if a := served[key]; a != nil {
		return a
	}
	route := none
	if key.route != "" {
		route = strings.ToValidUTF8(key.route, "\uFFFD")
	}
	a := &answered{
		t.vecs.requests.WithLabelValues(key.service, route, strconv.Itoa(key.code)),
		t.vecs.requestTook.WithLabelValues(key.service, route),
	}
	t.serve(func(served map[answer]*answered) { served[key] = a })
	return a
}

// serve changes what requests look at. The caller holds mu.
func (t *Tree) serve(change func(served map[answer]*answered)) {
	served := maps.Clone(*t.served.Load())
	change(served)
	t.served.Store(&served)
}

// forgetRequests drops those of services that are gone. The caller holds mu.
func (t *Tree) forgetRequests(gone func(service string) bool) {
	services := map[string]bool{}
	for key := range *t.served.Load() {
		if gone(key.service) {
			services[key.service] = true
		}
	}
	if len(services) == 0 {
		return
	}
	t.serve(func(served map[answer]*answered) {
		maps.DeleteFunc(served, func(key answer, _ *answered) bool { return services[key.service] })
	})
	for service := range services {
		t.vecs.requests.DeletePartialMatch(prometheus.Labels{"service": service})
		t.vecs.requestTook.DeletePartialMatch(prometheus.Labels{"service": service})
	}
}
