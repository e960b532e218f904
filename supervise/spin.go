package supervise

import "sync"

// spinMutex is a mutex whose Lock tries for a while before it sleeps. What is done under a group's lock
// takes less than a microsecond, to be put to sleep and woken takes several, and when a thousand children
// fail at once, sleepers queue up and hand the lock from one to the next: each would wait for all before
// it. A sync.Mutex spins too, but only where no other goroutine wants the processor, which is just when
// it does not matter.
type spinMutex struct{ sync.Mutex }

// spins is for how long: some microseconds, which is what a sleep costs.
const spins = 1000

func (m *spinMutex) Lock() {
	for range spins {
		if m.TryLock() {
			return
		}
	}
	m.Mutex.Lock()
}
