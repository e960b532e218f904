package services_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

// A web service in a tree, asked once.
func ExampleHTTP() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hello", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello from %s", supervise.Path(r.Context()))
	})
	web := &services.HTTP{
		Addr:       "127.0.0.1:0", // ":8080" in earnest
		Handler:    mux,
		Log:        slog.New(slog.DiscardHandler),
		DrainDelay: 5 * time.Millisecond, // behind a load balancer: as long as that takes to find out
	}
	ctx, stop := context.WithCancel(context.Background())
	ask := supervise.Func(func(context.Context) error { // web listens before this one begins
		resp, err := http.Get("http://" + web.BoundAddr().String() + "/hello")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		fmt.Println(resp.Status, string(body))
		http.DefaultClient.CloseIdleConnections()
		stop()
		return err
	})
	shop := &supervise.Group{Name: "shop", Children: []supervise.Child{
		{Name: "web", Service: web},
		{Name: "ask", Service: ask, Policy: supervise.Policy{Restart: supervise.Never}},
	}}
	fmt.Println(shop.Serve(ctx))
	// Output:
	// 200 OK hello from shop/web
	// <nil>
}

// A stream of events that ends by itself when the service wants to stop, instead of being cut off.
func ExampleDraining() {
	events := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				fmt.Fprint(w, "data: tick\n\n")
				_ = http.NewResponseController(w).Flush()
			case <-services.Draining(r.Context()):
				fmt.Fprint(w, "event: bye\ndata:\n\n") // the client connects again, to a server that goes on
				return
			case <-r.Context().Done():
				return // the client is gone
			}
		}
	}
	web := &services.HTTP{Addr: ":8080", Handler: http.HandlerFunc(events)}
	fmt.Println(web)
	// Output: http :8080
}
