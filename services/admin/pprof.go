package admin

import (
	"fmt"
	"net/http"
	"os"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"strconv"
	"strings"
	"time"
)

// pprofRoutes serve what net/http/pprof does, for go tool pprof and go tool trace. That package itself cannot be
// imported: whoever embeds this one, and serves http.DefaultServeMux to everybody, would show it there.
func (s *server) pprofRoutes() []route {
	return []route{
		{http.MethodGet, "/debug/pprof/", pprofIndex},
		{http.MethodGet, "/debug/pprof/:name", s.pprofOf},
	}
}

func pprofIndex(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintln(w, "go tool pprof or go tool trace with one of:\n\ncmdline\nprofile?seconds=30\ntrace?seconds=1")
	for _, p := range pprof.Profiles() {
		fmt.Fprintf(w, "%s (%d)\n", p.Name(), p.Count())
	}
}

func (s *server) pprofOf(w http.ResponseWriter, r *http.Request) {
	name := rest(r, "/debug/pprof/")
	switch name {
	case "cmdline":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprint(w, strings.Join(os.Args, "\x00"))
	case "profile":
		s.record(w, r, 30, func() error { return pprof.StartCPUProfile(w) }, pprof.StopCPUProfile)
	case "trace":
		s.record(w, r, 1, func() error { return trace.Start(w) }, trace.Stop)
	default:
		lookUpProfile(w, r, name)
	}
}

func lookUpProfile(w http.ResponseWriter, r *http.Request, name string) {
	p := pprof.Lookup(name)
	if p == nil {
		fail(w, r, http.StatusNotFound, "there is no such profile")
		return
	}
	debug, _ := strconv.Atoi(r.URL.Query().Get("debug"))
	if gc, _ := strconv.Atoi(r.URL.Query().Get("gc")); name == "heap" && gc > 0 {
		runtime.GC()
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if debug == 0 {
		w.Header().Set("Content-Type", "application/octet-stream")
	}
	_ = p.WriteTo(w, debug) // the client may be gone
}

// record lets something write to the client for a while.
func (s *server) record(w http.ResponseWriter, r *http.Request, seconds int, start func() error, stop func()) {
	if text := r.URL.Query().Get("seconds"); text != "" {
		var err error
		if seconds, err = strconv.Atoi(text); err != nil || seconds < 1 || seconds > 600 {
			fail(w, r, http.StatusBadRequest, "seconds: want a number from 1 to 600")
			return
		}
	}
	ctx, free := s.untilDraining(r.Context())
	defer free()
	w.Header().Set("Content-Type", "application/octet-stream")
	if err := start(); err != nil {
		w.Header().Del("Content-Type")
		fail(w, r, http.StatusConflict, err.Error())
		return
	}
	defer stop()
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{}) // or the recording might be cut short
	timer := time.NewTimer(time.Duration(seconds) * time.Second)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
