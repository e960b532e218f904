package browser_test

import (
	"bytes"
	"cmp"
	"image"
	"image/color"
	"image/png"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// The pictures of the docs: TEND_PICTURES=../docs/img go test -run Pictures.
func TestPictures(t *testing.T) {
	dir := os.Getenv("TEND_PICTURES")
	if dir == "" {
		t.Skip("TEND_PICTURES says where they go")
	}
	d := crowd(t)
	b := open(t, d.url("/"))
	const jobs, curves = `document.querySelectorAll(".c-work .lastrun").length === 2`, `document.querySelector(".chart polyline")?.getAttribute("points").split(" ").length > 9`
	for _, p := range []struct {
		name, path, theme, until string
		width, height            int64
	}{
		{"overview", "/", "light", jobs, 1280, 1000},
		{"overview-dark", "/", "dark", jobs, 1280, 1000},
		{"http-dark", "/services/shop/admin", "dark", curves, 1280, 700},
		{"job", "/services/shop/jobs/invoices", "light", `document.querySelectorAll(".chart .bar").length > 23`, 1280, 840},
		{"telephone", "/?q=jobs", "light", jobs, 375, 1000},
	} {
		if p.width < 500 {
			b.resize(p.width, p.height, chromedp.EmulateMobile)
		} else {
			b.resize(p.width, p.height)
		}
		b.prefers(p.theme)
		b.do(chromedp.Navigate(d.url(p.path)))
		b.await(live)
		d.await("it can be drawn", func() bool {
			if response, err := http.Get(d.url("/livez")); err == nil { // so that there is something to see
				response.Body.Close()
			}
			return eval[bool](b, "Boolean("+p.until+")")
		})
		time.Sleep(300 * time.Millisecond) // let it be drawn; nothing is asserted of it
		shot, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
		if err == nil {
			shot, err = small(shot)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, p.name+".png"), shot, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// small is a PNG with the 256 colours that it has most of, and for the others the nearest of those: of a page nobody sees
// that, and a repository keeps pictures for ever.
func small(shot []byte) ([]byte, error) {
	full, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		return nil, err
	}
	pixels := map[color.Color]int{}
	bounds := full.Bounds()
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			pixels[full.At(x, y)]++
		}
	}
	colours := slices.SortedFunc(maps.Keys(pixels), func(a, b color.Color) int { return cmp.Compare(pixels[b], pixels[a]) })
	palette := color.Palette(colours[:min(len(colours), 256)])
	nearest := map[color.Color]uint8{}
	for c := range pixels {
		nearest[c] = uint8(palette.Index(c))
	}
	few := image.NewPaletted(bounds, palette)
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			few.SetColorIndex(x, y, nearest[full.At(x, y)])
		}
	}
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	err = encoder.Encode(&out, few)
	return out.Bytes(), err
}
