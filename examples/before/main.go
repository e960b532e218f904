// Command before is the program that many Go daemons begin as: an errgroup, a signal context, a
// timer and a server. It is here to be compared with ../after.
//
// What it does not do: when the timer fails once, everything ends; a panic takes the process down;
// the server and the timer stop at the same moment, whoever needs whom; the exit code is 1 for a
// clean stop too slow and for a failure alike; and when something hangs, nobody learns what.
package main

import (
	"context"
	"errors"
	"log"
	"net/http"
	"os/signal"
	"syscall"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/errgroup"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, ":8080", time.Second, 5); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, addr string, tick time.Duration, ticks int) error {
	g, ctx := errgroup.WithContext(ctx)

	g.Go(func() error {
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		for range ticks {
			select {
			case <-ctx.Done():
				return nil
			case <-ticker.C:
				log.Print("tick")
			}
		}
		return errors.New("the timer has had enough")
	})

	router := gin.New()
	router.GET("/hello", func(c *gin.Context) { c.String(http.StatusOK, "Hello World!") })
	server := &http.Server{Addr: addr, Handler: router, ReadHeaderTimeout: 5 * time.Second}
	g.Go(func() error {
		if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		shutdown, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		return server.Shutdown(shutdown)
	})
	return g.Wait()
}
