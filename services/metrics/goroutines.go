package metrics

import (
	"bytes"
	"cmp"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
)

const defaultMaxGoroutines = 10_000

// goroutines counts those of each service, by the label that the tree gives them; ok is false when there are too many.
func (t *Tree) goroutines() (of map[string]int, ok bool) {
	if runtime.NumGoroutine() > cmp.Or(t.MaxGoroutines, defaultMaxGoroutines) {
		return nil, false
	}
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		return nil, false // a bytes.Buffer takes everything
	}
	of = map[string]int{}
	for stack := range bytes.SplitSeq(profile.Bytes(), []byte("\n\n")) {
		head, rest, _ := bytes.Cut(stack, []byte("\n"))
		if bytes.HasPrefix(head, []byte("goroutine profile:")) {
			head, rest, _ = bytes.Cut(rest, []byte("\n"))
		}
		number, _, isStack := bytes.Cut(head, []byte(" @ "))
		if n, err := strconv.Atoi(string(number)); isStack && err == nil {
			of[t.shownAs(serviceOf(rest))] += n
		}
	}
	return of, true
}

// serviceOf is the label service of a stack; "" when it has none.
func serviceOf(stack []byte) string {
	line, _, _ := bytes.Cut(stack, []byte("\n"))
	labels, ok := bytes.CutPrefix(line, []byte("# labels: {"))
	if !ok {
		return ""
	}
	for rest := string(labels); ; {
		key, after, ok := quoted(rest)
		if !ok || after == "" {
			return ""
		}
		value, after, ok := quoted(after[1:]) // after the colon
		if !ok || key == "service" {
			return value
		}
		rest = strings.TrimPrefix(after, ", ")
	}
}

// quoted takes a quoted text off the front.
func quoted(s string) (text, rest string, ok bool) {
	prefix, err := strconv.QuotedPrefix(s)
	if err != nil {
		return "", "", false
	}
	text, err = strconv.Unquote(prefix)
	return text, s[len(prefix):], err == nil
}
