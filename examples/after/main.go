// Command after is ../before on a tree: the server is up before the timer begins, the timer is
// restarted when it fails, five times a minute at most, and the server goes on meanwhile. A sixth
// failure ends the program with code 1, the server last.
package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gin-gonic/gin"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	err := newTree(&services.HTTP{Addr: ":8080", Handler: hello(), Log: log}, timer(log, time.Second, 5), log).Serve(ctx)
	log.Info("exit", "err", err)
	os.Exit(supervise.ExitCode(err))
}

func newTree(web *services.HTTP, timer supervise.Func, log *slog.Logger) *supervise.Group {
	return &supervise.Group{Name: "shop", OnEvent: supervise.LogEvents(log), Children: []supervise.Child{
		{Name: "web", Service: web},
		{Name: "timer", Service: timer, Policy: supervise.Policy{MaxRestarts: 5}},
	}}
}

func hello() http.Handler {
	router := gin.New()
	router.GET("/hello", func(c *gin.Context) { c.String(http.StatusOK, "Hello World!") })
	return router
}

// timer ticks a few times and fails.
func timer(log *slog.Logger, tick time.Duration, ticks int) supervise.Func {
	return func(ctx context.Context) error {
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		for range ticks {
			select {
			case <-ctx.Done():
				return nil
			case <-ticker.C:
				log.Info("tick", "service", supervise.Path(ctx))
			}
		}
		return errors.New("the timer has had enough")
	}
}
