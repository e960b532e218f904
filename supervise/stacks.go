package supervise

import (
	"bytes"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
)

// most is how many frames of a panic's stack are kept.
const most = 100

// stackOfPanic is the stack at the panic that a deferred function of this goroutine recovers from,
// the culprit first, in Go's own form without the arguments. To have the runtime write it takes four times as long.
func stackOfPanic() []byte {
	var room [most]uintptr
	pcs := room[:runtime.Callers(1, room[:])]
	frames := runtime.CallersFrames(pcs)
	text := make([]byte, 0, 1024)
	begun := false
	for {
		frame, more := frames.Next()
		switch {
		case begun:
			text = appendFrame(text, &frame)
		case frame.Function == "runtime.gopanic": // before it is only what recovers
			begun = true
		}
		if !more {
			break
		}
	}
	if len(pcs) == most {
		text = append(text, "...more frames left out...\n"...)
	}
	return text
}

func appendFrame(text []byte, frame *runtime.Frame) []byte {
	text = append(text, frame.Function...)
	text = append(text, "(...)\n\t"...)
	text = append(text, frame.File...)
	text = append(text, ':')
	text = strconv.AppendInt(text, int64(frame.Line), 10)
	return append(text, '\n')
}

// stacksByService is the stacks of all goroutines that bear the pprof label service, by its value, in
// the text form of the goroutine profile. It stops the world for a moment.
func stacksByService() map[string][]byte {
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		return nil // a bytes.Buffer takes everything
	}
	found := map[string][]byte{}
	for stack := range bytes.SplitSeq(profile.Bytes(), []byte("\n\n")) {
		service, ok := serviceOf(stack)
		if !ok {
			continue
		}
		if before := found[service]; before != nil {
			found[service] = append(before, "\n\n"...)
		}
		found[service] = append(found[service], bytes.TrimSpace(stack)...)
	}
	return found
}

// serviceOf looks for the label in the line of labels only: a function's name proves nothing.
func serviceOf(stack []byte) (path string, ok bool) {
	for line := range bytes.SplitSeq(stack, []byte("\n")) {
		if labels, ok := bytes.CutPrefix(line, []byte("# labels: {")); ok {
			return label(labels)
		}
	}
	return "", false
}

// label is the value of service in "key":"value", "key":"value"}.
func label(labels []byte) (value string, ok bool) {
	for rest := string(labels); ; {
		key, after, ok := quoted(rest)
		if !ok || after == "" {
			return "", false
		}
		value, after, ok = quoted(after[1:]) // after the colon
		if !ok || key == "service" {
			return value, ok
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
