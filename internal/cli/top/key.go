package top

import "unicode/utf8"

// key is a key that was pressed: a rune, or one of these.
type key rune

// Keys that are no characters are outside of what a rune can be.
const (
	keyUp key = utf8.MaxRune + 1 + iota
	keyDown
	keyPageUp
	keyPageDown
	keyHome
	keyEnd
	keyEnter
	keyEscape
	keyErase
	keyUnknown
)

const (
	ctrlC = key(3)
	ctrlD = key(4)
	ctrlL = key(12)
	ctrlU = key(21)
	ctrlZ = key(26)
)

// decode takes keys from what a terminal has sent, and leaves what is not whole yet. At the end of a pause nothing more
// comes: what is left then is what it is.
func decode(sent []byte, pause bool) (keys []key, left []byte) {
	for len(sent) > 0 {
		k, n := one(sent, pause)
		if n == 0 {
			break
		}
		if k != keyUnknown {
			keys = append(keys, k)
		}
		sent = sent[n:]
	}
	return keys, sent
}

// one is the first key, and how many bytes it takes; 0: it is not whole yet.
func one(sent []byte, pause bool) (key, int) {
	switch b := sent[0]; {
	case b == '\r' || b == '\n':
		return keyEnter, 1
	case b == 0x7f || b == '\b':
		return keyErase, 1
	case b == 0x1b:
		return escape(sent, pause)
	case b < utf8.RuneSelf:
		return key(b), 1
	}
	if !utf8.FullRune(sent) && !pause {
		return 0, 0
	}
	r, n := utf8.DecodeRune(sent)
	if r == utf8.RuneError {
		return keyUnknown, n
	}
	return key(r), n
}

// escape reads what begins with ESC: by itself, or as CSI or SS3, with parameters and a last byte.
func escape(sent []byte, pause bool) (key, int) {
	switch {
	case len(sent) == 1 && pause:
		return keyEscape, 1
	case len(sent) == 1:
		return 0, 0
	case sent[1] != '[' && sent[1] != 'O':
		return keyEscape, 1
	}
	for i := 2; i < len(sent); i++ {
		if last := sent[i]; last >= 0x40 && last <= 0x7e {
			return named(string(sent[2:i]), last), i + 1
		}
	}
	if pause || len(sent) > 32 {
		return keyUnknown, len(sent)
	}
	return 0, 0
}

func named(parameters string, last byte) key {
	switch last {
	case 'A':
		return keyUp
	case 'B':
		return keyDown
	case 'H':
		return keyHome
	case 'F':
		return keyEnd
	case 'M':
		return keyEnter // of the keypad
	case '~':
		switch parameters {
		case "1", "7":
			return keyHome
		case "4", "8":
			return keyEnd
		case "5":
			return keyPageUp
		case "6":
			return keyPageDown
		}
	}
	return keyUnknown
}
