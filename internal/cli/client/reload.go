package client

import (
	"context"
	"net/http"
	"time"
)

// Report is what a reload did, or would do.
type Report struct {
	Changes  []Change `json:"changes"`
	DryRun   bool     `json:"dry_run,omitzero"`
	Err      string   `json:"err,omitzero"` // what did not go well, though it is done
	UnderWay bool     `json:"-"`            // the daemon could not wait for its end
}

// Change is one thing that a reload does.
type Change struct {
	Action string `json:"action"`
	Path   string `json:"path"`
	What   string `json:"what,omitzero"`
}

// Reload has the daemon load its configuration again, or tell what that would change. It waits for the end as long as
// takes; the daemon goes on when that is not long enough.
func (c *Client) Reload(ctx context.Context, dryRun bool, takes time.Duration) (report Report, err error) {
	query := "?timeout=" + takes.String()
	if dryRun {
		query += "&dry_run=true"
	}
	err = c.do(ctx, request{method: http.MethodPost, path: "/api/v1/reload" + query, takes: takes}, &report)
	report.UnderWay = err == nil && report.Changes == nil
	return report, err
}
