package services_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tend.example/tend/supervise"
)

const emfile = syscall.EMFILE

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestListenerIsServedThroughRestarts(t *testing.T) {
	l := listen(t)
	h := newHTTP(hello)
	h.Listener = l
	f := newFailing(h)
	tr := serve(t, supervise.Child{Name: "web", Service: f, Policy: atOnce})
	awaitRunning(t, tr)
	f.fail <- fault
	awaitRun(t, tr, 2)
	if got := dialAddr(t, l.Addr()).get("/"); got.body != "hello" {
		t.Errorf("answer: got %q, want hello", got.body)
	}
	if err := tr.stop(); err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
	if _, err := net.Dial("tcp", l.Addr().String()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dial after the end: got %v, want connection refused", err)
	}
}

func TestPortTakenBetweenTwoRunsIsAFailureThatIsRetried(t *testing.T) {
	h := newHTTP(hello)
	h.HoldSocket = -1
	f := newFailing(h)
	tr := serve(t, supervise.Child{Name: "web", Service: f, Policy: supervise.Policy{MinBackoff: 20 * time.Millisecond, MaxBackoff: 20 * time.Millisecond}})
	awaitRunning(t, tr)
	h.Addr = h.BoundAddr().String() // the same port again; no run is at it
	var taken net.Listener
	f.fail <- fault
	eventually(t, "the port is ours", func() bool {
		l, err := net.Listen("tcp", h.Addr)
		taken = l
		return err == nil
	})
	eventually(t, "a run that has no address", func() bool { return errors.Is(tr.child().Err, syscall.EADDRINUSE) })
	taken.Close()
	eventually(t, "another run", func() bool { return tr.child().State == supervise.Running })
	if got := dial(t, h).get("/"); got.body != "hello" {
		t.Errorf("answer: got %q, want hello", got.body)
	}
	tr.stop()
}

func TestUnixSocketIsPrivate(t *testing.T) {
	var log records
	path := filepath.Join(t.TempDir(), "s")
	h := newHTTP(hello)
	h.Addr, h.Log = "unix:"+path, log.logger()
	tr := running(t, h, supervise.Policy{})
	if log.count("msg=listening service=test/web addr="+path+"\n") != 1 {
		t.Errorf("log: got %s, want the address", log.String())
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("got %v, %v, want a socket of mode 0600", info.Mode(), err)
	}
	if got := h.BoundAddr().String(); got != path {
		t.Errorf("BoundAddr: got %s, want %s", got, path)
	}
	if got := dial(t, h).get("/"); got.body != "hello" {
		t.Errorf("answer: got %q, want hello", got.body)
	}
	if err := tr.stop(); err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket after the end: got %v, want none", err)
	}
}

func TestUnixSocketReplacesAStaleOneOnly(t *testing.T) {
	for name, c := range map[string]struct {
		before func(path string) (free func(), err error)
		want   string // in the error; "": none
	}{
		"stale": {func(path string) (func(), error) {
			l, err := net.Listen("unix", path)
			if err == nil {
				l.(*net.UnixListener).SetUnlinkOnClose(false)
				l.Close()
			}
			return func() {}, err
		}, ""},
		"stale under its first name": {func(path string) (func(), error) { // as of a container's process 1 that died there
			l, err := net.Listen("unix", fmt.Sprintf("%s.%d", path, os.Getpid()))
			if err == nil {
				l.(*net.UnixListener).SetUnlinkOnClose(false)
				l.Close()
			}
			return func() {}, err
		}, ""},
		"answered": {func(path string) (func(), error) {
			l, err := net.Listen("unix", path)
			return func() { l.Close() }, err
		}, "somebody answers there: address already in use"},
		"a file": {func(path string) (func(), error) { return func() {}, os.WriteFile(path, []byte("precious"), 0o600) }, "there is something else than a socket: address already in use"},
		"no folder": {func(path string) (func(), error) {
			return func() {}, os.Remove(filepath.Dir(path))
		}, "no such file or directory"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "d", "s")
			if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			free, err := c.before(path)
			if err != nil {
				t.Fatal(err)
			}
			defer free()
			h := newHTTP(hello)
			h.Addr = "unix:" + path
			if c.want != "" {
				if err := h.Serve(t.Context()); err == nil || !strings.Contains(err.Error(), "listen on "+h.Addr+": ") || !strings.HasSuffix(err.Error(), c.want) {
					t.Errorf("Serve: got %v, want %s", err, c.want)
				}
				if name == "a file" {
					if text, _ := os.ReadFile(path); string(text) != "precious" {
						t.Errorf("the file has %q now", text)
					}
				}
				return
			}
			tr := running(t, h, supervise.Policy{})
			if got := dial(t, h).get("/"); got.body != "hello" {
				t.Errorf("answer: got %q, want hello", got.body)
			}
			tr.stop()
		})
	}
}

func TestRestartOfAUnixSocketLosesNobody(t *testing.T) {
	h := newHTTP(hello)
	h.Addr = "unix:" + filepath.Join(t.TempDir(), "s")
	tr := running(t, h, supervise.Policy{})
	before, err := os.Stat(h.BoundAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.Restart(t.Context(), "test/web"); err != nil {
		t.Error(err)
	}
	awaitRun(t, tr, 2)
	after, err := os.Stat(h.BoundAddr().String())
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("another socket, or none: %v", err)
	}
	tr.stop()
}

// --- TLS -----------------------------------------------------------------------------------------------

// newCertificate writes a certificate for 127.0.0.1 whose subject is name, and its key, over what was there.
func newCertificate(t *testing.T, folder, name string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	replaceFile(t, filepath.Join(folder, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	replaceFile(t, filepath.Join(folder, "cert.pem"), certPEM)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	return pool
}

// replaceFile puts another file in the place of one, as careful programs do.
func replaceFile(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// certificateOf is the subject that the server shows.
func certificateOf(addr net.Addr) (string, error) {
	nc, err := tls.Dial("tcp", addr.String(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return "", err
	}
	defer nc.Close()
	return nc.ConnectionState().PeerCertificates[0].Subject.CommonName, nil
}

func TestCertificateIsReadAgainWhenItChanges(t *testing.T) {
	var log records
	folder := t.TempDir()
	newCertificate(t, folder, "first")
	h := newHTTP(hello)
	h.Log = log.logger()
	h.CertFile, h.KeyFile = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	tr := running(t, h, supervise.Policy{})
	if got, err := certificateOf(h.BoundAddr()); got != "first" {
		t.Errorf("certificate: got %q, %v, want first", got, err)
	}
	replaceFile(t, h.CertFile, []byte("no certificate"))
	eventually(t, "the fault is logged", func() bool { return log.count("the old one stays") > 0 })
	if got, err := certificateOf(h.BoundAddr()); got != "first" {
		t.Errorf("certificate after a fault: got %q, %v, want first", got, err)
	}
	newCertificate(t, folder, "second")
	eventually(t, "the second certificate", func() bool {
		got, err := certificateOf(h.BoundAddr())
		return err == nil && got == "second"
	})
	if got := tr.child(); got.Run != 1 {
		t.Errorf("run %d, want no restart", got.Run)
	}
	if err := tr.stop(); err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
}

func TestCertificateThatCannotBeReadFailsTheRun(t *testing.T) {
	h := newHTTP(hello)
	h.CertFile, h.KeyFile = tempFile(t, "cert.pem", "none"), tempFile(t, "key.pem", "none")
	err := h.Serve(t.Context())
	if err == nil || !strings.HasPrefix(err.Error(), "load the certificate "+h.CertFile+" with the key "+h.KeyFile+": ") {
		t.Errorf("Serve: got %v, want what was tried", err)
	}
}

func TestProtocols(t *testing.T) {
	folder := t.TempDir()
	pool := newCertificate(t, folder, "test")
	for name, c := range map[string]struct {
		tls, h2c bool
		speaks   func(*http.Protocols)
		want     string // "": refused
	}{
		"HTTP/1.1":              {false, false, func(p *http.Protocols) { p.SetHTTP1(true) }, "HTTP/1.1"},
		"HTTP/1.1 in TLS":       {true, false, func(p *http.Protocols) { p.SetHTTP1(true) }, "HTTP/1.1"},
		"HTTP/2":                {true, false, func(p *http.Protocols) { p.SetHTTP2(true); p.SetHTTP1(true) }, "HTTP/2.0"},
		"h2c":                   {false, true, func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) }, "HTTP/2.0"},
		"HTTP/1.1 beside h2c":   {false, true, func(p *http.Protocols) { p.SetHTTP1(true) }, "HTTP/1.1"},
		"h2c that is not asked": {false, false, func(p *http.Protocols) { p.SetUnencryptedHTTP2(true) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHTTP(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) })
			scheme := "http://"
			if c.tls {
				scheme = "https://"
				h.CertFile, h.KeyFile = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
			}
			h.H2C = c.h2c
			tr := running(t, h, supervise.Policy{})
			transport := &http.Transport{Protocols: &http.Protocols{}, TLSClientConfig: &tls.Config{RootCAs: pool}}
			c.speaks(transport.Protocols)
			defer transport.CloseIdleConnections()
			resp, err := (&http.Client{Transport: transport}).Get(scheme + h.BoundAddr().String())
			if err == nil {
				defer resp.Body.Close()
				body, _ := io.ReadAll(resp.Body)
				if string(body) != c.want {
					t.Errorf("got %q, want %q", body, c.want)
				}
			} else if c.want != "" {
				t.Errorf("got %v, want %s", err, c.want)
			}
			transport.CloseIdleConnections()
			if err := tr.stop(); err != nil {
				t.Errorf("Serve: got %v, want nil", err)
			}
		})
	}
}

func TestOutsideOfATreeTheSocketEndsWithServe(t *testing.T) {
	h := newHTTP(hello)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- h.Serve(ctx) }()
	eventually(t, "it listens", func() bool { return h.BoundAddr() != nil })
	addr := h.BoundAddr().String()
	if got := dial(t, h).get("/"); got.body != "hello" {
		t.Errorf("answer: got %q, want hello", got.body)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
	if _, err := net.Dial("tcp", addr); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("dial: got %v, want connection refused", err)
	}
}
