package main

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"tend.example/tend/services"
	"tend.example/tend/services/router"
	"tend.example/tend/supervise"
)

// webServer is one that serves.
type webServer struct {
	addr string
	stop func() // and wait
}

// user is what the only route answers: some 100 bytes of JSON.
type user struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email"`
	Admin bool   `json:"admin"`
}

func showUser(c *gin.Context) {
	c.JSON(http.StatusOK, user{c.Param("id"), "Grace Brewster Hopper", "grace.hopper@navy.example", false})
}

// plainEngine is gin's own, without a middleware.
func plainEngine() *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.GET("/users/:id", showUser)
	return engine
}

// openBare has the limits that services.HTTP has by default.
func openBare(plain *gin.Engine) webServer {
	l, err := net.Listen("tcp", anyPort)
	if err != nil {
		panic(err)
	}
	s := &http.Server{
		Handler:           plain,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	return webServer{l.Addr().String(), func() {
		_ = s.Close() // what it would say, ended says
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			panic(err)
		}
	}}
}

func openHTTP(plain *gin.Engine) webServer { return openSupervised(plain) }

// openRouter logs as a program does, but to nowhere: what a terminal or a file costs is theirs.
func openRouter(*gin.Engine) webServer {
	engine := router.New(slog.New(slog.NewJSONHandler(io.Discard, nil)))
	engine.GET("/users/:id", showUser)
	return openSupervised(engine)
}

func openSupervised(handler http.Handler) webServer {
	h := &services.HTTP{Addr: anyPort, Handler: handler, Log: slog.New(slog.DiscardHandler)}
	return openWeb(&supervise.Group{Name: "bench", Children: []supervise.Child{{Name: "web", Service: h}}}, h)
}

func openWeb(g *supervise.Group, h *services.HTTP) webServer {
	stop := serve(g)
	for g.Status().State != supervise.Running { // before that it has no address
		time.Sleep(50 * time.Microsecond)
	}
	return webServer{h.BoundAddr().String(), stop}
}

const anyPort = "127.0.0.1:0"
