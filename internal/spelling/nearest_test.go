package spelling_test

import (
	"testing"

	"tend.example/tend/internal/spelling"
)

func TestNearestIsWhatWasMeant(t *testing.T) {
	known := []string{"stacks", "start", "status", "stop", "tree", "log-level"}
	for word, want := range map[string]string{
		"stauts":    "status", // swapped, which counts once
		"statsu":    "status",
		"statuss":   "status",
		"satrt":     "start",
		"tre":       "tree",
		"eert":      "", // four letters, and none in its place
		"loglevel":  "log-level",
		"stray":     "",
		"":          "",
		"something": "",
		"stop":      "stop",
	} {
		if got := spelling.Nearest(word, known); got != want {
			t.Errorf("Nearest(%q): got %q, want %q", word, got, want)
		}
	}
}
