package admin

import (
	"maps"
	"slices"
	"strings"
)

// Routes is all that a view answers, in the form of the OpenAPI document: "GET /api/v1/services/{path}/next".
func (v View) Routes() []string {
	s := newServer(v)
	routes := map[string]bool{}
	for _, r := range s.routes() {
		if r.path == servicesPrefix+"*path" {
			continue
		}
		path := strings.NewReplacer("*path", "{path}", ":name", "{name}").Replace(r.path)
		routes[r.method+" "+path] = true
	}
	routes["GET "+servicesPrefix+"{path}"] = true
	for verb, byMethod := range s.verbs {
		for method := range byMethod {
			routes[method+" "+servicesPrefix+"{path}/"+verb] = true
		}
	}
	return slices.Sorted(maps.Keys(routes))
}
