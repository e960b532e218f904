package main

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

// members is what it costs to start, to have and to stop very many that do nothing.
func members(s settings) []experiment {
	n := count(s.crowd)
	return []experiment{{
		rows: []row{
			{name: "memory of a member, of " + n, unit: bytes, bound: atMost(1.15)},
			{name: "— of that, stacks", unit: bytes},
			{name: "— live objects and stacks", unit: bytes},
			{name: "— resident (RSS)", unit: bytes},
			{name: "starting " + n, unit: seconds},
			{name: "stopping " + n, unit: seconds},
			{name: "starting and stopping " + n, unit: seconds, bound: atMost(1.25)},
		},
		tend:   func() []float64 { return inAlone("members/tend", s) },
		suture: func() []float64 { return inAlone("members/suture", s) },
	}}
}

// membersSample adds from one goroutine until all have entered Serve, weighs, and stops until Serve
// and all members have returned.
func (s settings) membersSample(open func() crowd) []float64 {
	c := open()
	var entered, returned sync.WaitGroup
	entered.Add(s.crowd)
	returned.Add(s.crowd)
	before := weigh()
	began := time.Now()
	for i := range s.crowd {
		c.add(&member{named: crowdPath + memberName(i), entered: &entered, returned: &returned})
	}
	entered.Wait()
	start := time.Since(began).Seconds()

	after := weigh()
	n := float64(s.crowd)
	began = time.Now()
	c.stop()
	returned.Wait()
	stop := time.Since(began).Seconds()
	return []float64{
		(after.inUse() - before.inUse()) / n,
		(after.stacks - before.stacks) / n,
		(after.live + after.stacks - before.live - before.stacks) / n,
		(after.resident - before.resident) / n,
		start, stop, start + stop,
	}
}

// weight is what the process holds, in bytes.
//
// What a member costs is the growth of heap and stacks in use. In use, not live: a span with one
// live object in it is memory that nobody else gets, so a supervisor that leaves holes pays for
// them. The structures of the collector are left out, as they grow in steps of whole arenas and by
// what the heap once was; they show in the resident size, which stands there to compare.
type weight struct {
	heap, live, stacks, resident float64
}

func (w weight) inUse() float64 { return w.heap + w.stacks }

// weigh collects twice: the first shrinks the stacks and queues what has finalizers and cleanups,
// the second frees it. A goroutine that has just blocked may still be on its way out of the way.
func weigh() weight {
	time.Sleep(50 * time.Millisecond)
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	debug.FreeOSMemory() // or the resident size would be that of the busiest moment
	return weight{
		heap:     float64(m.HeapInuse),
		live:     float64(m.HeapAlloc),
		stacks:   float64(m.StackInuse),
		resident: resident(),
	}
}

// resident is the RSS of this process; not a number where there is no /proc.
func resident() float64 {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return math.NaN()
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var kib float64
		if line, ok := strings.CutPrefix(lines.Text(), "VmRSS:"); ok {
			if _, err := fmt.Sscan(line, &kib); err == nil {
				return kib * 1024
			}
		}
	}
	return math.NaN()
}
