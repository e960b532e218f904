package supervise

import (
	"fmt"
	"math"
	"time"
)

// Restart says after which ends of a run another one follows. Whatever it is, [ErrDone] ends the
// child for good and [Fatal] the whole tree.
type Restart int

const (
	// Always restarts after every run, clean or failed: what the program can't do without. It is
	// OTP's permanent and systemd's Restart=always.
	Always Restart = iota
	// OnFailure restarts after a failed run; a clean one is Done. It is OTP's transient and
	// systemd's Restart=on-failure.
	OnFailure
	// Never restarts nothing: a clean run is Done, a failed one Failed, and the group lives on. It
	// is OTP's temporary and systemd's Restart=no.
	Never
)

var restartNames = []string{"always", "on-failure", "never"}

// String is the name in the text form of a policy: "always", "on-failure" or "never".
func (r Restart) String() string {
	if r < 0 || int(r) >= len(restartNames) {
		return fmt.Sprintf("restart(%d)", int(r))
	}
	return restartNames[r]
}

const (
	defaultMinBackoff   = 100 * time.Millisecond
	defaultMaxBackoff   = 30 * time.Second
	defaultResetAfter   = 10 * time.Second // at least
	defaultWindow       = time.Minute
	defaultStartTimeout = 30 * time.Second
	defaultStopTimeout  = 10 * time.Second
)

// Policy says how one child is restarted and stopped. The zero value restarts it always, after a
// growing delay and without a limit. Every zero field stands for its default, and where a field
// may be negative, every negative value means the same.
//
// [ParsePolicy] describes its text form, which flags, JSON and the like use by themselves.
type Policy struct {
	// Restart says after which ends of a run another one follows: Always (the default), OnFailure
	// or Never. The rule is OTP's restart type.
	Restart Restart

	// MinBackoff is the delay before the first restart. It doubles with every further failure, up to
	// MaxBackoff, and to each delay up to half of it is added at random, so that many children that
	// failed together don't come back together. 0: 100ms, or MaxBackoff if that is less; negative:
	// no delay at all. It is systemd's RestartSec=; OTP knows no delay.
	MinBackoff time.Duration

	// MaxBackoff is where the delay stops growing, before the random part. 0: 30s, or MinBackoff if
	// that is more. It can't be negative, nor less than MinBackoff. It is systemd's
	// RestartMaxDelaySec=.
	MaxBackoff time.Duration

	// ResetAfter is how long a run has to last to make the failures before it forgotten: the next
	// delay is MinBackoff again. It does not touch the count of MaxRestarts. 0: MaxBackoff, but at
	// least 10s. It can't be negative.
	ResetAfter time.Duration

	// MaxRestarts is how many restarts there may be within Window. When one more is due the child is
	// Failed, and its group stops the other children and fails with a [LimitError]. 0: no limit;
	// negative: not even one. It is OTP's intensity, counted for each child alone and not for all of
	// a supervisor, and systemd's StartLimitBurst=, which counts the first start too.
	MaxRestarts int

	// Window is the time in which MaxRestarts counts, back from now: restarts before it are
	// forgotten. 0: 1m. It can't be negative. It is OTP's period and systemd's
	// StartLimitIntervalSec=.
	Window time.Duration

	// FailStart gives the child up, as beyond MaxRestarts but with the error itself, when a run fails
	// before any run since the start of the group was ready. false: it is restarted as at any other
	// time. It means something only for a child that calls Ready. This is how OTP does it: a
	// supervisor whose child fails to start fails to start.
	FailStart bool

	// StartTimeout is how long a run may take to call Ready. After it the run is told to stop, with
	// the cause [ErrStartTimeout], and counts as failed. It means something only for a child that
	// calls Ready. 0: 30s, and none for a child that is a group itself; negative: none. It is
	// systemd's TimeoutStartSec=.
	StartTimeout time.Duration

	// StopTimeout is how long a run may take to return once it is told to stop; a group above with
	// less left shortens it. A run that is not back soon after is Stuck. 0: 10s, and none for a child
	// that is a group itself, whose children have theirs; negative: none. It is OTP's shutdown, with
	// the same infinity for supervisors, and systemd's TimeoutStopSec=. But a goroutine can't be
	// killed: where those kill, tend abandons it and says so.
	StopTimeout time.Duration

	// Heartbeat is the longest silence between two calls of [Beat], from the moment the child is
	// Running. After it the run is told to stop, with the cause [ErrHung], and counts as failed; one that
	// does not stop is Stuck. Time in which the whole process stood still does not count, but for a
	// standstill shorter than a quarter of this, so beat at least twice as often. 0: not
	// watched. It can't be negative, and a child that is a group or a pool itself is not watched. It is
	// systemd's WatchdogSec= and Kubernetes' liveness probe.
	Heartbeat time.Duration

	// CrashOnPanic lets a panic of the child end the process, with Go's own message, as without
	// supervision: for code whose state can't be trusted after one. false: it is a failed run, with
	// a [PanicError].
	CrashOnPanic bool
}

// WithDefaults is p with every default filled in, as a child has it that is no group and no pool: -1 stands for none.
func (p Policy) WithDefaults() Policy { return p.withDefaults(false) }

// withDefaults is p with every default filled in, and -1 wherever there is none. What is legal stays
// so. A patient child, a group or a pool, ends by itself when its own children have.
func (p Policy) withDefaults(patient bool) Policy {
	start, stop := defaultStartTimeout, defaultStopTimeout
	if patient {
		start, stop = -1, -1
	}
	least := defaultMinBackoff
	if p.MaxBackoff > 0 {
		least = min(least, p.MaxBackoff)
	}
	p.MinBackoff = orDefault(p.MinBackoff, least)
	p.MaxBackoff = orDefault(p.MaxBackoff, max(defaultMaxBackoff, p.MinBackoff))
	p.ResetAfter = orDefault(p.ResetAfter, max(defaultResetAfter, p.MaxBackoff))
	p.MaxRestarts = max(p.MaxRestarts, -1)
	p.Window = orDefault(p.Window, defaultWindow)
	p.StartTimeout = orDefault(p.StartTimeout, start)
	p.StopTimeout = orDefault(p.StopTimeout, stop)
	return p
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return max(d, -1)
}

// delay is how long to wait before restart n, counted from 0, of a policy with its defaults. random
// is from [0,1).
func (p Policy) delay(n int, random float64) time.Duration {
	if p.MinBackoff < 0 {
		return 0
	}
	d := p.MaxBackoff
	if n = max(n, 0); p.MinBackoff <= p.MaxBackoff>>n { // shifts down, as up might overflow
		d = p.MinBackoff << n
	}
	more := time.Duration(random * float64(d/2))
	return d + min(more, math.MaxInt64-d)
}

// check refuses what has no meaning, naming the field.
func (p Policy) check() error {
	switch {
	case p.Restart < Always || p.Restart > Never:
		return fmt.Errorf("Restart: unknown: %d", int(p.Restart))
	case p.MaxBackoff < 0:
		return negative("MaxBackoff", p.MaxBackoff)
	case p.MaxBackoff > 0 && p.MinBackoff > p.MaxBackoff:
		return fmt.Errorf("MinBackoff: %s is more than MaxBackoff, %s", p.MinBackoff, p.MaxBackoff)
	case p.ResetAfter < 0:
		return negative("ResetAfter", p.ResetAfter)
	case p.Window < 0:
		return negative("Window", p.Window)
	case p.Heartbeat < 0:
		return negative("Heartbeat", p.Heartbeat)
	default:
		return nil
	}
}

func negative(field string, d time.Duration) error {
	return fmt.Errorf("%s: negative: %s", field, d)
}
