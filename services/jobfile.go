package services

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"tend.example/tend/supervise"
)

// jobFile is what a StateFile has in it.
type jobFile struct {
	Last time.Time `json:"last"` // of the schedule, that was dealt with: up to it no run is to begin any more
}

// recall reads the state file, once. The caller holds the lock of the job.
func (j *Job) recall() {
	s := &j.state
	if j.StateFile == "" || s.known {
		return
	}
	s.known = true
	var file jobFile
	text, err := os.ReadFile(j.StateFile)
	if err == nil {
		err = json.Unmarshal(text, &file)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		j.logFile("read", err)
	case file.Last.After(time.Now()):
		j.logFile("read", fmt.Errorf("its time %s is yet to come", file.Last.Format(time.RFC3339)))
	default:
		s.last, s.dealt = file.Last, file.Last
	}
}

// remember notes what was dealt with, and writes the state file. The caller holds the lock of the job.
func (j *Job) remember() {
	if s := &j.state; len(s.backlog) == 0 {
		s.dealt = s.last
	}
	if j.StateFile == "" {
		return
	}
	text, err := json.Marshal(jobFile{j.state.dealt.Round(0)})
	if err == nil {
		err = replaceText(j.StateFile, text)
	}
	if err != nil {
		j.logFile("write", err)
	}
}

// replaceText writes another file and puts it in the place of the one at path, so that no reader, nor the next
// process, finds half of it.
func replaceText(path string, text []byte) error {
	fresh, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = fresh.Write(text)
	err = errors.Join(err, fresh.Close())
	if err == nil {
		err = os.Rename(fresh.Name(), path)
	}
	if err != nil {
		_ = os.Remove(fresh.Name()) // it may be gone
	}
	return err
}

func (j *Job) logFile(verb string, err error) {
	j.log().LogAttrs(j.state.seat.rota.ctx, slog.LevelWarn, verb+" the state file",
		slog.String("service", supervise.Path(j.state.seat.rota.ctx)), slog.String("file", j.StateFile), slog.Any("err", err))
}
