package config

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"tend.example/tend/internal/tendfile"
)

// Template is a file to begin with: all settings at their defaults, and services of each kind, as comments.
func Template() string {
	var w tendfile.Writer
	w.WriteString("# The configuration of tend. Every line that begins with #: and a key is what holds without it; take away the #:\n" +
		"# to change it. docs/configuration.md tells of every key; tend config check FILE finds mistakes.\n\n")
	for _, key := range Keys() {
		value := settingText(key, key.Default)
		w.WriteString("# " + key.Doc + "\n#:")
		w.Line(key.Name, value, "")
		w.WriteString("\n")
	}
	for line := range strings.Lines(templateServices) {
		if text := strings.TrimSpace(line); text != "" && !strings.HasPrefix(text, "#") {
			w.WriteString("#:")
		}
		w.WriteString(line)
	}
	return w.String()
}

// templateServices is what Template comments out.
const templateServices = `# What runs besides admin, in the order of starting. Without it: hello, at http-addr, and timer.
services:
  # A program that runs all the time. It is told PORT=9000, and ready when it accepts there.
  - name: app
    policy: backoff=200ms..10s,limit=5/1m
    command: {run: ./app --verbose, port: 9000}

  # A server of files, and a reverse proxy. Without addr it listens at http-addr.
  - name: web
    http:
      routes:
        /: {static: ./public}
        /api/: {proxy: app}

  # A program that is run at times.
  - name: nightly
    job: {schedule: 0 3 * * *, zone: Europe/Berlin, run: ./backup.sh --full, on-error: log}

  # Services that are restarted together.
  - name: workers
    group:
      strategy: one-for-all
      services:
        - name: mail
          command: {run: [./worker, --queue, mail]}
        - name: images
          command: {run: [./worker, --queue, images]}

# How services are restarted and stopped: docs/policies.md
policies:
  default: restart=always
  workers/mail: backoff=1s..1m
`

// WriteTemplate writes the template to a file that is not there yet.
func WriteTemplate(path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		if errors.Is(err, os.ErrExist) {
			return fmt.Errorf("write %s: it is there already, and stays as it is", path)
		}
		return fmt.Errorf("write %s: %w", path, cause(err))
	}
	if _, err = file.WriteString(Template()); err == nil {
		err = file.Close()
	} else {
		_ = file.Close()
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, cause(err))
	}
	return nil
}
