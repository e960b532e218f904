package main

import (
	"archive/tar"
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// made makes an image of two programs, and returns its file.
func made(t *testing.T) (file string) {
	t.Helper()
	dir := t.TempDir()
	args := []string{"-out", filepath.Join(dir, "image.tar"), "-version", "v1.2.3", "-revision", "abc", "-created", "1700000000"}
	for _, arch := range []string{"amd64", "arm64"} {
		program := filepath.Join(dir, arch)
		if err := os.WriteFile(program, []byte("program of "+arch), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, arch+"="+program)
	}
	var out bytes.Buffer
	if err := run(args, &out); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(out.String(), "sha256:") {
		t.Errorf("printed %q, want a digest", out.String())
	}
	return filepath.Join(dir, "image.tar")
}

// opened unpacks the archive of an image, and returns the image of an architecture.
func opened(t *testing.T, file, arch string) v1.Image {
	t.Helper()
	dir := t.TempDir()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for name, text := range unpacked(t, f) {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text.body), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	top, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(top); err != nil {
		t.Error(err)
	}
	manifest, err := top.IndexManifest()
	if err != nil || len(manifest.Manifests) != 1 || manifest.Manifests[0].Annotations["org.opencontainers.image.ref.name"] != "1.2.3" {
		t.Fatalf("top: got %+v, %v, want one named 1.2.3", manifest, err)
	}
	inner, err := top.ImageIndex(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	if manifest, err = inner.IndexManifest(); err != nil {
		t.Fatal(err)
	}
	for _, m := range manifest.Manifests {
		if m.Platform.String() == "linux/"+arch {
			image, err := inner.Image(m.Digest)
			if err != nil {
				t.Fatal(err)
			}
			return image
		}
	}
	t.Fatalf("no %s in %+v", arch, manifest.Manifests)
	return nil
}

type entry struct {
	header *tar.Header
	body   string
}

func unpacked(t *testing.T, r io.Reader) map[string]entry {
	t.Helper()
	all := map[string]entry{}
	for archive := tar.NewReader(r); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		all[header.Name] = entry{header, string(body)}
	}
}

func TestTheSameProgramsMakeTheSameImage(t *testing.T) {
	one, err := os.ReadFile(made(t))
	if err != nil {
		t.Fatal(err)
	}
	two, err := os.ReadFile(made(t))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one, two) {
		t.Error("two builds differ")
	}
}

func TestWhatIsInTheImage(t *testing.T) {
	file := made(t)
	for _, arch := range []string{"amd64", "arm64"} {
		image := opened(t, file, arch)
		layers, err := image.Layers()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]entry{}
		for _, layer := range layers {
			r, err := layer.Uncompressed()
			if err != nil {
				t.Fatal(err)
			}
			for name, e := range unpacked(t, r) {
				got[name] = e
			}
			r.Close()
		}
		var list []string
		for _, name := range []string{
			"etc/", "etc/group", "etc/passwd", "etc/ssl/", "etc/ssl/certs/", "etc/ssl/certs/ca-certificates.crt", "tmp/", "usr/", "usr/bin/", "usr/bin/tend",
		} {
			e, ok := got[name]
			if !ok {
				t.Errorf("%s: no %s", arch, name)
				continue
			}
			list = append(list, fmt.Sprintf("%o %d:%d %s", e.header.Mode, e.header.Uid, e.header.Gid, name))
			if !e.header.ModTime.Equal(time.Unix(1700000000, 0)) {
				t.Errorf("%s: %s is of %s", arch, name, e.header.ModTime)
			}
		}
		want := "755 0:0 etc/,644 0:0 etc/group,644 0:0 etc/passwd,755 0:0 etc/ssl/,755 0:0 etc/ssl/certs/," +
			"644 0:0 etc/ssl/certs/ca-certificates.crt,1777 0:0 tmp/,755 0:0 usr/,755 0:0 usr/bin/,755 0:0 usr/bin/tend"
		if all := strings.Join(list, ","); all != want || len(got) != len(list) {
			t.Errorf("%s: got %s of %d, want %s", arch, all, len(got), want)
		}
		if got := got["usr/bin/tend"].body; got != "program of "+arch {
			t.Errorf("%s: got %q as its program", arch, got)
		}
		pool := x509.NewCertPool()
		pem := got["etc/ssl/certs/ca-certificates.crt"].body
		if n := strings.Count(pem, "BEGIN CERTIFICATE"); !pool.AppendCertsFromPEM([]byte(pem)) || n < 100 {
			t.Errorf("%s: got %d certificates, want them all to be good, and some 140", arch, n)
		}
	}
}

func TestHowTheImageRuns(t *testing.T) {
	config, err := opened(t, made(t), "arm64").ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintln(config.Architecture, config.Config.User, config.Config.Entrypoint, config.Config.Env, config.Config.StopSignal,
		config.Config.Labels["org.opencontainers.image.version"], config.Created.Unix())
	if want := "arm64 65532:65532 [/usr/bin/tend] [PATH=/usr/bin] SIGTERM v1.2.3 1700000000"; strings.Join(strings.Fields(got), " ") != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
