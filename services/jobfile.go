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
	if err == nil && file.Last.IsZero() {
		err = errors.New("it has no time \"last\" in it")
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		s.notes = append(s.notes, fileNote(j, "read", err))
	case time.Until(file.Last) > repeated: // and a little is setBack's to judge
		s.notes = append(s.notes, fileNote(j, "read", fmt.Errorf("its time %s is yet to come", file.Last.Format(time.RFC3339))))
	default:
		s.last, s.dealt = file.Last, file.Last
	}
}

// remember notes up to which time nothing waits, to be saved before the run begins that it is noted for. The caller holds the
// lock of the job.
func (j *Job) remember() {
	s := &j.state
	if len(s.backlog) == 0 && (s.queued == nil || s.queued.done != nil) {
		s.dealt = s.last
	}
	s.unsaved = j.StateFile != ""
}

// save writes the state file, if there is anything new. When it returns, all is in the file that was noted before it
// was called. The caller does not hold the lock of the job.
func (j *Job) save() error {
	if j.StateFile == "" {
		return nil
	}
	s := &j.state
	s.saving.Lock()
	defer s.saving.Unlock()
	s.mu.Lock()
	file, unsaved := jobFile{present(s.dealt).Round(0)}, s.unsaved
	s.unsaved = false
	s.mu.Unlock()
	if !unsaved {
		return nil
	}
	text, err := json.Marshal(file)
	if err != nil {
		return err
	}
	return replaceText(j.StateFile, text)
}

// replaceText writes another file and puts it in the place of the one at path, or of that which a symbolic link there leads to, so
// that no reader, nor the next process, finds half of it; not even when the power fails.
func replaceText(path string, text []byte) error {
	path = linked(path)
	fresh, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = fresh.Write(text)
	err = errors.Join(err, fresh.Sync(), fresh.Close())
	if err == nil {
		err = os.Rename(fresh.Name(), path)
	}
	if err != nil {
		_ = os.Remove(fresh.Name()) // it may be gone
		return err
	}
	if folder, err := os.Open(filepath.Dir(path)); err == nil {
		_ = folder.Sync() // not every system can
		_ = folder.Close()
	}
	return nil
}

// linked is where a path leads to that may be a symbolic link, also when nothing is there yet.
func linked(path string) string {
	for range 40 { // as many as Linux follows
		to, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(to) {
			to = filepath.Dir(path) + string(filepath.Separator) + to // not cleaned: the folder may be a link as well
		}
		path = to
	}
	return path
}

func fileNote(j *Job, verb string, err error) jobNote {
	return jobNote{slog.LevelWarn, verb + " the state file", []slog.Attr{slog.String("file", j.StateFile), slog.Any("err", err)}}
}
