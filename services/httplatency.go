package services

import (
	"math/bits"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

const (
	// latencyShards keep processors that count at the same moment from waiting for each other.
	latencyShards = 8

	// Four buckets lead from one power of two to the next, of microseconds, so the middle of one is off by an
	// eighth at most. The first has all below 4µs, the last all from 100s on.
	latencySteps   = 4
	latencyBuckets = latencySteps * 25
)

// latencies counts how long the answers to requests took. Its zero value counts from none.
type latencies struct{ shards [latencyShards]latencyShard }

type latencyShard struct {
	counts [latencyBuckets]atomic.Uint64
	_      [64]byte // the next shard begins in another line of the cache
}

func (l *latencies) add(took time.Duration) {
	l.shards[rand.Uint32()%latencyShards].counts[latencyBucket(took)].Add(1)
}

// latencyBucket is the bucket of a duration.
func latencyBucket(took time.Duration) int {
	us := uint64(max(took, 0) / time.Microsecond)
	if us < latencySteps {
		return 0
	}
	power := bits.Len64(us) - 3 // of the step, as 4µs to 7µs are a bucket each
	return min(power*latencySteps+int(us>>power)-latencySteps+1, latencyBuckets-1)
}

// latencyBelow is where a bucket ends.
func latencyBelow(bucket int) time.Duration {
	power, step := bucket/latencySteps, bucket%latencySteps
	return time.Duration(latencySteps+step) << power * time.Microsecond
}

// HTTPLatency is how many requests took less than Below, and not less than the one before it.
type HTTPLatency struct {
	Below time.Duration `json:"below"` // in nanoseconds; 0: any time
	Count int           `json:"count"`
}

// sum is the buckets that are not empty, in order, and how many requests there are in all.
func (l *latencies) sum() (buckets []HTTPLatency, total int) {
	for i := range latencyBuckets {
		n := 0
		for s := range l.shards {
			n += int(l.shards[s].counts[i].Load()) //nolint:gosec // it counts from 0
		}
		if n == 0 {
			continue
		}
		below := latencyBelow(i)
		if i == latencyBuckets-1 {
			below = 0
		}
		buckets = append(buckets, HTTPLatency{below, n})
		total += n
	}
	return buckets, total
}
