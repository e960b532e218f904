package main

// panics is how often a child that panics at once is run in a second.
func panics(s settings) []experiment {
	return []experiment{{
		rows:   []row{{name: "panics, 1 child", unit: perSecond, bound: atLeast(3)}},
		tend:   func() []float64 { return s.rate(inGroup, 1, panicAtOnce)[:1] },
		suture: func() []float64 { return s.rate(inSuture, 1, panicAtOnce)[:1] },
	}}
}

func panicAtOnce() error { panic(errFailed) }
