package dashboard

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

//go:embed assets
var assetFiles embed.FS //nolint:gochecknoglobals // go:embed knows no other place

//go:embed pages
var pageFiles embed.FS //nolint:gochecknoglobals // go:embed knows no other place

func parsePages() *template.Template {
	return template.Must(template.New("").Funcs(words()).ParseFS(pageFiles, "pages/*.html"))
}

// assets are the files that pages refer to.
type assets struct {
	build string // a hash of all
	files map[string]asset
}

type asset struct {
	text []byte
	kind string
	tag  string
}

func readAssets() assets {
	a := assets{files: map[string]asset{}}
	all := sha256.New()
	kinds := map[string]string{
		".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
	}
	err := fs.WalkDir(assetFiles, "assets", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := assetFiles.ReadFile(name)
		hash := sha256.Sum256(text)
		all.Write(hash[:])
		a.files["/"+name] = asset{text, kinds[path.Ext(name)], `"` + hex.EncodeToString(hash[:8]) + `"`}
		return err
	})
	pages, globErr := fs.Glob(pageFiles, "pages/*.html")
	for _, name := range pages {
		text, _ := pageFiles.ReadFile(name) // Glob has just found it
		all.Write(text)
	}
	if err != nil || globErr != nil {
		panic(fmt.Sprintf("read what is embedded: %v, %v", err, globErr))
	}
	a.build = hex.EncodeToString(all.Sum(nil)[:8])
	return a
}

// serve lets browsers keep what they have, and ask whether it is still the same: another program may have come to this
// address.
func (a *assets) serve(w http.ResponseWriter, r *http.Request) {
	file, ok := a.files[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", file.kind)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", file.tag)
	if strings.Contains(r.Header.Get("If-None-Match"), file.tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(file.text) // the client may be gone
}
