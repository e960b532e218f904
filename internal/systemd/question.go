package systemd

import "tend.example/tend/supervise"

// question asks the tree how it is. One that is wedged never answers, and is asked no more.
type question struct {
	status  func() supervise.Status
	answers chan supervise.Status

	asking, again bool // again: something has happened since it was asked
}

func (q *question) ask() {
	if q.asking {
		q.again = true
		return
	}
	q.asking, q.again = true, false
	go func() { q.answers <- q.status() }()
}

// answered is for who has received an answer.
func (q *question) answered() {
	q.asking = false
	if q.again {
		q.ask()
	}
}
