package client

import (
	"context"
	"net/http"
	"time"
)

// Upgrade has the daemon replace itself by its newer file. It returns when the new process serves.
func (c *Client) Upgrade(ctx context.Context, takes time.Duration) error {
	return c.do(ctx, request{method: http.MethodPost, path: "/api/v1/upgrade", takes: takes}, nil)
}
