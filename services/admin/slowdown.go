package admin

import (
	"sync"
	"time"
)

const (
	freeTries = 10
	triesGap  = 200 * time.Millisecond // then one in so long is answered
	triesWait = 5 * time.Second        // and none waits longer
)

// slowdown spreads what comes too fast: after a few at once, one after another, and what would have to wait too long
// is refused. So only few wait at a time, however many come.
type slowdown struct {
	mu   sync.Mutex
	free time.Time // when the next one after those that wait may go
}

// next is how long this one has to wait; not ok: there are too many.
func (s *slowdown) next(now time.Time) (wait time.Duration, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if earliest := now.Add(-freeTries * triesGap); s.free.Before(earliest) {
		s.free = earliest
	}
	wait = s.free.Add(triesGap).Sub(now)
	if wait > triesWait {
		return 0, false
	}
	s.free = s.free.Add(triesGap)
	return max(0, wait), true
}
