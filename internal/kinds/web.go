package kinds

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"tend.example/tend/internal/tendfile"
	"tend.example/tend/services"
	"tend.example/tend/supervise"
)

// exitUnavailable is EX_UNAVAILABLE of sysexits: an address is not to be had.
const exitUnavailable = 69

// web is an HTTP server that can be given other settings between two runs, so it keeps its socket when they change.
//
// One that is there from the beginning ends the program when its first run cannot have its address:
// nothing has been served yet, and whoever starts a program waits to read why it didn't. A later
// run that cannot have it is an ordinary failure, for the policy to decide.
type web struct {
	*services.HTTP
	tried bool                     // runs never overlap
	next  atomic.Pointer[settings] // for the next run; nil: nothing new
}

// settings are what changes without another address.
type settings struct {
	handler           http.Handler
	drainDelay        time.Duration
	certFile, keyFile string
	h2c               bool
	maxConns          int
}

func newWeb(addr string, m *Maker, first *settings) *web {
	w := &web{HTTP: &services.HTTP{Addr: addr, Log: m.Log}, tried: m.begun}
	w.next.Store(first)
	return w
}

func newSettings(path string, h *tendfile.HTTP, m *Maker) *settings {
	return &settings{newHandler(path, h.Routes, m), *h.DrainDelay, h.CertFile, h.KeyFile, h.H2C, h.MaxConns}
}

// Serve takes over what is new, and is then that of services.HTTP. What an earlier run left goes on as it was: it looks
// at none of this again.
func (w *web) Serve(ctx context.Context) error {
	if s := w.next.Swap(nil); s != nil {
		w.Handler, w.DrainDelay, w.CertFile, w.KeyFile, w.H2C, w.MaxConns = s.handler, s.drainDelay, s.certFile, s.keyFile, s.h2c, s.maxConns
	}
	first := !w.tried
	w.tried = true
	err := w.HTTP.Serve(ctx)
	var refused *services.ListenError
	if first && errors.As(err, &refused) {
		return supervise.Fatal(&supervise.ExitError{Code: exitUnavailable, Err: err})
	}
	return err
}
