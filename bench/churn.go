package main

import (
	"sync"
	"time"
)

// churn is what it costs that members come and go. No bound speaks of it.
func churn(s settings) []experiment {
	n := count(s.crowd)
	return []experiment{{
		rows: []row{
			{name: "adding one of " + n + ", by 64 goroutines", unit: seconds},
			{name: "removing one of " + n + ", until it has returned", unit: seconds},
			{name: "adding one beside " + n + " and removing it when it works", unit: seconds},
		},
		tend:   func() []float64 { return inAlone("churn/tend", s) },
		suture: func() []float64 { return inAlone("churn/suture", s) },
	}}
}

const adders = 64

// churnSample gives the time an operation; of adds by several, the time in which all of them did
// one more.
func (s settings) churnSample(open func() crowd) []float64 {
	c := open()
	defer c.stop()
	all := newMembers(s.crowd)
	removes := make([]func(), s.crowd)
	began := time.Now()
	var adding sync.WaitGroup
	for k := range adders {
		adding.Go(func() {
			for i := k; i < s.crowd; i += adders {
				removes[i] = c.add(&all[i])
			}
		})
	}
	adding.Wait()
	add := time.Since(began)
	all[0].entered.Wait()

	few := s.crowd / 10
	began = time.Now()
	for i := range few {
		removes[i*10]()
	}
	remove := time.Since(began)

	began = time.Now()
	for range few {
		one := &newMembers(1)[0]
		removeIt := c.add(one)
		one.entered.Wait() // or tend would not run it at all
		removeIt()
	}
	both := time.Since(began)
	return []float64{
		add.Seconds() / float64(s.crowd), remove.Seconds() / float64(few), both.Seconds() / float64(few),
	}
}

// newMembers are members that can be removed.
func newMembers(n int) []member {
	entered, returned := new(sync.WaitGroup), new(sync.WaitGroup)
	entered.Add(n)
	returned.Add(n)
	all := make([]member, n)
	for i := range all {
		all[i] = member{crowdPath + memberName(i), entered, returned, make(chan struct{})}
	}
	return all
}
