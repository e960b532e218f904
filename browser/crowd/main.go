// Command crowd is a program that embeds tend and has much to show: groups in groups, a pool of thousands, jobs, and names
// and errors that mean no good. The tests of the dashboard look at it, as the daemon has nothing of that.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"time"

	"github.com/gin-gonic/gin"

	"tend.example/tend/services"
	"tend.example/tend/services/admin"
	"tend.example/tend/services/admin/dashboard"
	"tend.example/tend/services/admin/journal"
	"tend.example/tend/supervise"
)

func main() {
	gin.SetMode(gin.ReleaseMode)
	addr := flag.String("admin-addr", "127.0.0.1:0", "where the dashboard is")
	members := flag.Int("members", 5000, "of the pool")
	malice := flag.Bool("malice", false, "with a service whose name and error mean no good")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	tree := newTree(*addr, *members)
	if *malice {
		tree.Children = append(tree.Children, supervise.Child{
			Name: "<b onclick=alert(1)>", Service: supervise.Func(evil), Policy: supervise.Policy{MinBackoff: time.Hour, MaxBackoff: time.Hour},
		})
	}
	os.Exit(supervise.ExitCode(tree.Serve(ctx)))
}

func newTree(addr string, members int) *supervise.Group {
	var events journal.Journal
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	tree := &supervise.Group{Name: "shop"}
	conns := &supervise.Pool{Policy: supervise.Policy{MinBackoff: time.Hour, MaxBackoff: time.Hour}}
	ready := make(chan struct{})
	tree.OnEvent = func(e supervise.Event) {
		events.Observe(e)
		if e.Path == "shop" && e.State == supervise.Running {
			close(ready)
		}
	}
	view := admin.View{
		Tree: tree, Journal: &events, Version: "v1.4.2", Log: log, Draining: services.Draining,
		Dashboard: dashboard.Dashboard{Tree: tree, Journal: &events, Version: "v1.4.2", MayAct: admin.MayAct, LoggedIn: admin.LoggedIn}.Handler(),
	}
	tree.Children = []supervise.Child{
		{Name: "admin", Service: &services.HTTP{Addr: addr, Handler: view.Handler(), ConnContext: admin.ConnContext, Log: log}},
		{Name: "store", WaitReady: true, Service: &supervise.Group{Strategy: supervise.RestForOne, Children: []supervise.Child{
			{Name: "database", Service: supervise.Func(idle)},
			{Name: "cache", Service: supervise.Func(idle)},
			{Name: "index", Service: supervise.Func(broken), Policy: supervise.Policy{Restart: supervise.Never}},
		}}},
		{Name: "jobs", Service: &supervise.Group{Concurrent: true, Children: []supervise.Child{
			{Name: "sweep", Service: &services.Job{Schedule: services.Every(2 * time.Second), Do: work(12), Log: log}},
			{Name: "invoices", Service: &services.Job{Schedule: services.Every(time.Second), Do: invoices(), OnError: services.Log, Log: slog.New(slog.DiscardHandler)}},
			{Name: "import", Service: supervise.Func(panics), Policy: supervise.Policy{MinBackoff: time.Minute, MaxBackoff: time.Hour}},
		}}},
		{Name: "conns", Service: conns},
		{Name: "fill", Service: supervise.Func(func(ctx context.Context) error { return fill(ctx, conns, members, ready, log) }), Policy: supervise.Policy{Restart: supervise.OnFailure}},
	}
	return tree
}

// fill adds the members once all else runs, and says so in the log.
func fill(ctx context.Context, pool *supervise.Pool, members int, ready <-chan struct{}, log *slog.Logger) error {
	for i := range members {
		run := idle
		if i%1000 == 7 {
			run = refused
		}
		if err := pool.Add(fmt.Sprintf("10.0.%d.%d:%d", i/250, i%250+1, 40000+i), supervise.Func(run)); err != nil {
			return err
		}
	}
	select {
	case <-ready:
		log.Info("ready")
	case <-ctx.Done():
	}
	return nil
}

func idle(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

func broken(context.Context) error { return errors.New("open index/segment_0017: input/output error") }

func refused(context.Context) error { return errors.New("read tcp: connection reset by peer") }

func panics(context.Context) error {
	var rows []int
	return fmt.Errorf("never: %d", rows[3])
}

// evil has an error that would do something to a terminal, to a page and to the direction of writing.
func evil(context.Context) error {
	return errors.New("\x1b[31mred\x1b[0m\n<script>alert(1)</script>\u202egnp.exe\x00 <img src=x onerror=alert(2)>")
}

func work(ms int) func(context.Context) error {
	n := 0
	return func(context.Context) error {
		n++
		time.Sleep(time.Duration(ms+n*7%23) * time.Millisecond)
		return nil
	}
}

// invoices fails now and then.
func invoices() func(context.Context) error {
	n := 0
	return func(context.Context) error {
		n++
		time.Sleep(time.Duration(40+n*13%37) * time.Millisecond)
		if n%6 == 0 {
			return errors.New("smtp: 451 try again later")
		}
		return nil
	}
}
