package logring

import (
	"log/slog"
	"strings"
	"sync/atomic"
	"time"
)

const (
	mostAlike = 100 // lines of a second that are alike
	remarks   = 256 // kinds of lines that are counted at a time
	brief     = 256 // bytes of a message that is counted
)

// floods counts lines that are alike: of one logger, level and message. A busy server's log of requests would otherwise
// leave nothing else in the ring, at a cost that its requests feel. The zero value has counted none.
type floods [remarks]atomic.Pointer[flood]

type flood struct {
	logger  uint64
	level   slog.Level
	message string

	second atomic.Int64 // since 1970
	lines  atomic.Int64 // in it; more or less, where it begins
}

// count counts a line, and tells how many are like it in its second.
func (f *floods) count(logger uint64, record *slog.Record) int64 {
	if len(record.Message) > brief {
		return 0
	}
	at := record.Time
	if at.IsZero() { // as a record may be
		at = time.Now()
	}
	now, place := at.Unix(), &f[placeOf(logger, record.Message)]
	same := place.Load()
	if same == nil || same.logger != logger || same.level != record.Level || same.message != record.Message {
		same = &flood{logger: logger, level: record.Level, message: strings.Clone(record.Message)}
		same.second.Store(now)
		place.Store(same) // of the one that had the place nothing is known any more
	}
	if second := same.second.Load(); second != now && same.second.CompareAndSwap(second, now) {
		same.lines.Store(0)
	}
	return same.lines.Add(1)
}

// placeOf is a hash (FNV-1a) that looks at the beginning of a message only.
func placeOf(logger uint64, message string) uint64 {
	const prime = 0x100000001b3
	hash := (0xcbf29ce484222325 ^ logger) * prime
	for i := range min(len(message), 32) {
		hash = (hash ^ uint64(message[i])) * prime
	}
	return (hash ^ hash>>32) % remarks
}

// omission is a line that stands for those of its second which are like record, and left out.
func omission(record *slog.Record) (line slog.Record, attrs []byte) {
	line = slog.NewRecord(record.Time, record.Level, "more like this are left out until the next second", 0)
	return line, packer{}.add("", slog.String("like", record.Message)).text
}
