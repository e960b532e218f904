package router_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"

	"github.com/gin-gonic/gin"

	"tend.example/tend/services"
	"tend.example/tend/services/router"
)

func Example() {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	engine := router.New(log)
	engine.GET("/users/:id", func(c *gin.Context) { c.String(http.StatusOK, c.Param("id")) })
	web := &services.HTTP{Addr: ":8080", Handler: engine, Log: log}
	fmt.Println(web)
	// Output: http :8080
}
