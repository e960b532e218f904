package logring

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"math"
	"time"
)

// packer packs attributes, one after another: the kind of the value, the key, the value. Groups are spelled with dots.
type packer struct {
	text []byte
	n    int // attributes
}

// full tells whether a line has as much as it may have.
func (p packer) full() bool { return p.n >= widest || len(p.text) >= fattest }

// add packs an attribute, or those of a group. It returns what there is then, as append does, so that a few attributes
// need no more than the stack.
func (p packer) add(prefix string, a slog.Attr) packer {
	if p.full() {
		return p
	}
	if a.Value.Kind() == slog.KindLogValuer {
		a.Value = a.Value.Resolve()
	}
	kind := a.Value.Kind()
	switch kind {
	case slog.KindGroup:
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, sub := range a.Value.Group() {
			p = p.add(prefix, sub)
		}
		return p
	case slog.KindAny:
		if a.Value.Any() == nil && a.Key == "" {
			return p // slog ignores it, too
		}
		kind, a.Value = slog.KindString, slog.StringValue(fmt.Sprint(a.Value.Any())) // which survives a String method that panics
	default: // as plain as can be
	}
	if len(prefix)+len(a.Key) > longest {
		prefix, a.Key = "", cut(prefix+a.Key)
	}
	text := appendText(append(p.text, byte(kind)), prefix, a.Key)
	return packer{appendValue(text, kind, a.Value), p.n + 1}
}

func appendValue(to []byte, kind slog.Kind, v slog.Value) []byte {
	switch kind {
	case slog.KindString:
		return appendText(to, "", cut(v.String()))
	case slog.KindInt64:
		return binary.LittleEndian.AppendUint64(to, uint64(v.Int64()))
	case slog.KindUint64:
		return binary.LittleEndian.AppendUint64(to, v.Uint64())
	case slog.KindFloat64:
		return binary.LittleEndian.AppendUint64(to, math.Float64bits(v.Float64()))
	case slog.KindDuration:
		return binary.LittleEndian.AppendUint64(to, uint64(v.Duration()))
	case slog.KindTime:
		return appendTime(to, v.Time())
	case slog.KindBool:
		if v.Bool() {
			return append(to, 1)
		}
		return append(to, 0)
	default: // add has made text of it
		return to
	}
}

// appendTime is t with its zone, as far as that can be packed.
func appendTime(to []byte, t time.Time) []byte {
	text, err := t.MarshalBinary()
	if err != nil {
		text, _ = t.UTC().MarshalBinary() // which has no zone that it could stumble over
	}
	return appendText(to, "", string(text))
}

const lengthSize = 2 // bytes. What cut leaves is no longer than that can tell

// appendText is a text that is given in two parts.
func appendText(to []byte, first, second string) []byte {
	to = binary.LittleEndian.AppendUint16(to, uint16(len(first)+len(second)))
	return append(append(to, first...), second...)
}

// line unpacks.
func (k *kept) line(id uint64) Line {
	u := unpacker{string(k.text)} // a copy, as the place will be used again
	line := Line{ID: id, Time: k.time, Level: k.level, Message: u.text()}
	for u.rest != "" {
		kind := slog.Kind(u.take(1)[0])
		line.Attrs = append(line.Attrs, slog.Attr{Key: u.text(), Value: u.value(kind)})
	}
	return line
}

// unpacker takes from the front what packer has put there.
type unpacker struct{ rest string }

func (u *unpacker) take(n int) string {
	taken := u.rest[:n]
	u.rest = u.rest[n:]
	return taken
}

func (u *unpacker) text() string {
	length := u.take(lengthSize)
	return u.take(int(length[0]) | int(length[1])<<8)
}

func (u *unpacker) number() uint64 { return binary.LittleEndian.Uint64([]byte(u.take(8))) }

func (u *unpacker) value(kind slog.Kind) slog.Value {
	switch kind {
	case slog.KindInt64:
		return slog.Int64Value(int64(u.number()))
	case slog.KindUint64:
		return slog.Uint64Value(u.number())
	case slog.KindFloat64:
		return slog.Float64Value(math.Float64frombits(u.number()))
	case slog.KindDuration:
		return slog.DurationValue(time.Duration(u.number()))
	case slog.KindTime:
		var t time.Time
		_ = t.UnmarshalBinary([]byte(u.text())) // MarshalBinary has made it
		return slog.TimeValue(t)
	case slog.KindBool:
		return slog.BoolValue(u.take(1) == "\x01")
	default:
		return slog.StringValue(u.text())
	}
}
