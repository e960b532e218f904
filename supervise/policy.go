package supervise

import (
	"errors"
	"fmt"
	"time"
)

// The defaults of a Policy.
const (
	defaultMinBackoff   = 100 * time.Millisecond
	defaultMaxBackoff   = 30 * time.Second
	leastResetAfter     = 10 * time.Second
	defaultWindow       = time.Minute
	defaultStartTimeout = 30 * time.Second
	defaultStopTimeout  = 10 * time.Second
)

// none stands for every negative duration that switches something off.
const none time.Duration = -1

// Restart says after which ends of a run another follows.
type Restart int

const (
	Always    Restart = iota // after every end: OTP permanent
	OnFailure                // after an error or a panic, not after nil: OTP transient
	Never                    // after none: OTP temporary
)

var restartNames = [...]string{"always", "on-failure", "never"}

// String is the name in a policy's text: always, on-failure or never.
func (r Restart) String() string {
	if r < 0 || int(r) >= len(restartNames) {
		return fmt.Sprintf("restart(%d)", int(r))
	}
	return restartNames[r]
}

// Policy says how a child is restarted and stopped. The zero value restarts it always, for ever,
// after a delay that grows from 100 ms to 30 s. Its text form is described at ParsePolicy.
type Policy struct {
	// Restart says after which ends of a run another follows. ErrDone and Fatal are beyond it.
	Restart Restart

	// MinBackoff is the delay before the first restart; it doubles with each further one, up to
	// MaxBackoff, and up to half of it is added at random.
	// 0: 100ms; <0: no delay at all. (systemd: RestartSec)
	MinBackoff time.Duration

	// MaxBackoff bounds the delay, without the random part. 0: 30s, or MinBackoff if that is more.
	// (systemd: RestartMaxDelaySec)
	MaxBackoff time.Duration

	// ResetAfter is how long a run has to last for the delay to begin at MinBackoff again.
	// 0: MaxBackoff, at least 10s.
	ResetAfter time.Duration

	// MaxRestarts within Window are made; when one more is due, the child is given up, and its
	// group fails. 0: no limit; <0: not even one. (OTP: intensity; systemd: StartLimitBurst)
	MaxRestarts int

	// Window is the time over which restarts are counted. 0: 1m. (OTP: period)
	Window time.Duration

	// FailStart gives the child up at once when a run fails and none was ever ready, as OTP does
	// when init fails. It means something only for a child that calls Ready.
	FailStart bool

	// StartTimeout is how long a child that calls Ready may be Starting; then its run is told to
	// stop, and has failed. 0: 30s, none for a Group; <0: none. (systemd: TimeoutStartSec)
	StartTimeout time.Duration

	// StopTimeout is how long a run may take to return when it is told to stop. Less if a group
	// above has less left. 0: 10s, none for a Group; <0: none. (OTP: shutdown; systemd:
	// TimeoutStopSec)
	StopTimeout time.Duration

	// CrashOnPanic lets a panic end the process, with Go's own report, instead of failing the run.
	CrashOnPanic bool
}

// withDefaults fills in what is documented at the fields; whatever is negative becomes -1. A
// patient child is one that bounds itself: a group.
func (p Policy) withDefaults(patient bool) Policy {
	startTimeout, stopTimeout := defaultStartTimeout, defaultStopTimeout
	if patient {
		startTimeout, stopTimeout = none, none
	}
	p.MinBackoff = orDefault(p.MinBackoff, defaultMinBackoff)
	p.MaxBackoff = orDefault(p.MaxBackoff, max(defaultMaxBackoff, p.MinBackoff))
	p.ResetAfter = orDefault(p.ResetAfter, max(p.MaxBackoff, leastResetAfter))
	p.Window = orDefault(p.Window, defaultWindow)
	p.StartTimeout = orDefault(p.StartTimeout, startTimeout)
	p.StopTimeout = orDefault(p.StopTimeout, stopTimeout)
	p.MaxRestarts = max(p.MaxRestarts, -1)
	return p
}

func orDefault(d, standard time.Duration) time.Duration {
	switch {
	case d == 0:
		return standard
	case d < 0:
		return none
	default:
		return d
	}
}

// delay is the time before restart n, from 0, of a policy with defaults:
// min(MaxBackoff, MinBackoff*2^n), and a random part, given in [0,1), of half of that.
func (p *Policy) delay(n int, random float64) time.Duration {
	if p.MinBackoff < 0 {
		return 0
	}
	d := p.MinBackoff
	for ; n > 0 && d < p.MaxBackoff; n-- {
		if d > p.MaxBackoff/2 {
			d = p.MaxBackoff // doubling could overflow
			break
		}
		d *= 2
	}
	more := time.Duration(random * float64(d) / 2)
	if d+more < d { // centuries
		return d
	}
	return d + more
}

// check refuses a policy that contradicts itself.
func (p Policy) check() error {
	switch {
	case p.Restart < Always || p.Restart > Never:
		return fmt.Errorf("Restart: unknown: %d", int(p.Restart))
	case p.MaxBackoff < 0:
		return fmt.Errorf("MaxBackoff: negative: %s", p.MaxBackoff)
	case p.ResetAfter < 0:
		return fmt.Errorf("ResetAfter: negative: %s", p.ResetAfter)
	case p.Window < 0:
		return fmt.Errorf("Window: negative: %s", p.Window)
	case p.MaxBackoff > 0 && p.MinBackoff > p.MaxBackoff:
		return fmt.Errorf("MinBackoff: %s is more than MaxBackoff, %s", p.MinBackoff, p.MaxBackoff)
	default:
		return nil
	}
}

var errZero = errors.New("zero")
