package supervise

import (
	"bytes"
	"runtime/pprof"
	"strconv"
)

// stacksOf is the stacks of the goroutines that bear the pprof label service=path, in the text
// form of the goroutine profile. It stops the world for a moment.
func stacksOf(path string) []byte {
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		return []byte("no stacks: " + err.Error())
	}
	label := []byte(`"service":` + strconv.Quote(path))
	var found [][]byte
	for stack := range bytes.SplitSeq(profile.Bytes(), []byte("\n\n")) {
		if hasLabel(stack, label) {
			found = append(found, bytes.TrimSpace(stack))
		}
	}
	return bytes.Join(found, []byte("\n\n"))
}

// hasLabel looks for a label in the line of labels only: a function's name proves nothing.
func hasLabel(stack, label []byte) bool {
	for line := range bytes.SplitSeq(stack, []byte("\n")) {
		if bytes.HasPrefix(line, []byte("# labels: ")) && bytes.Contains(line, label) {
			return true
		}
	}
	return false
}
