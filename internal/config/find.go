package config

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// findFile is the file that is asked for, or the first that there is.
func findFile(asked string, l Loader) (path string, text []byte, err error) {
	if asked != "" {
		text, err = readFile(asked, l.Again)
		return asked, text, err
	}
	for _, path = range usualFiles(l.Env) {
		text, err = readFile(path, l.Again)
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return path, text, err
		}
	}
	return "", nil, nil
}

// usualFiles are where a file is looked for.
func usualFiles(env []string) (paths []string) {
	home := lookup(env, "XDG_CONFIG_HOME")
	if !filepath.IsAbs(home) { // the specification has it so
		home = ""
		if user := lookup(env, "HOME"); filepath.IsAbs(user) {
			home = filepath.Join(user, ".config")
		}
	}
	if home != "" {
		paths = append(paths, filepath.Join(home, "tend", "tend.yaml"))
	}
	return append(paths, "/etc/tend/tend.yaml")
}

// ReadAgain reads a file that a Loader has found before.
func ReadAgain(path string) ([]byte, error) { return readFile(path, true) }

const maxFile = 1 << 20 // more is refused by tendfile

func readFile(path string, again bool) ([]byte, error) {
	file, err := open(path, again)
	if err != nil {
		return nil, cause(err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	return text, cause(err)
}

// open opens a file. One that is read again must be no pipe: what was in that is gone, and to open it may wait for ever.
func open(path string, again bool) (*os.File, error) {
	if info, err := os.Stat(path); again && err == nil && info.Mode()&fs.ModeNamedPipe != 0 {
		return nil, &fs.PathError{Op: "open", Path: path, Err: errors.New("is a pipe, which can be read only once")}
	}
	return os.Open(path)
}

// cause is err without the path, which the caller names.
func cause(err error) error {
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return path.Err
	}
	return err
}
