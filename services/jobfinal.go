package services

import (
	"errors"
	"time"

	"github.com/thejerf/suture/v4"

	"tend.example/tend/supervise"
)

// What a run may say for good.

// isFinal tells whether err says what no other try would change, whatever OnError is: that the job is finished for good, or
// that the whole tree is to end. A panic says neither, whatever its value.
func isFinal(err error) bool { return isFinished(err) || isFatal(err) }

func isFinished(err error) bool {
	return errors.Is(err, supervise.ErrDone) && !isFatal(err) && !isPanic(err)
}

func isFatal(err error) bool {
	return errors.Is(err, suture.ErrTerminateSupervisorTree) && !isPanic(err)
}

func isPanic(err error) bool {
	var panicked *supervise.PanicError
	return errors.As(err, &panicked)
}

// finish ends the schedule of a job that says by err that it is finished for good. Other runs of it that are under way
// go on. The caller holds the lock.
func (j *Job) finish(err error) {
	s := &j.state
	s.finished, s.next, s.blocked = err, time.Time{}, false
	j.turnAway()
	s.backlog = nil
	s.seat.rota.plan(s.seat)
}
