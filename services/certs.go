package services

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"
)

// certs is a certificate from files, read again when they change.
type certs struct {
	certFile, keyFile string
	log               *slog.Logger
	present           atomic.Pointer[tls.Certificate]
}

func (h *HTTP) speaksTLS() bool { return h.CertFile != "" || h.KeyFile != "" || h.TLS != nil }

// certificates reads the certificate, or takes that of the run before, which follow then complains of. nil: there are no
// files.
func (h *HTTP) certificates() (*certs, error) {
	switch {
	case h.CertFile != "" || h.KeyFile != "":
	case h.TLS != nil && len(h.TLS.Certificates) == 0 && h.TLS.GetCertificate == nil && h.TLS.GetConfigForClient == nil:
		return nil, errors.New("TLS has no certificate, and there is no CertFile")
	default:
		return nil, nil //nolint:nilnil // nothing to read is no fault
	}
	c := &certs{certFile: h.CertFile, keyFile: h.KeyFile, log: h.log()}
	if err := c.load(); err != nil {
		before := h.certs.Load()
		if before == nil || before.certFile != c.certFile || before.keyFile != c.keyFile {
			return nil, err
		}
		c.present.Store(before.present.Load())
	}
	h.certs.Store(c)
	return c, nil
}

func (c *certs) load() error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("load the certificate %s with the key %s: %w", c.certFile, c.keyFile, err)
	}
	c.present.Store(&pair)
	return nil
}

// config is base with the certificate. On a nil c it is base.
func (c *certs) config(base *tls.Config) *tls.Config {
	if c == nil {
		return base
	}
	config := base.Clone() // nil of nil
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	config.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.present.Load(), nil }
	return config
}

// afterChange is how long the files must have been left alone: certificate and key are written one
// after the other.
const afterChange = 100 * time.Millisecond

// lookAgain is how often the files are read though nothing was said to have changed: a watch gets lost with
// its folder, and some file systems tell nothing.
const lookAgain = time.Minute

// follow reads the files again whenever something changes in their folders, until the function that it returns
// is called. On nil it does nothing.
func (c *certs) follow() (end func()) {
	if c == nil {
		return func() {}
	}
	watcher, err := c.watch()
	if err != nil {
		c.log.Warn("the certificate cannot be watched, and is read every minute", slog.Any("err", err))
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { // end waits for it
		defer close(ended)
		c.look(ctx, watcher)
	}()
	return func() {
		cancel()
		<-ended
		if watcher != nil {
			_ = watcher.Close() // there is nothing to be done about it
		}
	}
}

// watch watches the folders, because a file that is replaced, as in a volume of Kubernetes, is another one than
// the one watched.
func (c *certs) watch() (*fsnotify.Watcher, error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	for _, file := range []string{c.certFile, c.keyFile} {
		err = errors.Join(err, watcher.Add(filepath.Dir(file)))
	}
	return watcher, err
}

func (c *certs) look(ctx context.Context, watcher *fsnotify.Watcher) {
	var events <-chan fsnotify.Event
	var faults <-chan error
	if watcher != nil {
		events, faults = watcher.Events, watcher.Errors
	}
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	calm := time.NewTimer(0) // once at first: they may have changed since they were read
	defer calm.Stop()
	for {
		select {
		case <-events:
			calm.Reset(afterChange)
		case err := <-faults:
			c.log.Warn("watch the certificate", slog.Any("err", err))
			calm.Reset(afterChange) // something may have been missed
		case <-again.C:
			calm.Reset(0)
		case <-calm.C:
			c.reload()
		case <-ctx.Done():
			return
		}
	}
}

func (c *certs) reload() {
	before := c.present.Load()
	if err := c.load(); err != nil {
		c.log.Error("the certificate changed and cannot be used: the old one stays", slog.Any("err", err))
		return
	}
	if after := c.present.Load(); !after.Leaf.Equal(before.Leaf) {
		c.log.Info("certificate", slog.String("subject", after.Leaf.Subject.String()), slog.Time("until", after.Leaf.NotAfter))
	}
}
