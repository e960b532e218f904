package main

import (
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"github.com/gin-gonic/gin"
)

// web is what a request costs that services.HTTP serves, beside a bare http.Server with the same gin
// engine and the same limits.
//
// Once with the clients in this process and all of it on one core: of that the machine disturbs least, so
// it shows differences of one in two hundred, but the clients are a part of what is measured. And once with
// the clients in a process of their own and all cores for both, which shows what the servers alone use, and
// what their cores do to each other. The bare server beside itself tells what of a difference is noise.
func web(s settings) []experiment {
	near, far := func() *webBench { return openNear(webSides) }, func() *webBench { return openFar(webSides) }
	return []experiment{
		webSpeed(s, count(s.near)+" clients, one core", s.near, near),
		webSpeed(s, count(s.far)+" clients, another process", s.far, far),
		webGarbage(s, near),
	}
}

// webSide is one way to serve.
type webSide struct {
	name  string
	open  func(plain *gin.Engine) webServer
	equal bool // is to be as fast
	more  int  // allocations a request, at most
}

// webSides are what is served, in this order. All others stand beside the first.
var webSides = []webSide{
	{name: "bare http.Server", open: openBare},
	{name: "services.HTTP", open: openHTTP, equal: true},
	{name: "services.HTTP and router, with access log", open: openRouter, more: 2},
	{name: "bare beside itself", open: openBare},
}

// webTurn is what a turn gives.
var webTurn = []row{
	{name: "requests", unit: perSecond, bound: atLeast(0.98)},
	{name: "p50", unit: seconds},
	{name: "p99", unit: seconds, bound: atMost(1.02)},
	{name: "processor time a request", unit: seconds}, // of this process
}

func webSpeed(s settings, where string, clients int, open func() *webBench) experiment {
	e := webExperiment(open, func(b *webBench) []pair { return b.round(s, clients) })
	for _, side := range webSides[1:] {
		for _, r := range webTurn {
			r.name += ", " + where + ": " + side.name
			r.beside = "bare"
			if !side.equal {
				r.bound = bound{}
			}
			e.rows = append(e.rows, r)
		}
	}
	return e
}

func webGarbage(s settings, open func() *webBench) experiment {
	e := webExperiment(open, func(b *webBench) []pair { return b.allocations(s) })
	for _, side := range webSides[1:] {
		name := "allocations a request: " + side.name
		e.rows = append(e.rows, row{name: name, unit: number, beside: "bare", bound: atMostMore(float64(side.more))})
	}
	return e
}

func webExperiment(open func() *webBench, both func(*webBench) []pair) experiment {
	var b *webBench
	return experiment{
		open: func() func() {
			b = open()
			return b.close
		},
		both: func() []pair { return both(b) },
	}
}

// webBench is all sides, and clients for them.
type webBench struct {
	ask     func(webLoad) webAnswer
	servers []webServer
	stops   []func()
}

// openNear has the clients in this process, and that on one core.
func openNear(sides []webSide) *webBench {
	cores := runtime.GOMAXPROCS(1)
	clients := webClients{}
	b := &webBench{ask: func(l webLoad) webAnswer {
		a, err := clients.do(l)
		if err != nil {
			panic(fmt.Sprintf("client: %v", err))
		}
		return a
	}}
	b.openServers(sides)
	b.stops = append(b.stops, clients.close, func() { runtime.GOMAXPROCS(cores) })
	return b
}

// openFar has the clients in another process.
func openFar(sides []webSide) *webBench {
	client := startWebClient()
	b := &webBench{ask: client.ask}
	b.openServers(sides)
	b.stops = append(b.stops, client.stop)
	return b
}

func (b *webBench) openServers(sides []webSide) {
	plain := plainEngine()
	for _, side := range sides {
		s := side.open(plain)
		b.servers = append(b.servers, s)
		b.stops = append(b.stops, s.stop)
	}
}

// close lets the clients go first, or the servers would wait for them.
func (b *webBench) close() {
	for _, stop := range slices.Backward(b.stops) {
		stop()
	}
}

// round has many short turns, in each of which all sides are asked one after the other, and each as often
// before the first one as after it. Whatever else the machine does then meets all alike, and of what it does
// not, the median of the ratios in a turn leaves out most. So a p99 is that of a turn: of all together it
// would be that of the turns in which the processor was taken away. The connections are new in each
// round, as some lie better in memory than others.
func (b *webBench) round(s settings, clients int) (pairs []pair) {
	for _, server := range b.servers {
		b.ask(webLoad{Addr: server.addr, Clients: clients})
		b.turn(server, s.turn)
	}
	turns := make([][][]float64, len(b.servers))
	for k := range s.turns {
		for _, i := range order(len(b.servers), k) {
			turns[i] = append(turns[i], b.turn(b.servers[i], s.turn))
		}
	}
	for _, side := range turns[1:] {
		for i := range webTurn {
			pairs = append(pairs, medianPair(side, turns[0], i))
		}
	}
	return pairs
}

// order is that of the k-th turn: each side is as often in one place as in another, and every second turn
// is the one before it turned round.
func order(sides, k int) []int {
	out := make([]int, sides)
	for i := range out {
		out[i] = (i + k/2) % sides
	}
	if k%2 == 1 {
		slices.Reverse(out)
	}
	return out
}

// medianPair is of the i-th value of all turns.
func medianPair(side, beside [][]float64, i int) pair {
	var tend, suture, ratio []float64
	for k := range side {
		p := pairOf(side[k][i], beside[k][i])
		tend, suture, ratio = append(tend, p.tend), append(suture, p.suture), append(ratio, p.ratio)
	}
	return pair{median(tend), median(suture), median(ratio)}
}

// turn asks one server for a while.
func (b *webBench) turn(server webServer, d time.Duration) []float64 {
	before := processorTime()
	a := b.ask(webLoad{Addr: server.addr, For: d})
	used := processorTime() - before
	n := float64(a.Requests)
	return []float64{n / a.Took.Seconds(), a.P50.Seconds(), a.P99.Seconds(), used / n}
}

// allocations counts those of a request, to the hundredth, as the runtime makes a few by itself. On more than
// one core a quick client would save net/http one: its next request would end a read that otherwise ends
// with an error. No collection empties the pools of gin and net/http meanwhile.
func (b *webBench) allocations(s settings) (pairs []pair) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	all := make([]float64, len(b.servers))
	for i, server := range b.servers {
		runtime.GC()
		l := webLoad{Addr: server.addr, Each: s.requests}
		b.ask(webLoad{Addr: server.addr, Clients: 1})
		b.ask(l) // so that there is room for its times
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		a := b.ask(l)
		runtime.ReadMemStats(&after)
		all[i] = math.Round(float64(after.Mallocs-before.Mallocs)/float64(a.Requests)*100) / 100
	}
	for _, n := range all[1:] {
		pairs = append(pairs, pairOf(n, all[0]))
	}
	return pairs
}
