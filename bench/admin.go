package main

import (
	"io"
	"log/slog"
	"runtime"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"tend.example/tend/services"
	"tend.example/tend/services/admin"
	"tend.example/tend/services/admin/dashboard"
	"tend.example/tend/services/admin/journal"
	"tend.example/tend/services/admin/logring"
	"tend.example/tend/services/metrics"
	"tend.example/tend/services/router"
	"tend.example/tend/supervise"
)

// adminSides is the same service, with an access log, without and with all that the daemon has for its operator: the
// last lines of the log, the last events, metrics of each request, and the server of API and dashboard, which
// nobody asks.
var adminSides = []webSide{
	{name: "without", open: func(*gin.Engine) webServer { return openWatched(false) }},
	{name: "with", open: func(*gin.Engine) webServer { return openWatched(true) }},
}

// busy is the load that its share of the processor is told at.
const busy = 20_000 // requests a second

// adminSide is what the operator's view costs while nobody looks.
func adminSide(s settings) []experiment {
	cpu := webExperiment(func() *webBench { return openFar(adminSides) }, func(b *webBench) []pair {
		p := b.round(s, s.far)[len(webTurn)-1]
		return []pair{{p.tend * busy, p.suture * busy, p.ratio}}
	})
	cpu.rows = []row{{
		name: "cores at 20,000 requests a second: with the admin side, closed", unit: number, beside: "without", bound: atMostMore(0.01),
	}}
	memory := experiment{
		rows: []row{{name: "heap after that load: with the admin side, closed", unit: bytes, beside: "without", bound: atMostMore(10 << 20)}},
		both: func() []pair {
			without, with := heapOf(s, false), heapOf(s, true)
			return []pair{pairOf(with, without)}
		},
	}
	return []experiment{cpu, memory}
}

// heapOf is what a server and its clients hold after some load.
func heapOf(s settings, watched bool) float64 {
	before := heap()
	server := openWatched(watched)
	clients := webClients{}
	for _, l := range []webLoad{{Addr: server.addr, Clients: s.near}, {Addr: server.addr, Each: s.requests / s.near}} {
		if _, err := clients.do(l); err != nil {
			panic(err)
		}
	}
	after := heap()
	clients.close()
	server.stop()
	return after - before
}

func heap() float64 {
	runtime.GC()
	runtime.GC() // what pools gave up in the first
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// openWatched is openRouter, and if it is watched what the daemon has around it.
func openWatched(watched bool) webServer {
	g := &supervise.Group{Name: "bench"}
	lines, events := &logring.Ring{}, &journal.Journal{}
	measured, registry := &metrics.Tree{Group: g}, prometheus.NewRegistry()
	var handler slog.Handler = slog.NewJSONHandler(io.Discard, nil)
	config := router.Config{}
	if watched {
		handler = lines.Tee(handler)
		config.OnRequest = measured.OnRequest
		g.OnEvent = func(e supervise.Event) {
			measured.Observe(e)
			events.Observe(e)
		}
	}
	log := slog.New(handler)
	config.Log = log
	engine := config.Engine()
	engine.GET("/users/:id", showUser)
	web := &services.HTTP{Addr: anyPort, Handler: engine, Log: log}
	g.Children = []supervise.Child{{Name: "web", Service: web}}
	if watched {
		view := admin.View{Tree: g, Journal: events, Logs: lines, Metrics: metrics.Handler(registry, log), Log: log, Draining: services.Draining}
		view.Dashboard = dashboard.Dashboard{Tree: g, Journal: events, MayAct: admin.MayAct, LoggedIn: admin.LoggedIn}.Handler()
		side := &services.HTTP{Addr: anyPort, Handler: view.Handler(), ConnContext: admin.ConnContext, Log: log}
		g.Children = append([]supervise.Child{{Name: "admin", Service: side}}, g.Children...)
		if err := measured.Register(registry); err != nil {
			panic(err)
		}
	}
	return openWeb(g, web)
}
