package dashboard_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The colours that stand on each other, and how far they have to be apart: 4.5 is what WCAG 2.2 AA wants of text (1.4.3),
// 3 of what one has to see to use a page (1.4.11).
var pairs = []struct {
	ratio   float64
	front   string
	grounds string
}{
	{4.5, "text", "page surface raised good-wash warn-wash bad-wash busy-wash rest-wash"},
	{4.5, "quiet", "page surface raised warn-wash bad-wash rest-wash"},
	{4.5, "link", "page surface"},
	{4.5, "good", "page surface good-wash"},
	{4.5, "warn", "page surface warn-wash"},
	{4.5, "bad", "page surface raised bad-wash warn-wash"},
	{4.5, "busy", "page surface busy-wash"},
	{4.5, "rest", "page surface rest-wash"},
	{4.5, "on-primary", "primary"},
	{4.5, "on-danger", "danger"},
	{3, "strong-line", "page surface"},
	{3, "focus", "page surface raised"},
	{3, "primary", "page surface"},
	{3, "good-bar", "surface"},
	{3, "busy-bar", "surface"},
}

var token = regexp.MustCompile(`--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);`)

func TestColoursCanBeToldApart(t *testing.T) {
	css, err := os.ReadFile("assets/dashboard.css")
	if err != nil {
		t.Fatal(err)
	}
	themes := [2]map[string]string{{}, {}}
	for _, found := range token.FindAllStringSubmatch(string(css), -1) {
		themes[0][found[1]], themes[1][found[1]] = found[2], found[3]
	}
	for i, theme := range []string{"light", "dark"} {
		for _, pair := range pairs {
			for _, ground := range strings.Fields(pair.grounds) {
				front, back := themes[i][pair.front], themes[i][ground]
				if front == "" || back == "" {
					t.Fatalf("there is no --%s or no --%s", pair.front, ground)
				}
				if got := contrast(front, back); got < pair.ratio {
					t.Errorf("%s: --%s on --%s: %.2f to 1, want %.1f", theme, pair.front, ground, got, pair.ratio)
				}
			}
		}
	}
}

// A colour that is no token would be in no pair.
func TestColoursAreSaidOnce(t *testing.T) {
	hex := regexp.MustCompile(`#[0-9a-fA-F]{3,8}\b`)
	for _, file := range []string{"dashboard.css", "tree.css", "service.css"} {
		css, err := os.ReadFile(filepath.Join("assets", file))
		if err != nil {
			t.Fatal(err)
		}
		for number, line := range strings.Split(string(css), "\n") {
			if hex.MatchString(line) && !token.MatchString(line) && !strings.Contains(line, "box-shadow") && !strings.Contains(line, "::backdrop") {
				t.Errorf("%s:%d: a colour that is no token: %s", file, number+1, line)
			}
		}
	}
}

func TestContrastIsThatOfWCAG(t *testing.T) {
	for pair, want := range map[[2]string]string{
		{"#000000", "#ffffff"}: "21.00",
		{"#777777", "#ffffff"}: "4.48", // the best known near miss
		{"#ff0000", "#ffffff"}: "4.00",
	} {
		if got := fmt.Sprintf("%.2f", contrast(pair[0], pair[1])); got != want {
			t.Errorf("%v: got %s, want %s", pair, got, want)
		}
	}
}

// contrast is the ratio of https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio.
func contrast(a, b string) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(hex string) float64 {
	weights, sum := []float64{0.2126, 0.7152, 0.0722}, 0.0
	for i, weight := range weights {
		n, _ := strconv.ParseUint(hex[1+2*i:3+2*i], 16, 8)
		c := float64(n) / 255
		if c <= 0.04045 {
			sum += weight * c / 12.92
		} else {
			sum += weight * math.Pow((c+0.055)/1.055, 2.4)
		}
	}
	return sum
}
