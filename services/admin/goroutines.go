package admin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/pprof/profile"
)

const (
	mostSeconds = 60
	mostStacks  = 1 << 20 // bytes of text
)

// share is what a service has of the program. It is known by the pprof label that every goroutine of a service
// inherits.
type share struct {
	Path       string  `json:"path"` // "": what belongs to none
	Goroutines int64   `json:"goroutines"`
	CPU        float64 `json:"cpu,omitzero"` // of one processor, while it was looked at
}

// stacks is a share with where the goroutines are.
type stacks struct {
	share
	Stacks string `json:"stacks"`
}

// profiler lets one look at a time: each stops the world for a moment, and the CPU has one profile.
type profiler struct{ mu sync.Mutex }

var errProfiled = errors.New("the CPU is being profiled by somebody else")

func (s *server) goroutines(w http.ResponseWriter, r *http.Request) {
	p, cpu, ok := s.look(w, r)
	if !ok {
		return
	}
	shares := map[string]*share{"": {}}
	of := func(path string) *share {
		if shares[path] == nil {
			shares[path] = &share{Path: path}
		}
		return shares[path]
	}
	for _, sample := range p.Sample {
		of(serviceOf(sample)).Goroutines += sample.Value[0]
	}
	for path, part := range cpu {
		of(path).CPU = part
	}
	list := make([]share, 0, len(shares))
	for _, one := range shares {
		list = append(list, *one)
	}
	slices.SortFunc(list, func(a, b share) int { return strings.Compare(a.Path, b.Path) })
	reply(w, http.StatusOK, list)
}

// goroutinesOf is about one service, and what is below it.
func (s *server) goroutinesOf(w http.ResponseWriter, r *http.Request, path string) {
	if _, _, ok := s.find(path); !ok {
		s.noService(w, r, path)
		return
	}
	p, cpu, ok := s.look(w, r)
	if !ok {
		return
	}
	found := stacks{share: share{Path: path}}
	var text strings.Builder
	for _, sample := range p.Sample {
		if !under(serviceOf(sample), path) {
			continue
		}
		found.Goroutines += sample.Value[0]
		if text.Len() < mostStacks {
			writeStack(&text, sample)
		}
	}
	for below, part := range cpu {
		if under(below, path) {
			found.CPU += part
		}
	}
	found.Stacks = text.String()
	reply(w, http.StatusOK, found)
}

// look takes a profile of the goroutines, and after ?seconds=N of the CPU.
func (s *server) look(w http.ResponseWriter, r *http.Request) (goroutines *profile.Profile, cpu map[string]float64, ok bool) {
	seconds := 0
	if text := r.URL.Query().Get("seconds"); text != "" {
		var err error
		if seconds, err = strconv.Atoi(text); err != nil || seconds < 0 || seconds > mostSeconds {
			fail(w, r, http.StatusBadRequest, fmt.Sprintf("seconds: want a number from 0 to %d", mostSeconds))
			return nil, nil, false
		}
	}
	ctx, free := s.untilDraining(r.Context())
	defer free()
	cpu, err := s.profiler.cpu(ctx, time.Duration(seconds)*time.Second)
	if err == nil {
		goroutines, err = s.profiler.goroutines()
	}
	switch {
	case errors.Is(err, errProfiled):
		fail(w, r, http.StatusConflict, err.Error())
	case err != nil:
		refuse(w, r, err)
	}
	return goroutines, cpu, err == nil
}

// cpu is what share of a processor each service takes for a while.
func (p *profiler) cpu(ctx context.Context, d time.Duration) (map[string]float64, error) {
	if d == 0 {
		return nil, nil
	}
	var raw bytes.Buffer
	begun := time.Now()
	if err := pprof.StartCPUProfile(&raw); err != nil {
		return nil, errProfiled
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	pprof.StopCPUProfile()
	took := time.Since(begun)
	parsed, err := profile.ParseData(raw.Bytes())
	if err != nil {
		return nil, fmt.Errorf("read the profile: %w", err)
	}
	shares := map[string]float64{}
	for _, sample := range parsed.Sample {
		shares[serviceOf(sample)] += float64(sample.Value[1]) / float64(took) // nanoseconds
	}
	return shares, nil
}

func (p *profiler) goroutines() (*profile.Profile, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var raw bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&raw, 0); err != nil {
		return nil, fmt.Errorf("take the profile: %w", err)
	}
	parsed, err := profile.ParseData(raw.Bytes())
	if err != nil {
		return nil, fmt.Errorf("read the profile: %w", err)
	}
	return parsed, nil
}

func serviceOf(sample *profile.Sample) string {
	if label := sample.Label["service"]; len(label) > 0 {
		return label[0]
	}
	return ""
}

// writeStack writes where some goroutines are, the innermost function first.
func writeStack(text *strings.Builder, sample *profile.Sample) {
	if n := sample.Value[0]; n == 1 {
		text.WriteString("1 goroutine")
	} else {
		fmt.Fprintf(text, "%d goroutines", n)
	}
	if label := sample.Label["job"]; len(label) > 0 {
		fmt.Fprintf(text, " of the job %q", label[0])
	}
	text.WriteString("\n")
	for _, at := range sample.Location {
		for _, line := range at.Line {
			fmt.Fprintf(text, "%s\n\t%s:%d\n", line.Function.Name, line.Function.Filename, line.Line)
		}
	}
	text.WriteString("\n")
}
