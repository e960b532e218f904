package services_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"

	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

// Socket activation: with FileDescriptorName=shop/web in its socket unit, systemd opens the port, starts the
// program when the first client comes, and keeps the port open between two processes. Without systemd, as here,
// the program opens Addr itself.
func ExampleInheritSockets() {
	sockets, err := services.InheritSockets()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sockets.Close()
	web := &services.HTTP{
		Addr:    "127.0.0.1:0",
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }),
		Log:     slog.New(slog.DiscardHandler),
	}
	ctx, stop := context.WithCancel(services.WithSockets(context.Background(), sockets))
	shop := &supervise.Group{Name: "shop", Children: []supervise.Child{
		{Name: "web", Service: web},
		{Name: "stop", Service: supervise.Func(func(context.Context) error { stop(); return nil })},
	}}
	fmt.Println(shop.Serve(ctx))
	// Output: <nil>
}

// What an upgrade is at its core, for who does it otherwise than package services/handover: this ready stands for however
// the other process says that it is.
func ExampleSockets_Pass() {
	upgrade := func(ctx context.Context, sockets *services.Sockets, start func(env []string, files []uintptr) (ready bool)) error {
		passing, err := sockets.Pass()
		if err != nil {
			return err
		}
		defer passing.Close()
		if !start(append(os.Environ(), passing.Env...), passing.Files) { // syscall.ForkExec, and wait
			return errors.New("it did not get ready, and was killed")
		}
		passing.HandOver(ctx, "shop/web") // which goes on answering what it has
		return nil
	}
	fmt.Println(upgrade(context.Background(), &services.Sockets{}, func([]string, []uintptr) bool { return false }))
	// Output: it did not get ready, and was killed
}
