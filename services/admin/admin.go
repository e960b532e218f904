// Package admin is the operator's view of a tree, over HTTP: is it alive, is it ready, what does
// it look like.
package admin

import (
	"errors"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"tend.example/tend/supervise"
)

// View shows a tree.
type View struct {
	// Tree is what is shown. Required.
	Tree *supervise.Group

	// Drill makes the service at path fail in the given mode, without waiting for it. It answers
	// supervise.ErrNoChild for a path that does not exist, supervise.ErrNotServing for a service
	// that does not run, and another error for an unknown mode. nil: there are no drills.
	Drill func(path, mode string) error

	// Metrics serves /metrics. nil: there is no such route.
	Metrics http.Handler
}

// Handler serves these routes:
//
//	GET  /livez                        200 whenever it can answer; HEAD, too
//	GET  /readyz                       200, or 503 with the reasons: a list of path, state and err
//	GET  /metrics                      what Metrics serves; 404 without it
//	GET  /api/tree                     the tree's supervise.Status
//	POST /api/drill/{path}?mode=MODE   202; 400, 404 and 409 as View.Drill answers; 404 without it
//
// A tree is ready while it and all below it is running; services that are done, failed for good or
// stopped do not count. Bodies are JSON. Paths are taken with and without the root's name.
func (v View) Handler() http.Handler {
	engine := gin.New() // net/http recovers from panics, and gin.Recovery would hide them
	engine.HandleMethodNotAllowed = true
	probe := []string{http.MethodGet, http.MethodHead} // balancers ask by either
	engine.Match(probe, "/livez", func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"alive": true}) })
	engine.Match(probe, "/readyz", v.readyz)
	engine.GET("/api/tree", func(c *gin.Context) { c.JSON(http.StatusOK, v.Tree.Status()) })
	if v.Metrics != nil {
		engine.GET("/metrics", gin.WrapH(v.Metrics))
	}
	if v.Drill != nil {
		engine.POST("/api/drill/*path", v.drill)
	}
	// A page that the operator has open elsewhere must not be able to act.
	return http.NewCrossOriginProtection().Handler(engine)
}

func (v View) drill(c *gin.Context) {
	path, mode := strings.TrimPrefix(c.Param("path"), "/"), c.Query("mode")
	err := v.Drill(path, mode)
	code := http.StatusBadRequest
	switch {
	case err == nil:
		c.JSON(http.StatusAccepted, gin.H{"path": path, "mode": mode})
		return
	case errors.Is(err, supervise.ErrNoChild):
		code = http.StatusNotFound
	case errors.Is(err, supervise.ErrNotServing):
		code = http.StatusConflict
	}
	c.JSON(code, gin.H{"err": err.Error()})
}
