package admin

import (
	"fmt"
	"net/http"

	"github.com/gin-gonic/gin"

	"tend.example/tend/supervise"
)

// reason is a part of the tree that keeps it from being ready.
type reason struct {
	Path  string          `json:"path"`
	State supervise.State `json:"state"`
	Err   string          `json:"err,omitzero"`
}

func (v View) readyz(c *gin.Context) {
	why := unready(v.Tree.Status())
	if len(why) > 0 {
		c.JSON(http.StatusServiceUnavailable, why)
		return
	}
	c.JSON(http.StatusOK, gin.H{"ready": true})
}

// unready lists what keeps the tree from being ready. The root has to be running; below it, what
// has come to rest does not count.
func unready(root supervise.Status) []reason {
	var why []reason
	if root.State != supervise.Running {
		why = append(why, newReason(root))
	}
	for _, child := range root.Children {
		why = appendUnready(why, child)
	}
	return why
}

func appendUnready(why []reason, s supervise.Status) []reason {
	if s.State != supervise.Running && !atRest(s.State) {
		why = append(why, newReason(s))
	}
	if atRest(s.State) {
		return why // and so is all below it, or was never begun
	}
	for _, child := range s.Children {
		why = appendUnready(why, child)
	}
	return why
}

func newReason(s supervise.Status) reason {
	r := reason{Path: s.Path, State: s.State}
	if s.Err != nil {
		r.Err = fmt.Sprint(s.Err) // which survives an Error method that panics
	}
	return r
}

func atRest(s supervise.State) bool {
	return s == supervise.Done || s == supervise.Failed || s == supervise.Stopped
}
