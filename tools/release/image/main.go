// Command image makes an OCI image of tend from nothing, without an engine: an archive of an OCI layout, as podman load,
// docker load, skopeo (oci-archive:) and crane read it.
//
//	image -out FILE -version V -revision COMMIT -created SECONDS ARCHITECTURE=PROGRAM...
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "image: %v\n", err)
		os.Exit(1)
	}
}

// run makes the image, and prints its digest.
func run(args []string, stdout io.Writer) error {
	r := release{Programs: map[string][]byte{}}
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	out := flags.String("out", "", "file to write")
	flags.StringVar(&r.Version, "version", "", "of the program")
	flags.StringVar(&r.Revision, "revision", "", "of its source")
	created := flags.Int64("created", 0, "seconds since 1970, of all files")
	if err := flags.Parse(args); err != nil {
		return err
	}
	r.Created = time.Unix(*created, 0).UTC()
	if *out == "" || flags.NArg() == 0 {
		return errors.New("-out and a program are needed")
	}
	var architectures []string
	for _, arg := range flags.Args() {
		arch, path, _ := strings.Cut(arg, "=")
		program, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		architectures = append(architectures, arch)
		r.Programs[arch] = program
	}
	digest, err := r.write(*out, architectures...)
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, digest)
	return nil
}

// write writes the image into an archive, and returns its digest.
func (r release) write(out string, architectures ...string) (digest string, err error) {
	index, err := r.index(architectures...)
	if err != nil {
		return "", err
	}
	folder, err := os.MkdirTemp("", "image")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(folder)
	blobs, err := layout.Write(folder, empty.Index)
	if err != nil {
		return "", err
	}
	name := map[string]string{"org.opencontainers.image.ref.name": strings.TrimPrefix(r.Version, "v")}
	if err := blobs.AppendIndex(index, layout.WithAnnotations(name)); err != nil {
		return "", err
	}
	f, err := os.Create(out)
	if err != nil {
		return "", err
	}
	if err := errors.Join(pack(f, folder, r.Created), f.Close()); err != nil {
		return "", err
	}
	hash, err := index.Digest()
	return hash.String(), err
}
